"""What a process is told that has the tables open while a newer version, or somebody, changes them."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connections, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.test.utils import CaptureQueriesContext
from lilota_django.store import DjangoTaskStore

from lilota.contract import rules
from lilota.errors import StoreUnavailableError, StoreVersionError
from lilota.models import NewTask

CHANGES = [
    "ALTER TABLE lilota_task RENAME TO lilota_job",
    "ALTER TABLE lilota_task RENAME COLUMN description TO title",
]


@pytest.fixture
def always_due(monkeypatch):
    """A look at the version is due before each call."""
    monkeypatch.setattr(rules, "VERSION_LOOK_SECONDS", 0)


@pytest.fixture
def store(other):
    """A store that is open, in tables of its own."""
    call_command("migrate", database=other, verbosity=0)
    store = DjangoTaskStore(other)
    store.open()
    return store


def remembering(asked):
    def remember(execute, sql, *rest):
        asked.append(sql)
        return execute(sql, *rest)

    return remember


def execute(alias, statement):
    """Change a table behind the store's back; what names it is left as it is."""
    with connections[alias].cursor() as cursor:
        cursor.execute("PRAGMA legacy_alter_table=ON")
        cursor.execute(statement)


@pytest.mark.parametrize("change", CHANGES)
def test_who_has_the_tables_open_is_told_of_the_newer_version_that_changed_them(store, change):
    """By the first call that does not find what it knows, and not of a table or a column that is missing."""
    execute(store.alias, change)
    MigrationRecorder(connections[store.alias]).record_applied("lilota", "0099_incompatible_lanes")

    for _ in range(2):
        with pytest.raises(StoreVersionError, match=r"0099_incompatible_lanes.*Upgrade lilota-django"):
            store.get_all_tasks()


@pytest.mark.parametrize("change", CHANGES)
def test_who_has_the_tables_open_is_told_how_to_find_what_somebody_changed(store, change):
    """Where no newer version has."""
    execute(store.alias, change)

    with pytest.raises(StoreUnavailableError, match=r"no such (table|column).*showmigrations lilota"):
        store.get_all_tasks()


def test_who_counts_queries_finds_none_for_the_version(always_due, store):
    """The look that finds a newer version would be one more than usual, now and then."""
    asked = []
    with connections[store.alias].execute_wrapper(remembering(asked)):
        store.counts()
    with CaptureQueriesContext(connections[store.alias]) as captured:
        store.counts()

    assert [sql for sql in asked if "django_migrations" in sql]
    assert not [query["sql"] for query in captured if "django_migrations" in query["sql"]]


def test_a_transaction_of_the_caller_is_not_begun_by_a_look_at_the_version(always_due, store):
    """On SQLite, one that begins with reading might be refused when it writes."""
    asked = []

    with connections[store.alias].execute_wrapper(remembering(asked)), transaction.atomic(using=store.alias):
        store.add([NewTask(name="task")])

    assert asked
    assert not [sql for sql in asked if "django_migrations" in sql]
