"""Which of two events was first, as far as anybody can know: an answer tells of an interval, not of an instant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from history.events import Event, OfTask, Read

E = TypeVar("E", bound=Event)
E_co = TypeVar("E_co", bound=Event, covariant=True)


@dataclass(frozen=True, slots=True)
class Placed(Generic[E_co]):
    """An event with its place in time: somewhere from `since` to `at`."""

    event: E_co
    since: float
    at: float
    number: int

    def is_before(self, other: Placed[Event]) -> bool:
        """Tell whether it was over for sure before the other began."""
        return self.at < other.since or (self.at == other.since and self.number < other.number)

    def may_be_between(self, first: Placed[Event], second: Placed[Event]) -> bool:
        """Tell whether it can have taken place after the one and before the other."""
        return not self.is_before(first) and not second.is_before(self)


class Events:
    """Placed events, to be looked up by kind."""

    def __init__(self, placed: Iterable[Placed[Event]]) -> None:
        self._by_kind: dict[type, list[Placed[Event]]] = defaultdict(list)
        for each in placed:
            self._by_kind[type(each.event)].append(each)

    def of(self, kind: type[E]) -> list[Placed[E]]:
        """Return the events of a kind, in the order of their ends."""
        return cast("list[Placed[E]]", self._by_kind.get(kind, []))


def placed(events: Iterable[Event]) -> list[Placed[Event]]:
    """Place events in time, in the order of their ends."""
    in_order = sorted(events, key=lambda event: event.at)  # stable: those of one instant stay as they were noted
    return [Placed(event, _since(event), event.at, number) for number, event in enumerate(in_order)]


def by_task(events: Iterable[Placed[Event]]) -> Iterator[tuple[int, Events]]:
    """Yield the events of each task."""
    tasks: dict[int, list[Placed[Event]]] = defaultdict(list)
    for each in events:
        if isinstance(each.event, OfTask):
            tasks[each.event.task_id].append(each)
        elif isinstance(each.event, Read):
            tasks[each.event.info.id].append(each)
    for task_id, of_task in tasks.items():
        yield task_id, Events(of_task)


def _since(event: Event) -> float:
    since = getattr(event, "since", None)
    return event.at if since is None else float(since)
