"""A sorted set of task ids that is quick to change at any size and can be walked from any id, up or down."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

# Ids are kept in unsorted buckets of neighbours: changing one costs a hash look-up, and only the few buckets that a
# page touches are ever sorted.
_BUCKET_BITS = 8


class IdSet:
    """Ids in buckets of 256 neighbours; `size` is how many there are."""

    __slots__ = ("_buckets", "_numbers", "size")

    def __init__(self) -> None:
        self._buckets: dict[int, set[int]] = {}
        self._numbers: list[int] = []
        self.size = 0

    def add(self, task_id: int) -> None:
        """Add an id that is not in the set."""
        number = task_id >> _BUCKET_BITS
        bucket = self._buckets.get(number)
        if bucket is None:
            self._buckets[number] = {task_id}
            insort(self._numbers, number)
        else:
            bucket.add(task_id)
        self.size += 1

    def remove(self, task_id: int) -> None:
        """Remove an id that is in the set."""
        number = task_id >> _BUCKET_BITS
        bucket = self._buckets[number]
        bucket.remove(task_id)
        if not bucket:
            del self._buckets[number]
            del self._numbers[bisect_left(self._numbers, number)]
        self.size -= 1

    def ascending(self, after_id: int | None) -> Iterator[int]:
        """Walk the ids above `after_id` (None: all of them), by rising id."""
        start = 0 if after_id is None else bisect_left(self._numbers, after_id >> _BUCKET_BITS)
        for place in range(start, len(self._numbers)):
            for task_id in sorted(self._buckets[self._numbers[place]]):
                if after_id is None or task_id > after_id:
                    yield task_id

    def descending(self, after_id: int | None) -> Iterator[int]:
        """Walk the ids below `after_id` (None: all of them), by falling id."""
        end = len(self._numbers) if after_id is None else bisect_right(self._numbers, after_id >> _BUCKET_BITS)
        for place in range(end - 1, -1, -1):
            for task_id in sorted(self._buckets[self._numbers[place]], reverse=True):
                if after_id is None or task_id < after_id:
                    yield task_id
