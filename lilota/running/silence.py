"""Which runners are dead: their lease has expired by the store's clock, and they were silent as long by this one's.

The store's clock alone may be wrong about all of them at once: it was set, or the machine was asleep. Where it was set
back, it says for hours that a dead one lives: so who was silent for several leases is dead whatever it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from lilota.contract import RegisteredRunner

#: A runner that lives, and could not renew its lease for that long, has ended its tasks long ago.
_LEASES_AGAINST_THE_CLOCK: Final = 3


class Silence:
    """Remembers for how long each runner has not been heard of, while this one listened.

    Args:
        clock: returns seconds that only ever rise.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._looked_at = clock()
        #: Runner -> its newest heartbeat, and for how many seconds that has been the newest.
        self._since: dict[str, tuple[datetime, float]] = {}

    def dead_among(self, runners: Iterable[RegisteredRunner]) -> list[str]:
        """Look at all registered runners; return which of them are dead."""
        now = self._clock()
        waited, self._looked_at = now - self._looked_at, now
        since: dict[str, tuple[datetime, float]] = {}
        dead: list[str] = []
        for runner in runners:
            seconds = self._seconds_after(waited, runner)
            since[runner.id] = runner.heartbeat_at, seconds
            if seconds >= runner.lease_seconds * (1 if runner.has_expired else _LEASES_AGAINST_THE_CLOCK):
                dead.append(runner.id)
        self._since = since
        return dead

    def _seconds_after(self, waited: float, runner: RegisteredRunner) -> float:
        """Return how long a runner has been silent, when that much time has gone by since the last look."""
        heartbeat_at, seconds = self._since.get(runner.id, (None, 0.0))
        if heartbeat_at != runner.heartbeat_at:
            return 0.0
        # Between two looks that are far apart, this process was stopped, or the store away: perhaps for the others too.
        return seconds + min(waited, runner.lease_seconds / 3)
