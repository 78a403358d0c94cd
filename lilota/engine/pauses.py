"""Names of which a runner takes no task for a while, because newer tasks wait there than its code is for."""

from __future__ import annotations

from math import inf
from typing import Final

import msgspec

from lilota.contract import ClaimRequest
from lilota.tasks.families import prefixes
from lilota.tasks.numbers import Version

#: The first pause of a name; it doubles with each one that follows.
FIRST_SECONDS: Final = 1.0
#: The longest; and so long after its end, what comes begins with a short one again.
LONGEST_SECONDS: Final = 60.0


class Pause(msgspec.Struct):
    """The pause of one name."""

    seconds: float
    ends_at: float


class Pauses:
    """Which names have a pause. A newer runner has time to take what this one has given back, however many are old.

    Without pauses it would come back here at once, again and again; with a delay in the store, the newer runner would
    have to wait, too.
    """

    def __init__(self) -> None:
        self._now: dict[str, Pause] = {}
        self._over: dict[str, Pause] = {}
        self._troubles: dict[str, str] = {}
        self._too_old: dict[str, Version | None] = {}

    @property
    def troubles(self) -> tuple[str, ...]:
        """A sentence for each name of which there were newer tasks."""
        return tuple(self._troubles.values())

    def begin(self, name: str, of_task: Version, of_class: Version | None, now: float) -> str | None:
        """Take none of these for a while; return a sentence for people the first time, None later."""
        if name in self._now:
            return None
        earlier = self._over.pop(name, None)
        is_again = earlier is not None and now < earlier.ends_at + LONGEST_SECONDS
        seconds = min(LONGEST_SECONDS, 2 * earlier.seconds) if earlier is not None and is_again else FIRST_SECONDS
        self._now[name] = Pause(seconds, now + seconds)
        self._too_old[name] = of_class
        return self._note(name, of_task, of_class)

    def lift(self, name: str, of_class: Version | None) -> None:
        """A worker has imported the class: if it is another one than before, it may do for the newer tasks."""
        if name in self._troubles and self._too_old[name] != of_class:
            for each in (self._now, self._over):
                each.pop(name, None)
            del self._troubles[name], self._too_old[name]

    def next_end_at(self) -> float:
        """Return when the next pause ends, infinity if there is none."""
        return min((pause.ends_at for pause in self._now.values()), default=inf)

    def end_due(self, now: float) -> None:
        """End the pauses that have lasted long enough."""
        for name, pause in tuple(self._now.items()):
            if now >= pause.ends_at:
                self._over[name] = self._now.pop(name)

    def narrowed(self, takes: ClaimRequest) -> ClaimRequest:
        """Return a request without the names that have a pause, and the families that they belong to.

        A claim can't leave out one name of a family.
        """
        if not self._now:
            return takes
        names = tuple(
            known
            for known in takes.names
            if known not in self._now and not any(name.startswith(prefixes([known])) for name in self._now)
        )
        return msgspec.structs.replace(takes, names=names, families=prefixes(names))

    def _note(self, name: str, of_task: Version, of_class: Version | None) -> str | None:
        if name in self._troubles:
            return None
        has = "no version" if of_class is None else f"version {of_class}"
        text = (
            f"Tasks named {name!r} of version {of_task} are left to a newer runner: the class here has {has}. "
            "Deploy the newer code here, and restart this runner."
        )
        self._troubles[name] = text
        return text
