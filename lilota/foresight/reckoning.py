"""Reckon with durations: how long a task takes, how long one still needs that runs, and when those in line start.

All are seconds, and infinity is what nobody knows: what comes behind it is not known, either.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from math import inf


def usual(seconds: Sequence[float]) -> float:
    """Return how long such a task takes: the middle, which a few odd ones do not move."""
    return sorted(seconds)[(len(seconds) - 1) // 2] if seconds else inf


def left(seconds: Sequence[float], so_far: float) -> float:
    """Return how long a task still needs that has run so long, given how long others took.

    Only those count that took longer than it has run until now. If none did, nobody knows.
    """
    return usual([each - so_far for each in seconds if each > so_far])


def starts(busy: Iterable[float], places: int, line: Iterable[float]) -> Iterator[float]:
    """Give for each task in line in how many seconds it starts, if each free place takes the next one.

    Args:
        busy: for how long the places will be busy that are.
        places: how many there are.
        line: how long each of the tasks takes, in their order.
    """
    longest = heapq.nlargest(places, busy)
    free_in = longest + [0.0] * (places - len(longest)) if places else [inf]
    heapq.heapify(free_in)
    for takes in line:
        yield free_in[0]
        heapq.heapreplace(free_in, free_in[0] + takes)
