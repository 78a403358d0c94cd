"""Where a running task is in its code."""

from __future__ import annotations

from typing import Final

from lilota.contract import COMMANDS, Commands, TaskStore
from lilota.stacks import stack_of
from lilota.texts.stacks import stack_lines
from lilota_dashboard.data.records.task import StackPage
from lilota_dashboard.data.texts import line

_LINES: Final = 2000


def stack_page(store: TaskStore, task_id: int, commands: Commands = COMMANDS) -> StackPage:
    """Ask the runner of a task for the stacks of its worker; the task goes on. It may take some seconds.

    Args:
        commands: what somebody types here.

    Raises:
        TaskNotFoundError: there is no such task.
        LilotaError: it does not run, or its runner can't be asked from here; the message says what to do.
    """
    found = stack_of(store, task_id, commands)
    return StackPage(
        task_id=task_id,
        attempt=found.attempt,
        pid=found.pid,
        was_forced=found.by_force,
        lines=tuple(map(line, stack_lines(found.threads, _LINES))),
    )
