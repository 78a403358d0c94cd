"""The Django store keeps the contract, on three databases."""

from __future__ import annotations

import pytest

from lilota.testing import StoreContract


class TestOnSQLite(StoreContract):
    """In a file, as a project has it at first."""

    model_examples = 6

    @pytest.fixture
    def store(self, open_store, sqlite):
        return open_store(sqlite)


@pytest.mark.slow
class TestOnPostgreSQL(StoreContract):
    """On a real server."""

    model_examples = 6

    @pytest.fixture
    def store(self, open_store, postgres):
        return open_store(postgres)


@pytest.mark.slow
class TestOnPostgreSQLThatBinds(StoreContract):
    """With OPTIONS["server_side_binding"]: a parameter has the type that its expression says, and is cut off to fit."""

    model_examples = 6

    @pytest.fixture
    def store(self, open_store, postgres_binding):
        return open_store(postgres_binding)


@pytest.mark.slow
class TestOnMariaDB(StoreContract):
    """On a real server, through pymysql."""

    model_examples = 6

    @pytest.fixture
    def store(self, open_store, mariadb):
        return open_store(mariadb)
