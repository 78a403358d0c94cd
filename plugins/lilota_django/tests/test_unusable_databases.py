"""A database that can't be used is told of in one sentence with the remedy, wherever somebody comes to need it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.core import checks
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.test import Client, override_settings
from lilota_test_servers import PostgresServer, available_or_skip
from shop import tasks
from shop_sites import BACKEND

from lilota.errors import StoreUnavailableError

Describe = Callable[..., str]


@pytest.fixture
def wrong() -> Iterator[Describe]:
    """Add the alias "wrong" to the project: as another one, but for these settings."""

    def describe(alias: str, **changes: object) -> str:
        connections.databases["wrong"] = {**connections.databases[alias], **changes}
        return "wrong"

    yield describe
    if "wrong" in connections.databases:
        connections["wrong"].close()
        del connections["wrong"], connections.databases["wrong"]


def told_by_worker(alias: str) -> str:
    """Start a worker as `manage.py` does, with Django's checks, and return why it does not start."""
    with pytest.raises(CommandError) as caught:
        call_command("lilota_worker", "--store", f"django://{alias}", skip_checks=False)
    assert type(caught.value) is CommandError
    assert caught.value.returncode == 1
    return str(caught.value)


def is_one_sentence_without_the_password(told: str) -> bool:
    return "\n" not in told and "hush" not in told and told.endswith(".")


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"USER": "nobody_known", "PASSWORD": "hush"}, "Check USER and PASSWORD of DATABASES['wrong']."),
        ({"NAME": "nosuch"}, "Create the database, or check NAME of DATABASES['wrong']."),
        ({"OPTIONS": {}, "HOST": "127.0.0.1", "PORT": "1"}, "Check that the server runs, and HOST and PORT of"),
        ({"OPTIONS": {}, "HOST": "nosuch.invalid", "PORT": "1"}, "Check that the server runs, and HOST and PORT of"),
    ],
)
@pytest.mark.parametrize("server", ["postgres", "mariadb"])
def test_a_worker_says_why_it_can_not_use_a_server(request, wrong, server, changes, remedy):
    """Also where Django's own checks are the first to connect, as those of Django 6.1 are on MariaDB."""
    alias = wrong(request.getfixturevalue(server), **changes)

    told = told_by_worker(alias)

    assert told.startswith("The Django database 'wrong' can't be used just now: ")
    assert remedy in told
    assert is_one_sentence_without_the_password(told)


def test_a_wrong_password_of_postgresql_is_told_with_the_remedy(wrong, postgres):
    """Where the server asks for one."""
    server = available_or_skip(lambda: PostgresServer(hba=["local all all scram-sha-256"]))
    try:
        alias = wrong(postgres, USER="postgres", PASSWORD="hush", OPTIONS={}, HOST=str(server.folder))
        told = told_by_worker(alias)
    finally:
        server.close()

    assert "Check USER and PASSWORD of DATABASES['wrong']." in told
    assert is_one_sentence_without_the_password(told)


def test_a_worker_says_why_it_can_not_use_a_file(wrong, sqlite, tmp_path):
    """Its folder does not exist, say."""
    told = told_by_worker(wrong(sqlite, NAME=str(tmp_path / "nowhere" / "site.db")))

    assert "NAME of DATABASES['wrong'] must be a file in a folder that exists" in told
    assert is_one_sentence_without_the_password(told)


def test_a_check_of_the_project_that_finds_no_database_ends_a_worker_with_a_sentence(wrong, sqlite, tmp_path):
    """It names the database, though the check does not: the error of the connection is all that there is."""
    alias = wrong(sqlite, NAME=str(tmp_path / "nowhere" / "site.db"))

    def connect(**_: object) -> list[checks.CheckMessage]:
        connections[alias].ensure_connection()
        return []

    checks.register(connect)
    try:
        with pytest.raises(CommandError) as caught:
            call_command("lilota_worker", skip_checks=False)
    finally:
        checks.registry.registry.registered_checks.discard(connect)

    assert str(caught.value).startswith("The Django database 'wrong' can't be used just now: unable to open")


def test_enqueue_tells_why_nothing_was_stored(wrong, sqlite):
    """As an error of lilota's, which a view can catch."""
    path = connections.databases[sqlite]["NAME"]
    alias = wrong(sqlite, NAME=f"file:{path}?mode=ro")
    backend = {**BACKEND, "OPTIONS": {"store": f"django://{alias}"}}

    with (
        override_settings(TASKS={"default": backend}),
        pytest.raises(StoreUnavailableError, match="this user must be able to write there"),
    ):
        tasks.total.enqueue(1)


@pytest.fixture
def staff(sqlite) -> Iterator[Client]:
    """The browser of somebody who may do everything in the admin."""
    User.objects.all().delete()
    client = Client()
    client.force_login(User.objects.create_superuser("anna"))
    with override_settings(ROOT_URLCONF="admin_urls"):
        yield client
    User.objects.all().delete()


@pytest.fixture
def no_database(wrong, sqlite, tmp_path) -> Iterator[None]:
    """The tasks of the project are where nobody can connect to."""
    alias = wrong(sqlite, NAME=str(tmp_path / "nowhere" / "site.db"))
    with override_settings(LILOTA={"STORE": f"django://{alias}"}):
        yield


@pytest.mark.usefixtures("no_database")
@pytest.mark.parametrize("page", ["task/", "task/1/change/", "task/1/history/", "runner/"])
def test_the_admin_says_that_tasks_can_not_be_shown(staff, caplog, page):
    """The other pages of the site still work; the reason is in the log, as it names hosts and users."""
    with caplog.at_level("ERROR"):
        shown = staff.get(f"/admin/lilota/{page}", follow=True)

    assert shown.redirect_chain == [("/admin/", 302)]
    assert "The tasks can&#x27;t be reached. The log of the site says why." in shown.content.decode()
    [record] = [record for record in caplog.records if record.name.startswith("lilota_django")]
    assert "NAME of DATABASES['wrong'] must be a file in a folder that exists" in record.getMessage()


@pytest.mark.usefixtures("no_database")
def test_the_admin_says_that_an_action_did_not_reach_the_tasks(staff):
    """As where they are to be shown."""
    cancel = {"action": "cancel_tasks", "_selected_action": "1", "index": 0}

    shown = staff.post("/admin/lilota/task/", cancel, follow=True)

    assert "The tasks can&#x27;t be reached." in shown.content.decode()


def test_the_admin_does_not_need_a_store_that_it_does_not_show(staff, tmp_path):
    """Its first page works while the server of another store is away."""
    with override_settings(LILOTA={"STORE": f"sqlite:///{tmp_path / 'nowhere' / 'tasks.db'}"}):
        page = staff.get("/admin/")

    assert page.status_code == 200
    assert "/admin/lilota/task/" not in page.content.decode()
