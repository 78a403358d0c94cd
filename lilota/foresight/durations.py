"""How long tasks of each name took lately, asked of the store now and then."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from lilota.contract import CanForesee

#: So many that succeeded say how long a task of the name takes.
SAMPLE: Final = 20
#: How long they are believed.
_KEPT_SECONDS: Final = 10.0
#: Of so many names at a time; a line of a thousand tasks rarely has more.
_MOST_ASKED: Final = 100
#: Who has more names than that asks again.
_MOST_KEPT: Final = 1000


class Durations:
    """What the store says of names, kept for some seconds: a page that is drawn each second asks rarely."""

    def __init__(self, store: CanForesee) -> None:
        self._store = store
        self._kept: dict[str, tuple[float, Sequence[float]]] = {}

    def of(self, names: Iterable[str]) -> Mapping[str, Sequence[float]]:
        """Return for each name how many seconds its newest tasks took that succeeded, nothing if there are none.

        Of many names, the first hundred are in the answer.
        """
        now = time.monotonic()
        wanted = frozenset(islice(dict.fromkeys(names), _MOST_ASKED))
        known = {name: kept[1] for name in wanted if (kept := self._kept.get(name)) and now < kept[0]}
        return known | self._ask(wanted - known.keys(), now)

    def _ask(self, names: Collection[str], now: float) -> dict[str, Sequence[float]]:
        if not names:
            return {}
        told = self._store.durations(sorted(names), SAMPLE)
        found: dict[str, Sequence[float]] = {name: told.get(name, ()) for name in names}
        if len(self._kept) + len(found) > _MOST_KEPT:
            self._kept = {}
        self._kept |= {name: (now + _KEPT_SECONDS, seconds) for name, seconds in found.items()}
        return found
