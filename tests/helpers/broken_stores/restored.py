"""Faults in taking over tasks of another store, and in joining a transaction of the application."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from broken_stores.wrapper import StoreWrapper
from lilota.contract import StoredTask, TaskCount, TaskStore
from lilota.models import NewTask, TaskInfo, TaskState


class RestoreForgetsTheToken(StoreWrapper):
    """Lets tokens start over, so that the void ones of the other store come round again."""

    def alter_restored(self, task: StoredTask) -> StoredTask:
        return replace(task, info=replace(task.info, token=0))


class RestoreForgetsTheLog(StoreWrapper):
    """Brings the tasks without what they logged."""

    def alter_restored(self, task: StoredTask) -> StoredTask:
        return replace(task, log_lines=())


class RestoreMakesAllDue(StoreWrapper):
    """Runs at once what was scheduled for later."""

    def alter_restored(self, task: StoredTask) -> StoredTask:
        return replace(task, info=replace(task.info, run_at=task.info.created_at))


class RestoreTakesRunningTasks(StoreWrapper):
    """Makes running tasks pending, though their runner goes on elsewhere."""

    def alter_restored(self, task: StoredTask) -> StoredTask:
        if task.info.state is not TaskState.RUNNING:
            return task
        return replace(task, info=replace(task.info, state=TaskState.PENDING))


class RestoreIsNotAtomic(StoreWrapper):
    """Writes task by task, so that what is in front of a refused one stays."""

    def restore(self, tasks: Sequence[StoredTask]) -> int:
        return sum(super(RestoreIsNotAtomic, self).restore([task]) for task in tasks)


class RestoreOverwrites(StoreWrapper):
    """Sets back tasks that exist, to what the other store knew of them."""

    def __init__(self, store: TaskStore) -> None:
        super().__init__(store)
        self.overwritten: dict[int, TaskInfo] = {}

    def restore(self, tasks: Sequence[StoredTask]) -> int:
        existing = {info.id for info in self.get_all_tasks()}
        self.overwritten |= {task.info.id: task.info for task in tasks if task.info.id in existing}
        return super().restore(tasks)

    def get(self, task_id: int) -> TaskInfo:
        info = super().get(task_id)
        return self.overwritten.get(task_id, info)


class RestoredIdsAreUsedAgain(StoreWrapper):
    """Goes on counting from its own last id, and meets the restored ones later."""

    def __init__(self, store: TaskStore) -> None:
        super().__init__(store)
        self.last_id: int = 0

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        first = self.last_id + 1
        super().add(tasks, connection=connection)
        self.last_id += len(tasks)
        return list(range(first, self.last_id + 1))


class RestoredTasksAreNotCounted(StoreWrapper):
    """Writes tasks past the counters."""

    def __init__(self, store: TaskStore) -> None:
        super().__init__(store)
        self.restored: Counter[tuple[str, str, TaskState]] = Counter()

    def restore(self, tasks: Sequence[StoredTask]) -> int:
        self.restored.update((task.info.queue, task.info.name, task.info.state) for task in tasks)
        return super().restore(tasks)

    def counts(self, owner: str | None = None) -> list[TaskCount]:
        counted = [
            replace(row, count=row.count - self.restored[row.queue, row.name, row.state])
            for row in super().counts(owner)
        ]
        return [row for row in counted if row.count > 0]


class ConnectionIsIgnored(StoreWrapper):
    """Adds in a transaction of its own, whatever becomes of the application's."""

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        del connection
        return super().add(tasks)
