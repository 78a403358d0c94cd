"""PostgreSQL under the PostgreSQL store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

import psycopg
from psycopg import sql

from sites.site import OPTIONS, Site

if TYPE_CHECKING:
    from lilota_test_servers import PostgresServer

_TABLES = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
_OTHERS = "backend_type = 'client backend' AND pid <> pg_backend_pid()"


class PostgresSite(Site):
    """A PostgreSQL server of the test's own."""

    kind: ClassVar[str] = "postgres"

    def __init__(self, server: PostgresServer) -> None:
        self.server: PostgresServer = server

    def new_url(self) -> str:
        return f"{self.server.create_database(tcp=True)}?{OPTIONS}"

    @contextmanager
    def hold_writes(self, url: str) -> Iterator[None]:
        with self.connect(url) as connection:
            tables = [sql.Identifier(*name) for name in connection.execute(_TABLES).fetchall()]
            connection.execute("BEGIN")
            connection.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(sql.SQL(", ").join(tables)))
            yield

    def cut_clients(self) -> int:
        with self.connect(self.server.url()) as connection:
            statement = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_OTHERS}"
            return len(connection.execute(statement).fetchall())

    @contextmanager
    def connect(self, url: str) -> Iterator[psycopg.Connection]:
        """Lend a connection; that the server may be killed meanwhile is part of the game."""
        connection = psycopg.connect(url.partition("?timeout")[0], autocommit=True)
        try:
            yield connection
        finally:
            connection.close()
