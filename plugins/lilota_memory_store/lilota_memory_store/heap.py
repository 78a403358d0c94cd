"""A heap whose entries may go stale: they are dropped when they come up, or all together once they are many."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator

Entry = tuple[int, ...]
"""The order of a pending task among others; the last element is its id."""

# Below this, rebuilding is not worth a thought.
_FEW = 1000


class EntryHeap:
    """Entries by rising order.

    Args:
        is_current: tells whether an entry still stands for its task.
    """

    __slots__ = ("_entries", "_is_current", "_stale")

    def __init__(self, is_current: Callable[[Entry], bool]) -> None:
        self._entries: list[Entry] = []
        self._is_current = is_current
        self._stale = 0

    def push(self, entry: Entry) -> None:
        """Put an entry in its place."""
        heapq.heappush(self._entries, entry)

    def first(self) -> Entry | None:
        """Return the first current entry, or None. It stays."""
        entries = self._entries
        while entries:
            if self._is_current(entries[0]):
                return entries[0]
            heapq.heappop(entries)
            self._stale -= 1
        return None

    def in_order(self) -> Iterator[Entry]:
        """Walk the current entries, the first ones first; nobody may change the heap meanwhile."""
        entries = self._entries
        # Behind each entry there are two that may be next.
        ahead = [(entry, 0) for entry in entries[:1]]
        while ahead:
            entry, place = heapq.heappop(ahead)
            if self._is_current(entry):
                yield entry
            for child in range(2 * place + 1, min(2 * place + 3, len(entries))):
                heapq.heappush(ahead, (entries[child], child))

    def unordered(self) -> Iterator[Entry]:
        """Give all current entries; nobody may change the heap meanwhile."""
        return filter(self._is_current, self._entries)

    def pop(self) -> None:
        """Remove the entry that `first` returned."""
        heapq.heappop(self._entries)

    def forget_one(self) -> None:
        """Learn that one entry has gone stale."""
        self._stale += 1
        if self._stale > _FEW and self._stale * 2 > len(self._entries):
            # Cancelled tasks of a low priority would stay for ever: nothing brings them to the top.
            self._entries = [entry for entry in self._entries if self._is_current(entry)]
            heapq.heapify(self._entries)
            self._stale = 0
