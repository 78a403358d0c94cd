"""MariaDB for tests: a server of their own, on a Unix socket."""

from __future__ import annotations

import shutil
import socket
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from lilota_test_servers.accounts import unprivileged_account
from lilota_test_servers.base import ServerProcess
from lilota_test_servers.errors import ServerFailedError, ServerUnavailableError
from lilota_test_servers.home import Home

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
_ANSWER_SECONDS = 5


class MariaDBServer(ServerProcess):
    """A MariaDB server, from Debian's `mariadb-server-core`, with the user `root`, who needs no password.

    Args:
        settings: options of mariadbd, by name, without the leading dashes.
        port: a TCP port as well, 0 for one that is free. Whoever reaches it from this host needs no password either.
        host: the address of that port, as in `bind-address`.
        environment, clock_offset_seconds, folder: see `ServerProcess`; `folder` is where the data go.
    """

    name: ClassVar[str] = "MariaDB"
    _default_settings: ClassVar[Mapping[str, str]] = _DEFAULTS

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        port: int | None = None,
        host: str = "127.0.0.1",
        *,
        environment: Mapping[str, str] | None = None,
        clock_offset_seconds: float = 0.0,
        folder: Path | None = None,
    ) -> None:
        super().__init__(
            settings,
            port,
            host,
            account=unprivileged_account(),
            environment=environment,
            clock_offset_seconds=clock_offset_seconds,
            folder=folder,
        )

    @property
    def socket_path(self) -> Path:
        """Its Unix socket."""
        return self.folder / "mariadb.sock"

    def url(self, database: str = "mysql", *, tcp: bool = False) -> str:
        """Return the URL of a database, through the Unix socket or through TCP."""
        if not tcp:
            query = urlencode({"unix_socket": str(self.socket_path)}, safe="/")
            return f"mysql://root@localhost/{quote(database)}?{query}"
        if self.port is None:
            raise ServerFailedError("This MariaDB has no TCP port. Start it with MariaDBServer(port=0).")
        return f"mysql://root@{self.host}:{self.port}/{quote(database)}"

    def options(self, database: str = "mysql", *, tcp: bool = False) -> dict[str, str | int]:
        """Return the same as arguments of a driver's `connect`: host, port, user, password, database, unix_socket."""
        return mariadb_options(self.url(database, tcp=tcp))

    def create_database(self) -> str:
        """Create an empty database and return its URL."""
        database = f"lilota_{uuid.uuid4().hex}"
        create_mariadb_database(self.options(), database)
        return self.url(database)

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
        return [_found_program(), "--no-defaults", *folders, *options]

    def _is_ready(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_ANSWER_SECONDS)
            try:
                connection.connect(str(self.socket_path))
                # It greets who connects.
                return bool(connection.recv(100))
            except OSError:
                return False


def mariadb_options(url: str) -> dict[str, str | int]:
    """Return the arguments of a driver's `connect` from a URL: `mysql://user:password@host:port/database?option=`."""
    parts = urlsplit(url)
    options: dict[str, str | int] = {"host": parts.hostname or "localhost", **dict(parse_qsl(parts.query))}
    given = {"port": parts.port, "user": parts.username, "password": parts.password, "database": parts.path.lstrip("/")}
    for name, value in given.items():
        if value:
            options[name] = unquote(value) if isinstance(value, str) else value
    return options


def create_mariadb_database(options: Mapping[str, str | int], database: str) -> None:
    """Create a database on the server of these options. Needs pymysql."""
    import pymysql

    # The stubs want each option by its name.
    connect: Callable[..., pymysql.Connection[pymysql.cursors.Cursor]] = pymysql.connect
    with connect(**options) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE `{database}` CHARACTER SET utf8mb4")


def _found_program() -> str:
    # Debian keeps it where a user's PATH does not go.
    found = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise ServerUnavailableError("MariaDB is not installed. Install Debian's package `mariadb-server-core`.")
    return found


def _sql_folder() -> Path:
    _found_program()
    for folder in _SQL_FOLDERS:
        if (folder / _SYSTEM_TABLES[0]).exists():
            return folder
    raise ServerUnavailableError(
        f"MariaDB's {_SYSTEM_TABLES[0]} is in none of {', '.join(map(str, _SQL_FOLDERS))}. "
        "Install Debian's package `mariadb-server-core`."
    )
