"""PgBouncer for tests: the connection pooler, before a PostgreSQL server of theirs."""

from __future__ import annotations

import signal
import socket
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote, urlencode

from lilota_test_servers.base import ServerProcess
from lilota_test_servers.home import Home
from lilota_test_servers.postgres import PostgresServer
from lilota_test_servers.programs import system_program

_SOCKET_PORT = 6432


class PgBouncer(ServerProcess):
    """A PgBouncer on a Unix socket, which needs Debian's `pgbouncer`.

    Args:
        postgres: the server behind it, which must have been started.
        pool_mode: `transaction`, `session` or `statement`.
        settings: lines of the section [pgbouncer] of its configuration file, by name.
    """

    name: ClassVar[str] = "PgBouncer"
    #: It keeps nothing that it could save, and which signal means "at once" depends on its version.
    _stop_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(
        self, postgres: PostgresServer, pool_mode: str = "transaction", *, settings: Mapping[str, str] | None = None
    ) -> None:
        super().__init__({"pool_mode": pool_mode, **(settings or {})})
        self._postgres = postgres

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database of the server behind it, through PgBouncer."""
        where = {"host": str(self.folder), "port": str(_SOCKET_PORT)}
        return f"postgresql://postgres@/{quote(database)}?{urlencode(where, safe='/')}"

    def _prepare(self, home: Home) -> None:
        users = home.folder / "users.txt"
        users.write_text('"postgres" ""\n')
        settings = {
            "listen_addr": "",
            "listen_port": str(_SOCKET_PORT),
            "unix_socket_dir": str(home.folder),
            "auth_type": "trust",
            "auth_file": str(users),
            "ignore_startup_parameters": "extra_float_digits",
            "max_client_conn": "200",
            "default_pool_size": "10",
            **self._settings,
        }
        behind = f"host={self._postgres.folder} port={self._postgres.port or 5432} user=postgres"
        lines = ["[databases]", f"* = {behind}", "[pgbouncer]", *(f"{key} = {text}" for key, text in settings.items())]
        (home.folder / "pgbouncer.ini").write_text("".join(f"{line}\n" for line in lines))

    def _command(self) -> list[str]:
        return [system_program("pgbouncer", "pgbouncer"), str(self.folder / "pgbouncer.ini")]

    def _is_ready(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            return connection.connect_ex(str(self.folder / f".s.PGSQL.{_SOCKET_PORT}")) == 0
