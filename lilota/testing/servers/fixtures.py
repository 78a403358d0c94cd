"""Fixtures for a conftest.py: one server for all tests of a process, started by the first that asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lilota.testing.servers.availability import available_or_skip
from lilota.testing.servers.elsewhere import MariaDBElsewhere, PostgresElsewhere, RedisElsewhere
from lilota.testing.servers.mariadb import MariaDBServer
from lilota.testing.servers.postgres import PostgresServer
from lilota.testing.servers.redis import RedisServer


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer | PostgresElsewhere]:
    """A PostgreSQL server, or the one of LILOTA_TEST_POSTGRES_URL. Take a `create_database()` for each test."""
    url = os.environ.get("LILOTA_TEST_POSTGRES_URL")
    if url:
        yield PostgresElsewhere(url)
        return
    server = available_or_skip(PostgresServer)
    yield server
    server.close()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer | RedisElsewhere]:
    """A Valkey or Redis server, or the one of LILOTA_TEST_REDIS_URL. Take a key prefix of its own for each test."""
    url = os.environ.get("LILOTA_TEST_REDIS_URL")
    if url:
        yield RedisElsewhere(url)
        return
    server = available_or_skip(RedisServer)
    yield server
    server.close()


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDBServer | MariaDBElsewhere]:
    """A MariaDB server, or the one of LILOTA_TEST_MARIADB_URL. Take a `create_database()` for each test."""
    url = os.environ.get("LILOTA_TEST_MARIADB_URL")
    if url:
        yield MariaDBElsewhere(url)
        return
    server = available_or_skip(MariaDBServer)
    yield server
    server.close()
