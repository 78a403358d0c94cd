"""A server that is started for a benchmark, and an empty database on it, again and again."""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import redis
from lilota_test_servers import PostgresServer, RedisServer

#: PostgreSQL as it comes: the test servers' own settings, which are for small machines and crashes, are undone.
_POSTGRES_DEFAULTS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "128MB",
    "dynamic_shared_memory_type": "posix",
}


class Place(ABC):
    """A running server. All candidates reach it through TCP on this machine."""

    @abstractmethod
    def describe(self) -> str:
        """Say what runs, and how durable it is."""

    @abstractmethod
    def new(self) -> str:
        """Return the URL of a new, empty database. On Redis the earlier ones stay; there are 16."""

    @abstractmethod
    def emptied(self) -> str:
        """Return the URL of an empty database; the earlier ones are gone, and the server has settled."""


class PostgresPlace(Place):
    """A new database each time."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._used: list[str] = []

    def describe(self) -> str:
        version = self._execute("SHOW server_version")
        fsync, commit = (self._execute(f"SHOW {name}") for name in ("fsync", "synchronous_commit"))
        return f"PostgreSQL {version}, fsync={fsync}, synchronous_commit={commit}, otherwise default settings"

    def new(self) -> str:
        url = self._server.create_database(tcp=True)
        self._used.append(url.rpartition("/")[2])
        return url

    def emptied(self) -> str:
        while self._used:
            self._execute(f'DROP DATABASE "{self._used.pop()}" WITH (FORCE)')
        url = self.new()
        # What one candidate has left to be written must not slow down the next.
        self._execute("CHECKPOINT")
        return url

    def _execute(self, statement: str) -> str:
        with psycopg.connect(self._server.url(tcp=True), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            row = cursor.fetchone() if cursor.description else None
            return str(row[0]) if row else ""


class RedisPlace(Place):
    """The next database each time."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._redis = redis.Redis.from_url(server.url(tcp=True))
        self._used = 0

    def describe(self) -> str:
        info = self._redis.info("server")
        name = "Valkey" if "valkey_version" in info else "Redis"
        version = info.get("valkey_version", info["redis_version"])
        settings = {**self._redis.config_get("append*"), **self._redis.config_get("save")}
        shown = ", ".join(f"{key}={settings[key] or 'none'}" for key in ("appendonly", "appendfsync", "save"))
        return f"{name} {version}, {shown}"

    def new(self) -> str:
        self._used += 1
        return self._server.url(self._used - 1, tcp=True)

    def emptied(self) -> str:
        self._redis.flushall()
        self._used = 0
        return self.new()


@contextmanager
def running(arguments: argparse.Namespace) -> Iterator[Place]:
    """Start the server that the arguments name; stop it at the end."""
    if arguments.server == "postgres":
        with PostgresServer(_POSTGRES_DEFAULTS, port=0) as postgres:
            yield PostgresPlace(postgres)
        return
    persistence = {"appendonly": "no"} if arguments.appendfsync == "none" else {"appendfsync": arguments.appendfsync}
    with RedisServer(persistence, port=0) as redis_server:
        yield RedisPlace(redis_server)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Let a benchmark take the arguments of `running`."""
    parser.add_argument("server", choices=["postgres", "redis"])
    parser.add_argument(
        "--appendfsync",
        choices=["none", "everysec", "always"],
        default="none",
        help="how durable Redis is, for everybody; none keeps nothing on disk (default: %(default)s)",
    )
