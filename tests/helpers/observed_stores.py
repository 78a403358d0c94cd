"""A store in memory that tells how often it is asked, and that a test can let fail."""

from __future__ import annotations

from lilota_memory_store import MemoryTaskStore


class ObservedStore(MemoryTaskStore):
    """Counts questions and writes of new tasks.

    Attributes:
        error: raised by `find` while a test wants that.
        refusal: the same for `add`.
        asked: how often it was asked for tasks or lines.
        writes: how often tasks were added, many at a time or one.
    """

    error: BaseException | None = None
    refusal: BaseException | None = None
    asked = 0
    writes = 0

    def add(self, tasks, *, connection=None):
        self.writes += 1
        if self.refusal is not None:
            raise self.refusal
        return super().add(tasks, connection=connection)

    def find(self, query):
        self.asked += 1
        if self.error is not None:
            raise self.error
        return super().find(query)

    def get(self, task_id):
        self.asked += 1
        return super().get(task_id)

    def logs(self, task_id, after=0, limit=1000):
        self.asked += 1
        return super().logs(task_id, after, limit)

    def logs_of_many(self, after, limit=1000):
        self.asked += 1
        return super().logs_of_many(after, limit)
