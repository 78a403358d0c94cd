"""Faults in what people may do to a task."""

from __future__ import annotations

from broken_stores.wrapper import RemembersTokens, StoreWrapper
from lilota.contract import TaskQuery
from lilota.errors import TaskStateError
from lilota.models import AttemptUpdate, Outcome, TaskState


class CancelEndsARunningTask(RemembersTokens):
    """Calls a task cancelled while its process still works."""

    def cancel(self, task_id: int) -> TaskState:
        if self.get(task_id).state is TaskState.RUNNING:
            outcome = Outcome(state=TaskState.CANCELLED)
            self.inner.commit([AttemptUpdate(id=task_id, token=self.newest[task_id], outcome=outcome)])
            return TaskState.CANCELLED
        return super().cancel(task_id)


class CancelOfARunningTaskIsForgotten(StoreWrapper):
    """Says that the runner will be asked, and asks nobody."""

    def cancel(self, task_id: int) -> TaskState:
        state = self.get(task_id).state
        return state if state is TaskState.RUNNING else super().cancel(task_id)


class CancelTakesTheNextOneAlong(StoreWrapper):
    """Cancels what was added in the same call, if it waits."""

    def cancel(self, task_id: int) -> TaskState:
        for info in self.find(TaskQuery(ids=(task_id + 1,), states=(TaskState.PENDING,))):
            super().cancel(info.id)
        return super().cancel(task_id)


class RetryOfASucceededTask(StoreWrapper):
    """Accepts what it should refuse."""

    def retry(self, task_id: int) -> None:
        try:
            super().retry(task_id)
        except TaskStateError:
            if self.get(task_id).state is not TaskState.SUCCEEDED:
                raise
