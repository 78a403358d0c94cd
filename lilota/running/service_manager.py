"""Tell systemd, or whatever else has given this process a NOTIFY_SOCKET, how a service is: the protocol of sd_notify.

Each message is a datagram of lines KEY=value. The variables are taken out of the environment: what this process starts
is not the service, and must not speak for it.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import MutableMapping

logger: logging.Logger = logging.getLogger(__name__)


class ServiceManager:
    """Who has started this process as a service; nobody, if `address` is "", and then nothing is sent.

    Args:
        address: the socket: a path, or a name that begins with @ for one without a file.
        watchdog_seconds: kills the service that does not send WATCHDOG=1 for so long; None does not.
    """

    def __init__(self, address: str = "", watchdog_seconds: float | None = None) -> None:
        self._address = address
        self.watchdog_seconds: float | None = watchdog_seconds
        self._has_failed = False

    @classmethod
    def taken_from(cls, environment: MutableMapping[str, str]) -> ServiceManager:
        """Take out of an environment what says who it is; call it before anything is started."""
        address = environment.pop("NOTIFY_SOCKET", "")
        microseconds = environment.pop("WATCHDOG_USEC", "")
        process = environment.pop("WATCHDOG_PID", "") or str(os.getpid())
        is_watched = address and process == str(os.getpid()) and microseconds.isdecimal() and int(microseconds)
        return cls(address, int(microseconds) / 1_000_000 if is_watched else None)

    def tell(self, *lines: str) -> None:
        """Send lines such as "READY=1". The service goes on if nobody takes them, and says so once."""
        if not self._address:
            return
        try:
            self._send("\n".join(lines).encode())
        except BlockingIOError:
            logger.debug("The service manager has no room for a message just now.")
        except OSError as error:
            self._warn_once(error)

    def _send(self, message: bytes) -> None:
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)  # a service manager that takes nothing must not hold up the service
            sender.connect(address)
            sender.send(message)

    def _warn_once(self, error: OSError) -> None:
        if not self._has_failed:
            self._has_failed = True
            logger.warning(
                "The service manager can't be told how the runner is, which goes on: %s (NOTIFY_SOCKET=%s)",
                error.strerror or error,
                self._address,
            )
