"""Owners: whose task it is, said where it is added, and "my tasks" found, counted and acted on by that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cli_calls import end_task, start_task
from function_tasks import whose
from lilota_memory_store import MemoryTaskStore

from lilota.bulk import Fates
from lilota.client import TaskClient
from lilota.config import Settings
from lilota.contract import StoreCapabilities
from lilota.contract.forwarding import ForwardingStore
from lilota.errors import ConfigurationError, InvalidInputError
from lilota.models import TaskBase, TaskState
from lilota.plugins import Plugins
from lilota.registry import Registry
from lilota.runner import TaskRunner
from lilota.stores import open_store
from lilota.testing import assert_added
from lilota.testing.tasks import run_task

#: What can't be an owner, and what is said of it.
NO_OWNERS = [
    ("x" * 10_000, r"An owner has at most 200 characters; 'x{40}'\.\.\. has 10,000\."),
    ("", "An owner must be 1 to 200 printable characters, which '' is not"),
    (" ", "An owner must be 1 to 200 printable characters"),
    ("a\nb", r"which 'a\\nb' is not"),
    ("a\0", r"which 'a\\x00' is not"),
    ("\ud800", r"which '\\ud800' is not"),
    (17, r"An owner must be text, not int: 17\. Write owner=str\(\.\.\.\)\."),
    (["user-17"], "An owner must be text, not list"),
]


class OlderStore(ForwardingStore):
    """A store that was written before there were owners: it would lose them, and counts for nobody in particular."""

    def capabilities(self):
        return StoreCapabilities(description="an older store", durable=False, multi_process=False)

    def counts(self):
        return self.target().counts()


def make_client(store):
    settings = Settings()
    client = TaskClient(store, registry=Registry(Plugins(settings), settings), accept_unknown_names=True)
    client.register(whose)
    return client


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    url = "memory" if request.param == "memory" else f"sqlite:///{tmp_path / 'tasks.db'}"
    store = open_store(url, settings=Settings())
    store.open()
    yield store
    store.close()


@pytest.fixture
def client(store):
    return make_client(store)


@pytest.fixture
def older():
    return make_client(OlderStore(MemoryTaskStore()))


def found(client, **wanted):
    return [task.id for task in client.find(**wanted)]


# --- added


def test_a_task_has_the_owner_with_whom_it_was_added(client):
    """By name, as a call, and in each dict of many; None is the same as not to say one."""
    by_name, by_call = client.add("mail", owner="user-17"), client.add(whose.bind(), owner="Ünal <o@example.org> 用户")
    many = client.add_many([{"name": "mail", "owner": "user-18"}, {"name": whose.bind(), "owner": None}, whose.bind()])

    owners = [handle.info().owner for handle in (by_name, by_call, *many)]
    assert owners == ["user-17", "Ünal <o@example.org> 用户", "user-18", None, None]


def test_a_record_for_json_has_the_owner(client):
    """In the long form and in the short one, also where there is none."""
    info, bare = client.add("mail", owner="user-17").info(), client.add("mail").info()

    assert (info.to_dict()["owner"], info.summary()["owner"]) == ("user-17", "user-17")
    assert (bare.to_dict()["owner"], bare.summary()["owner"]) == (None, None)


@pytest.mark.parametrize(("owner", "said"), NO_OWNERS)
def test_what_can_be_no_owner_is_refused_where_it_is_added(client, store, owner, said):
    """In one sentence, and nothing of the call is added."""
    for add in (
        lambda: client.add("mail", owner=owner),
        lambda: client.add(whose.bind(), owner=owner),
        lambda: client.add_many([{"name": "mail"}, {"name": "mail", "owner": owner}]),
        lambda: next(client.map("mail", [{}], owner=owner)),
    ):
        with pytest.raises(InvalidInputError, match=said):
            add()

    assert store.get_all_tasks() == []


def test_an_owner_of_two_hundred_characters_is_none_too_many(client):
    """The limit itself is allowed."""
    owner = "用" * 200

    client.add("mail", owner=owner)

    assert len(found(client, owner=owner)) == 1


def test_a_store_that_would_lose_an_owner_is_named(older):
    """Nothing is added; without an owner, it takes tasks as before."""
    with pytest.raises(ConfigurationError, match=r"\(an older store\) does not support owners; nothing was added"):
        older.add_many([{"name": "mail"}, {"name": "mail", "owner": "user-17"}])

    assert older.store.get_all_tasks() == []
    assert older.add("mail", owner=None).info().owner is None


@pytest.mark.parametrize("argument", ["owner_id", "user", "user_id"])
def test_what_others_call_an_owner_is_understood(client, argument):
    """The error says what it is called here."""
    with pytest.raises(TypeError, match="Did you mean 'owner'"):
        client.add("mail", **{argument: "user-17"})


# --- found, counted and acted on


def test_my_tasks_are_found_among_those_of_others(client):
    """The newest first, and with whatever else is asked for."""
    mine = [client.add(name, owner="user-17").id for name in ("mail", "report", "mail")]
    client.add_many([{"name": "mail", "owner": "user-18"}, {"name": "mail"}])

    assert found(client, owner="user-17") == mine[::-1]
    assert found(client, owner="user-17", names=["mail"], limit=1) == [mine[2]]
    assert found(client, owner="user-17", since=datetime.now(UTC) + timedelta(hours=1)) == []
    assert found(client, owner="nobody") == []
    assert len(found(client, owner=None)) == 5


def test_my_tasks_that_ended_lately_are_found_by_their_end(client, store):
    """A store may know what ended lately, of whomever; those of others are left out then, too."""
    mine, _ = (end_task(store, start_task(store, owner=owner)) for owner in ("user-17", "user-18"))

    assert found(client, owner="user-17", since=datetime.now(UTC) - timedelta(hours=1)) == [mine]


def test_my_tasks_are_counted_without_those_of_others(client):
    """Without an owner, all are."""
    client.add_many([{"name": "mail", "owner": owner} for owner in ("user-17", "user-17", "user-18", None)])

    assert [row.count for row in client.counts(owner="user-17")] == [2]
    assert [row.count for row in client.counts()] == [4]
    assert client.counts(owner="nobody") == []


def test_my_tasks_have_statistics_of_their_own(client, store):
    """How many of them failed."""
    for owner, state in (
        ("user-17", TaskState.SUCCEEDED),
        ("user-17", TaskState.FAILED),
        ("user-18", TaskState.FAILED),
    ):
        end_task(store, start_task(store, owner=owner), state)

    [row] = client.stats(owner="user-17")

    assert (row.succeeded, row.failed) == (1, 1)


def test_my_tasks_are_cancelled_and_retried_without_those_of_others(client, store):
    """An owner alone is a filter; None is none, and never everybody's tasks."""
    others = client.add("mail", owner="user-18")
    client.add_many([{"name": "mail", "owner": "user-17"}] * 2)

    assert client.cancel(owner="user-17") == Fates(cancelled=2)
    assert client.retry(owner="user-17", states=["cancelled"]) == Fates(retried=2)
    with pytest.raises(ConfigurationError, match="Say which tasks to cancel"):
        client.cancel(owner=None)
    assert others.info().state is TaskState.PENDING


