"""Fixtures that pytest finds by an entry point: one server per test process, started by the first test that asks.

A browser is there for one module of tests at a time: while it is, no other test could use `asyncio.run`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar, Unpack

import pytest

from lilota_test_servers.availability import available_or_skip, skip_or_fail
from lilota_test_servers.base import ServerProcess
from lilota_test_servers.browsers import Visitor, Window, open_chromium
from lilota_test_servers.elsewhere import MariaDBElsewhere, PostgresElsewhere, RedisElsewhere
from lilota_test_servers.errors import ServerUnavailableError
from lilota_test_servers.mariadb import MariaDBServer
from lilota_test_servers.postgres import PostgresServer
from lilota_test_servers.redis import RedisServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, as a `Browser` of playwright. Without it the tests are skipped, or fail when `CI` is set."""
    with ExitStack() as stack:
        try:
            browser = stack.enter_context(open_chromium())
        except ServerUnavailableError as error:
            skip_or_fail(error)
        yield browser


@pytest.fixture
def new_visitor(chromium: Browser) -> Iterator[Callable[..., Visitor]]:
    """A function that makes a `Visitor`, with the options of a `Window`.

    After the test none of them may have a complaint that is not in its `forgiven`.
    """
    visitors: list[Visitor] = []

    def make(**options: Unpack[Window]) -> Visitor:
        visitors.append(Visitor(chromium, **options))
        return visitors[-1]

    yield make
    complaints = [text for visitor in visitors for text in visitor.unforgiven()]
    for visitor in visitors:
        visitor.context.close()
    assert complaints == []


@pytest.fixture
def visitor(new_visitor: Callable[..., Visitor]) -> Visitor:
    """One visitor with a window and colours as usual."""
    return new_visitor()


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
