"""Tell those who watch this process from outside how its runner is: by the heartbeat file, and to the service manager.

It is told while the engine of the runner comes round, by the thread that looks after the runner: a folder that hangs,
as one of a network may, must not hold up tasks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from lilota.running.health import RunnerHealth
from lilota.running.heartbeat_file import HeartbeatFile
from lilota.running.outages import Outage
from lilota.running.service_manager import ServiceManager

logger: logging.Logger = logging.getLogger(__name__)

_BEAT_SECONDS: Final = 1.0
_SERVING: Final = "Ready, and runs what comes."


class Pulse:
    """Tells of one runner, in one thread.

    Args:
        clock: returns seconds that only ever rise.

    Attributes:
        interval_seconds: how often `beat` is to be called, at least.
    """

    def __init__(
        self, file: HeartbeatFile | None, service: ServiceManager, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._file = file
        self._service = service
        self._clock = clock
        self._outage = Outage(logger, clock)
        self._status = _SERVING
        #: What the service manager was told last: it is told again when that is not true any more.
        self._told = ""
        self._next_at = 0.0
        half = (service.watchdog_seconds or 2 * _BEAT_SECONDS) / 2
        self.interval_seconds: float = min(_BEAT_SECONDS, half)

    def ready(self) -> None:
        """The runner serves."""
        self._told = self._status
        self._service.tell("READY=1", f"STATUS={self._told}")

    def stopping(self, why: str) -> None:
        """The runner takes nothing new."""
        self._status = self._told = f"Stopping: {why}"
        self._service.tell("STOPPING=1", f"STATUS={self._told}")

    def beat(self, health: RunnerHealth) -> None:
        """Tell of it, if the interval is over: the file while all is well, the watchdog while the engine goes on."""
        now = self._clock()
        if now < self._next_at:
            return
        self._next_at = now + self.interval_seconds
        if health.is_well:
            self._touch()
        if health.goes_on and self._service.watchdog_seconds is not None:
            self._service.tell("WATCHDOG=1")
        self._tell_status(health)

    def end(self) -> None:
        """The runner has stopped in good order: no file says any more that it lives."""
        if self._file is not None:
            try:
                self._file.remove()
            except OSError as error:
                logger.warning("The heartbeat file %s can't be removed: %s", self._file.path, error.strerror)

    def _touch(self) -> None:
        if self._file is None:
            return
        try:
            self._file.beat()
        except OSError as error:
            self._outage.warn("The heartbeat file %s can't be written: %s", self._file.path, error.strerror)
        else:
            self._outage.end("The heartbeat file can be written again.")

    def _tell_status(self, health: RunnerHealth) -> None:
        # Without the seconds that pass: it is told when it changes.
        status = f"{self._status} {_SENTENCES[health.problem]}".rstrip()
        if status != self._told:
            self._told = status
            self._service.tell(f"STATUS={status}")


_SENTENCES: Final = {
    "": "",
    "failed": "The engine has failed.",
    "held_up": "The engine is held up: see the log, and lilota runners.",
    "workers": "No worker process comes up: see the log.",
    "store": "The store does not answer; what has ended is kept, and written when it does.",
}