@pytest.mark.parametrize(("owner", "said"), NO_OWNERS)
def test_what_can_be_no_owner_is_no_condition(client, owner, said):
    """Whoever asks for it has made a mistake; an empty text must not mean everybody."""
    client.add("mail")

    for ask in (client.find, client.counts, client.stats, client.cancel, client.retry):
        with pytest.raises(ConfigurationError, match=said):
            ask(owner=owner)

    assert [task.state for task in client.find()] == [TaskState.PENDING]


def test_a_store_without_owners_is_not_asked_for_those_of_one(older):
    """It would answer with the tasks of everybody, and cancel them."""
    older.add("mail")

    for ask in (older.find, older.counts, older.stats, older.cancel, older.retry):
        with pytest.raises(ConfigurationError, match=r"\(an older store\) does not support owners: no task has one"):
            ask(owner="user-17")

    assert [row.state for row in older.counts()] == [TaskState.PENDING]


# --- in a task, and in tests of tasks


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_task_knows_whose_it_is(kind, tmp_path):
    """In its worker, whichever store it came through; all tasks of a map have its owner, as its other options."""
    url = "memory" if kind == "memory" else f"sqlite:///{tmp_path / 'tasks.db'}"
    runner = TaskRunner(url, 1, settings=Settings())
    runner.register(whose)

    with runner:
        handles = [runner.add(whose.bind(), owner="user-17"), runner.add("whose")]
        mapped = runner.client.map(whose, [{}, {}], owner="user-18")

        assert [handle.result(timeout_seconds=60) for handle in handles] == ["user-17", None]
        assert list(mapped) == ["user-18", "user-18"]


class Whose(TaskBase):
    def run(self):
        return {"owner": self.task_info.owner}


def test_a_task_that_is_run_in_a_test_can_have_an_owner():
    """Checked as `add` does; without one, it has none."""
    assert run_task(whose, owner="user-17").result == "user-17"
    assert run_task(Whose, {}).output == {"owner": None}
    with pytest.raises(InvalidInputError, match="An owner must be 1 to 200 printable characters"):
        run_task(whose, owner="")


def test_a_test_can_look_for_the_owner_of_what_was_added(client, store):
    """By the name of the field, like all others."""
    client.add("mail", owner="user-17")

    assert assert_added(store, "mail", owner="user-17").id
    with pytest.raises(AssertionError, match="0 tasks match 'mail', owner='user-18'"):
        assert_added(store, "mail", owner="user-18")
