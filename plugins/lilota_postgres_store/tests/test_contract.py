"""The PostgreSQL store keeps the contract: directly, with polling, behind PgBouncer."""

from __future__ import annotations

from contextlib import contextmanager

import psycopg
import pytest
from postgres_waiting import wait_until_quiet

from lilota.contract import CanTellOldestDue
from lilota.models import NewTask
from lilota.testing import StoreContract

#: What the newest tables say.
MIN_READER = 4


class PostgresContract(StoreContract):
    """What all variants share."""

    # Each move of a game is some round trips.
    model_examples = 15

    @pytest.fixture
    def application(self, connection):
        """A connection of psycopg has all that a transaction of the application's needs, but for its own name."""
        return ApplicationConnection(connection)

    @pytest.fixture
    def newer_lilota(self, store, database_url):
        """What a migration of a newer lilota writes into the table of the version."""

        @contextmanager
        def comes():
            set_meta(store, database_url, 999)
            yield
            set_meta(store, database_url, MIN_READER)

        return comes


def set_meta(store, database_url, min_reader):
    """Say which version must be known, past the store and past a pooler."""
    table = f"{store.address.schema}.{store.address.table_prefix}meta"
    with psycopg.connect(database_url) as connection:
        connection.execute(f"UPDATE {table} SET value = %s WHERE key = 'min_reader'", [str(min_reader)])


class ApplicationConnection:
    """An open transaction of the application's."""

    def __init__(self, connection):
        self.connection = connection
        self.commit = connection.commit
        self.rollback = connection.rollback


class TestPostgresStore(PostgresContract):
    """In a schema of its own."""

    def test_it_supports_all_that_came_later(self, store):
        """The contract asks only stores that say so; this one must."""
        supports = {"families", "headers", "owners", "checkpoints", "notes", "forgetting", "foresight"}

        assert store.capabilities().supports >= supports
        assert isinstance(store, CanTellOldestDue)


@pytest.mark.slow
class TestPostgresStoreThatPolls(PostgresContract):
    """Without LISTEN and NOTIFY, and with other names for the tables."""

    @pytest.fixture
    def url(self, new_schema):
        return f"{new_schema()}&listen=off&table_prefix=app_tasks_"


@pytest.mark.slow
class TestPostgresStoreBehindPgBouncer(PostgresContract):
    """Each transaction may be in another session."""

    @pytest.fixture
    def url(self, new_schema, pooled_url):
        return new_schema(pooled_url)

    def test_the_pooler_is_noticed_and_named(self, store):
        """Hints are off, and `lilota doctor` says so."""
        (warning,) = [text for text in store.capabilities().warnings if "PgBouncer" in text]

        assert "polling" in warning

    def test_those_who_listen_directly_hear_of_what_is_added_through_the_pooler(self, store, open_store, database_url):
        """Notifications pass, only LISTEN does not: web servers may use the pooler, and runners not."""
        direct = open_store(f"{database_url}&schema={store.address.schema}")
        wait_until_quiet(direct)

        store.add([NewTask(name="task")])

        assert direct.wait_for_change(60) is True
