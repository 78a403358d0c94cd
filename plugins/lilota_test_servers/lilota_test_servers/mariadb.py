"""MariaDB for tests: a server of their own, on a Unix socket."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from lilota_test_servers.base import ServerProcess, answer_on
from lilota_test_servers.errors import ServerUnavailableError
from lilota_test_servers.home import Home
from lilota_test_servers.programs import system_program

_DEFAULTS: Mapping[str, str] = {
    # A crash of the server loses nothing by this; only a power cut would.
    "innodb-flush-log-at-trx-commit": "2",
    "innodb-buffer-pool-size": "32M",
    "innodb-log-file-size": "16M",
    "performance-schema": "OFF",
    "character-set-server": "utf8mb4",
    "skip-name-resolve": "ON",
}
_BOOTSTRAP: Mapping[str, str] = {
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-log-file-size": "16M",
    "enforce-storage-engine": "",
    "log-warnings": "0",
}
#: The tables of users and rights, as mariadb-install-db makes them; that one needs more programs than the server has.
_SYSTEM_TABLES = ("mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql")
_SQL_FOLDERS = (Path("/usr/share/mysql"), Path("/usr/share/mariadb"))
_PACKAGE = "mariadb-server-core"


class MariaDBServer(ServerProcess):
    """A MariaDB server, from Debian's `mariadb-server-core`, with the user `root`, who needs no password.

    Args:
        settings: options of mariadbd, by name, without the leading dashes.
        port: a TCP port as well, 0 for one that is free. Whoever reaches it from this host needs no password either.
        host: the address of that port, as in `bind-address`.
        clock_offset_seconds, folder: see `ServerProcess`.
    """

    name: ClassVar[str] = "MariaDB"
    _default_settings: ClassVar[Mapping[str, str]] = _DEFAULTS

    @property
    def socket_path(self) -> Path:
        """Its Unix socket."""
        return self.folder / "mariadb.sock"

    def url(self, database: str = "mysql", *, tcp: bool = False) -> str:
        """Return the URL of a database, through the Unix socket or through TCP."""
        if not tcp:
            query = urlencode({"unix_socket": str(self.socket_path)}, safe="/")
            return f"mysql://root@localhost/{quote(database)}?{query}"
        return f"mysql://root@{self._address}/{quote(database)}"

    def options(self, database: str = "mysql", *, tcp: bool = False) -> dict[str, str | int]:
        """Return the same as arguments of a driver's `connect`: host, port, user, password, database, unix_socket."""
        return mariadb_options(self.url(database, tcp=tcp))

    def create_database(self) -> str:
        """Create an empty database and return its URL."""
        return self.url(create_mariadb_database(self.options()))

    def _prepare(self, home: Home) -> None:
        statements = ["CREATE DATABASE mysql;", "USE mysql;", "SET @auth_root_socket=NULL;"]
        statements += [(_sql_folder() / name).read_text() for name in _SYSTEM_TABLES]
        home.run([*self._program(_BOOTSTRAP), "--bootstrap"], stdin="\n".join(statements).encode())

    def _command(self) -> list[str]:
        network = {"bind-address": self.host, "port": str(self.port)} if self.port else {"skip-networking": "ON"}
        return self._program({"socket": str(self.socket_path), **network, **self._settings})

    def _program(self, settings: Mapping[str, str]) -> list[str]:
        options = [f"--{name}={value}" for name, value in settings.items()]
        # --no-defaults must come first.
        folders = [f"--datadir={self.data_folder}", f"--tmpdir={self.folder}"]
        return [system_program("mariadbd", _PACKAGE), "--no-defaults", *folders, *options]

    def _is_ready(self) -> bool:
        # It greets who connects.
        return bool(answer_on(self.socket_path))


def mariadb_options(url: str) -> dict[str, str | int]:
    """Return the arguments of a driver's `connect` from a URL: `mysql://user:password@host:port/database?option=`."""
    parts = urlsplit(url)
    options: dict[str, str | int] = {"host": parts.hostname or "localhost", **dict(parse_qsl(parts.query))}
    given = {"port": parts.port, "user": parts.username, "password": parts.password, "database": parts.path.lstrip("/")}
    for name, value in given.items():
        if value:
            options[name] = unquote(value) if isinstance(value, str) else value
    return options


def create_mariadb_database(options: Mapping[str, str | int]) -> str:
    """Create an empty database on the server of these options, and return its name. Needs pymysql."""
    import pymysql

    database = f"lilota_{uuid.uuid4().hex}"
    # The stubs want each option by its name.
    connect: Callable[..., pymysql.Connection[pymysql.cursors.Cursor]] = pymysql.connect
    with connect(**options) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE `{database}` CHARACTER SET utf8mb4")
    return database


def _sql_folder() -> Path:
    system_program("mariadbd", _PACKAGE)
    for folder in _SQL_FOLDERS:
        if (folder / _SYSTEM_TABLES[0]).exists():
            return folder
    raise ServerUnavailableError(
        f"MariaDB's {_SYSTEM_TABLES[0]} is in none of {', '.join(map(str, _SQL_FOLDERS))}. "
        f"Install Debian's package `{_PACKAGE}`."
    )
