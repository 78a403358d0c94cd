"""Faults in what is kept and told: half batches, ids, counts, pages, logs, attempts, news."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from broken_stores.wrapper import StoreWrapper
from lilota.contract import Fence, TaskCount, TaskQuery, TaskStore, to_instant
from lilota.models import AttemptUpdate, LogLine, NewTask, Outcome, TaskError, TaskInfo, TaskState


class AddIsNotAtomic(StoreWrapper):
    """Stores a batch task by task, so that it can break in the middle."""

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        ids = []
        for task in tasks:
            ids += super().add([task], connection=connection)
            # Gives a reader the chance that a killed process, or a power cut, would have.
            time.sleep(0)
        return ids


class IdsAreUsedAgain(StoreWrapper):
    """A new task is known by the id of one that was pruned."""

    def __init__(self, store: TaskStore) -> None:
        super().__init__(store)
        self.free: list[int] = []

    def prune(self, older_than_seconds: float, states: Sequence[TaskState] | None = None, limit: int = 1000) -> int:
        before = {info.id for info in self.get_all_tasks()}
        pruned = super().prune(older_than_seconds, states, limit)
        self.free.extend(before - {info.id for info in self.get_all_tasks()})
        return pruned

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        return [self.free.pop() if self.free else task_id for task_id in super().add(tasks, connection=connection)]


class CountsDriftAfterPrune(StoreWrapper):
    """Keeps counters beside the tasks, and forgets to lower them when tasks are deleted."""

    def __init__(self, store: TaskStore) -> None:
        super().__init__(store)
        self.ghosts: list[TaskCount] = []

    def prune(self, older_than_seconds: float, states: Sequence[TaskState] | None = None, limit: int = 1000) -> int:
        pruned = super().prune(older_than_seconds, states, limit)
        if pruned:
            self.ghosts = [TaskCount(queue="default", name="pruned", state=TaskState.PENDING, count=pruned)]
        return pruned

    def counts(self, owner: str | None = None) -> list[TaskCount]:
        return super().counts(owner) + self.ghosts


class ChangesAreNotNoticed(StoreWrapper):
    """Whoever waits always waits for the whole time."""

    def wait_for_change(self, timeout_seconds: float) -> bool:
        # The time itself is left out: the suite need not wait for what is known.
        del timeout_seconds
        return False


class GivingBackSpendsTheAttempt(StoreWrapper):
    """A task that asks to come later uses up its attempts."""

    def write(self, updates: Sequence[AttemptUpdate]) -> tuple[Fence, ...]:
        return super().write([replace(each, outcome=self._spent(each.outcome)) for each in updates])

    def _spent(self, outcome: Outcome | None) -> Outcome | None:
        return outcome and replace(outcome, spends_attempt=True)


class GivingBackGoesToTheEndOfTheLine(StoreWrapper):
    """What a runner took too early waits for all that came after it."""

    def write(self, updates: Sequence[AttemptUpdate]) -> tuple[Fence, ...]:
        return super().write([replace(each, outcome=self._with_error(each.outcome)) for each in updates])

    def _with_error(self, outcome: Outcome | None) -> Outcome | None:
        is_pending = outcome is not None and outcome.state is TaskState.PENDING
        return replace(outcome, error=TaskError(type="Retry", message="")) if is_pending else outcome


class ComingBackKeepsThePlace(StoreWrapper):
    """A task that asks to come back at once is the next one, for ever."""

    def write(self, updates: Sequence[AttemptUpdate]) -> tuple[Fence, ...]:
        return super().write([replace(each, outcome=self._without_error(each.outcome)) for each in updates])

    def _without_error(self, outcome: Outcome | None) -> Outcome | None:
        return outcome and (outcome if outcome.spends_attempt else replace(outcome, error=None))


class LaterPagesStartOver(StoreWrapper):
    """The page behind an id begins with that id."""

    def find(self, query: TaskQuery) -> list[TaskInfo]:
        if query.after_id is not None:
            after_id = query.after_id + (1 if query.newest_first else -1)
            query = replace(query, after_id=after_id)
        return super().find(query)


class LogLinesAreReadFromTheEnd(StoreWrapper):
    """A page of the log holds its newest lines, not its oldest."""

    def logs(self, task_id: int, after: int = 0, limit: int = 1000) -> list[LogLine]:
        return super().logs(task_id, after, 10**6)[-limit:]


class LinesSentAgainAreWrittenAgain(StoreWrapper):
    """Appends whatever comes, so that a lost reply doubles the log."""

    def write(self, updates: Sequence[AttemptUpdate]) -> tuple[Fence, ...]:
        return super().write([replace(each, log_offset=None) for each in updates])


class EveryStartIsBelieved(StoreWrapper):
    """Shows the start of an attempt as a worker told it, whatever its clock said."""

    def __init__(self, store: TaskStore) -> None:
        super().__init__(store)
        self.told: dict[int, float] = {}

    def write(self, updates: Sequence[AttemptUpdate]) -> tuple[Fence, ...]:
        self.told.update((each.id, each.started_at) for each in updates if each.started_at is not None)
        return super().write(updates)

    def get(self, task_id: int) -> TaskInfo:
        info = super().get(task_id)
        told = self.told.get(task_id)
        return info if told is None else replace(info, started_at=to_instant(told))


class InstantsAreKeptToTheMillisecond(StoreWrapper):
    """Rounds instants, as a store does that keeps them as floating point numbers or in a column that is too short."""

    def alter_new(self, task: NewTask) -> NewTask:
        return task if task.run_at is None else replace(task, run_at=_rounded(task.run_at))


class TextsPassForIds(StoreWrapper):
    """Finds the task that a text, or True, seems to mean."""

    def get(self, task_id: int) -> TaskInfo:
        return super().get(int(task_id))


def _rounded(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


class BriefPagesLeaveOutErrors(StoreWrapper):
    """Takes the error for one of the values that may be long."""

    def find(self, query: TaskQuery) -> list[TaskInfo]:
        return [replace(info, error=None) if query.brief else info for info in super().find(query)]


class BriefPagesCutValues(StoreWrapper):
    """Gives the beginning of an output in place of all or nothing."""

    def find(self, query: TaskQuery) -> list[TaskInfo]:
        if not query.brief:
            return super().find(query)
        found = super().find(replace(query, brief=False))
        return [replace(info, output_json=info.output_json and info.output_json[:5]) for info in found]
