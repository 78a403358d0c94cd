"""Processes of this machine, in places that come and go as a test says: a cluster without a network."""

from __future__ import annotations

from collections import deque

from lilota.executors import Event, ExecutorOptions, Retiring, WorkerProcesses

#: Where workers are by turns that know where they are.
NODES = ("tcp://a:1 (a)", "tcp://b:2 (b)")


class ChangingPlaces(WorkerProcesses):
    """As many places as the runner has asked for, until a test says otherwise, from any thread."""

    def __init__(self, options: ExecutorOptions) -> None:
        super().__init__(options)
        self._number_of_places = options.number_of_processes
        self._news: deque[Event] = deque()

    def places(self) -> int:
        return self._number_of_places

    def set_places(self, number: int) -> None:
        """Have so many places from now on."""
        self._number_of_places = number
        self.wake()

    def retire(self, worker: int, grace_seconds: float) -> None:
        """Announce that the place of a worker is taken away."""
        self._number_of_places -= 1
        self._news.append(Retiring(worker, grace_seconds))
        self.wake()

    def wait(self, timeout_seconds: float | None) -> list[Event]:
        events = super().wait(timeout_seconds)
        while self._news:
            events.append(self._news.popleft())
        return events

    def numbers(self) -> list[int]:
        """Return the numbers of the workers that live."""
        return sorted(self._workers)


class PlacesOnNodes(ChangingPlaces):
    """Workers with an odd number are on the first of two nodes, the others on the second."""

    def node(self, number: int) -> str:
        return NODES[(number - 1) % 2] if number in self._workers else ""

    def nodes(self) -> dict[str, int]:
        return {NODES[0]: (self.places() + 1) // 2, NODES[1]: self.places() // 2}
