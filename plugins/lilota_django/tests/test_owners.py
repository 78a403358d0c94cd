"""The owner of a call of a task function: said by `using`, kept with the task, and found by."""

from __future__ import annotations

import importlib.util
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import RequestFactory, override_settings
from lilota_django.client import get_client
from lilota_django.django_tasks.calls import name_of, to_input
from lilota_django.django_tasks.compat import InvalidTask
from lilota_django.django_tasks.functions import class_of
from lilota_django.django_tasks.task import DjangoTask
from shop import tasks

from lilota.contract import StoreCapabilities
from lilota.contract.forwarding import ForwardingStore
from lilota.errors import ConfigurationError
from lilota.testing.tasks import run_task

BACKEND = "lilota_django.LilotaBackend"
#: What there was before there were owners.
SUPPORTED = frozenset({"families", "headers"})

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "use-with-django.md"


class OlderStore(ForwardingStore):
    """A store that was written before there were owners."""

    def capabilities(self):
        return StoreCapabilities(description="an older store", durable=False, multi_process=False, supports=SUPPORTED)


@pytest.fixture(params=["memory", "sqlite"])
def client(request, tmp_path):
    """The client of a project whose tasks are in a store of lilota's own."""
    store = "memory" if request.param == "memory" else f"sqlite:///{tmp_path}/tasks.db"
    with override_settings(TASKS={"default": {"BACKEND": BACKEND}}, LILOTA={"STORE": store}):
        yield get_client()
        get_client().close()


def test_a_call_has_the_owner_that_it_was_given(client):
    """Each call its own, beside all other choices; a call of the same function without one has none."""
    result = tasks.stubborn.using(owner="user-17", priority=3).enqueue()
    bare = tasks.stubborn.enqueue()

    infos = [client.get(int(each.id)).info() for each in (result, bare)]
    assert [(info.owner, info.priority) for info in infos] == [("user-17", 3), (None, 0)]
    assert [task.id for task in client.find(owner="user-17")] == [int(result.id)]


def test_a_result_has_the_owner_of_its_call(client):
    """So what is enqueued again from it stays that user's."""
    result = tasks.stubborn.using(owner="user-17").enqueue()

    assert tasks.stubborn.get_result(result.id) == result
    assert tasks.stubborn.get_result(result.id).task.owner == "user-17"


def test_other_choices_keep_the_owner(client):
    """In whichever order they are made; and an owner is no option of the function, which has its class as before."""
    function = tasks.stubborn.using(owner="user-17").using(priority=3)

    assert (function.owner, function.priority) == ("user-17", 3)
    assert class_of(function).max_attempts == tasks.stubborn.max_attempts
    assert not hasattr(class_of(function), "owner")


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        ("", "An owner must be 1 to 200 printable characters"),
        ("a\nb", "An owner must be 1 to 200 printable characters"),
        ("x" * 10_000, "An owner has at most 200 characters"),
        (17, r"An owner must be text, not int: 17. Write owner=str"),
    ],
)
def test_what_can_be_no_owner_is_refused_by_using(client, owner, words):
    """With Django's own exception, as every other choice that can't be kept."""
    with pytest.raises(InvalidTask, match=words):
        tasks.stubborn.using(owner=owner)


def test_a_misspelt_choice_is_refused(client):
    """As Django does."""
    with pytest.raises(TypeError, match="ovner"):
        tasks.stubborn.using(ovner="user-17")


def test_a_store_that_would_lose_the_owner_is_named(client, monkeypatch):
    """Nothing is enqueued; without an owner the call works as before."""
    inner = client.store
    monkeypatch.setattr(client, "store", OlderStore(inner))

    with pytest.raises(ConfigurationError, match=r"\(an older store\) does not support owners; nothing was added"):
        tasks.stubborn.using(owner="user-17").enqueue()

    assert inner.get_all_tasks() == []
    assert tasks.stubborn.enqueue().id


def test_a_function_that_runs_knows_whose_call_it_is(client):
    """From the context that it gets."""
    call = to_input(tasks.whose, (), {}, "default", datetime.now(UTC))

    ran = run_task(DjangoTask.for_name(name_of(tasks.whose)), call, owner="user-17")

    assert ran.output["return_value"] == "user-17"


@pytest.fixture
def views(tmp_path):
    """The views of the page about Django, as they are printed there, with a function of the shop."""
    text = PAGE.read_text(encoding="utf-8").partition("## Whose task it is")[2]
    [code] = re.findall(r"^```python\n(.*?)^```$", text.partition("\n## ")[0], re.MULTILINE | re.DOTALL)
    file = tmp_path / "views_of_page.py"
    file.write_text(f"from shop.tasks import stubborn as send_invoice\n{code}", encoding="utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not part of this distribution")
def test_each_user_of_a_site_sees_tasks_of_their_own(client, views):
    """By the views of the page."""

    def ask(view, user, *arguments):
        request = RequestFactory().get("/")
        request.user = User(pk=user)
        return json.loads(view(request, *arguments).content)

    ordered = [ask(views.order, user, 1)["id"] for user in (17, 18, 17)]

    listed = ask(views.my_tasks, 17)["tasks"]
    assert [str(task["id"]) for task in listed] == [ordered[2], ordered[0]]
