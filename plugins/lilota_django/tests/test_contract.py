"""The Django store keeps the contract, on three databases."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from lilota.errors import StoreUnavailableError, StoreVersionError
from lilota.testing import StoreContract


class DjangoContract(StoreContract):
    """What all variants share."""

    model_examples = 6

    @pytest.fixture
    def newer_lilota(self, store):
        """What Django notes of a migration of a newer lilota that this one can't work with."""
        recorder, migration = MigrationRecorder(connections[store.alias]), ("lilota", "0099_incompatible_lanes")

        @contextmanager
        def comes():
            recorder.record_applied(*migration)
            try:
                yield
            finally:
                recorder.record_unapplied(*migration)

        return comes

    def test_a_table_that_is_not_there_is_explained(self, store, newer_lilota):
        """By the newer version that took it away, or by how to find what somebody did."""
        with renamed(store.alias, "lilota_turn", "mislaid"):
            with newer_lilota(), pytest.raises(StoreVersionError, match="0099_incompatible_lanes"):
                store.take_turn("chore", 60)
            with pytest.raises(StoreUnavailableError, match=r"lilota_turn.*showmigrations lilota"):
                store.take_turn("chore", 60)

        assert store.take_turn("chore", 60) is True


@contextmanager
def renamed(alias, table, name):
    """Give a table another name for as long as the block runs."""
    with connections[alias].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {name}")
    try:
        yield
    finally:
        with connections[alias].cursor() as cursor:
            cursor.execute(f"ALTER TABLE {name} RENAME TO {table}")


class TestOnSQLite(DjangoContract):
    """In a file, as a project has it at first."""

    @pytest.fixture
    def store(self, open_store, sqlite):
        return open_store(sqlite)


@pytest.mark.slow
class TestOnPostgreSQL(DjangoContract):
    """On a real server."""

    @pytest.fixture
    def store(self, open_store, postgres):
        return open_store(postgres)


@pytest.mark.slow
class TestOnPostgreSQLThatBinds(DjangoContract):
    """With OPTIONS["server_side_binding"]: a parameter has the type that its expression says, and is cut off to fit."""

    @pytest.fixture
    def store(self, open_store, postgres_binding):
        return open_store(postgres_binding)


@pytest.mark.slow
class TestOnMariaDB(DjangoContract):
    """On a real server, through pymysql."""

    @pytest.fixture
    def store(self, open_store, mariadb):
        return open_store(mariadb)
