"""Fixtures that pytest finds by an entry point: one server per test process, started by the first test that asks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from lilota_test_servers.availability import available_or_skip
from lilota_test_servers.base import ServerProcess
from lilota_test_servers.elsewhere import MariaDBElsewhere, PostgresElsewhere, RedisElsewhere
from lilota_test_servers.mariadb import MariaDBServer
from lilota_test_servers.postgres import PostgresServer
from lilota_test_servers.redis import RedisServer

ServerT = TypeVar("ServerT", bound=ServerProcess)
ElsewhereT = TypeVar("ElsewhereT")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer | PostgresElsewhere]:
    """A PostgreSQL server, or the one of LILOTA_TEST_POSTGRES_URL. Take a `create_database()` for each test."""
    yield from _server("LILOTA_TEST_POSTGRES_URL", PostgresElsewhere, PostgresServer)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer | RedisElsewhere]:
    """A Valkey or Redis server, or the one of LILOTA_TEST_REDIS_URL. Take a key prefix of its own for each test."""
    yield from _server("LILOTA_TEST_REDIS_URL", RedisElsewhere, RedisServer)


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDBServer | MariaDBElsewhere]:
    """A MariaDB server, or the one of LILOTA_TEST_MARIADB_URL. Take a `create_database()` for each test."""
    yield from _server("LILOTA_TEST_MARIADB_URL", MariaDBElsewhere, MariaDBServer)


def _server(
    variable: str, elsewhere: Callable[[str], ElsewhereT], start: Callable[[], ServerT]
) -> Iterator[ServerT | ElsewhereT]:
    """Give the server that an environment variable names, or start one."""
    url = os.environ.get(variable)
    if url:
        yield elsewhere(url)
        return
    server = available_or_skip(start)
    yield server
    server.close()
