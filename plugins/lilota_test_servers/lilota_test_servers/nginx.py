"""nginx for tests: the web server before a server of theirs, with the configuration that they give."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from typing import ClassVar

from lilota_test_servers.base import ServerProcess
from lilota_test_servers.certificates import Certificates
from lilota_test_servers.home import Home
from lilota_test_servers.programs import system_program

_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class NginxServer(ServerProcess):
    """An nginx on a TCP port, which needs Debian's `nginx-light`.

    Args:
        site: makes what stands in its `http` block, as in a file of /etc/nginx/conf.d, of the port to listen on.
        certificates: copied to `server.pem` and `server.key` beside the configuration, which may name them so.

    >>> NginxServer(lambda port: f"server {{ listen {port}; return 204; }}")  # doctest: +SKIP
    """

    name: ClassVar[str] = "nginx"
    #: Its workers end with it then; after a SIGKILL they would go on.
    _end_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, site: Callable[[int], str], certificates: Certificates | None = None) -> None:
        super().__init__(port=0)
        self._site = site
        self._certificates = certificates

    def _prepare(self, home: Home) -> None:
        assert self.port is not None
        if self._certificates is not None:
            self._certificates.copy_to(home.folder, home.account)
        folders = (f"{kind}_temp_path {home.folder}/{kind};" for kind in _TEMPORARY)
        lines = [
            "daemon off;",
            f"pid {home.folder}/nginx.pid;",
            "error_log stderr;",
            "worker_processes 1;",
            "events {}",
            "http {",
            "access_log off;",
            *folders,
            self._site(self.port),
            "}",
        ]
        (home.folder / "nginx.conf").write_text("".join(f"{line}\n" for line in lines))

    def _command(self) -> list[str]:
        program = system_program("nginx", "nginx-light")
        return [program, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e", "stderr"]

    def _is_ready(self) -> bool:
        with socket.socket() as connection:
            return connection.connect_ex((self.host, self.port)) == 0
