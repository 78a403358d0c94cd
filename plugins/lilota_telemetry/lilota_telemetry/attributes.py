"""What spans and metrics say of a task, by the semantic conventions for messaging and names of lilota's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lilota.models import Outcome, TaskState

if TYPE_CHECKING:
    from lilota.models import Claim, NewTask, TaskInfo

SCOPE: Final = "lilota"
SYSTEM: Final = {"messaging.system": "lilota"}

ADD: Final = "add"
RUN: Final = "run"

MESSAGE_ID: Final = "messaging.message.id"
ERROR_TYPE: Final = "error.type"
TASK_ID: Final = "lilota.task.id"
TASK_NAME: Final = "lilota.task.name"
TASK_STATE: Final = "lilota.task.state"
OUTCOME: Final = "lilota.attempt.outcome"


def of_add(task: NewTask) -> dict[str, str | int]:
    """Return the attributes of the span of an add; the id comes later."""
    return {**SYSTEM, **_operation(ADD, "send"), "messaging.destination.name": task.queue, TASK_NAME: task.name}


def of_attempt(task: TaskInfo | Claim) -> dict[str, str | int]:
    """Return the attributes of the span of an attempt; the outcome comes later."""
    return {
        **SYSTEM,
        **_operation(RUN, "process"),
        "messaging.destination.name": task.queue,
        MESSAGE_ID: str(task.id),
        TASK_NAME: task.name,
        TASK_ID: task.id,
        "lilota.task.attempt": task.attempt,
        "lilota.task.lost_attempts": task.lost_attempts,
    }


def outcome_name(outcome: Outcome) -> str:
    """Return in one word how an attempt ended, as its runner knows it."""
    if outcome.lost:
        return "lost"
    if outcome.state is not TaskState.PENDING:
        return str(outcome.state)
    return "given_back" if outcome.error is None else "retried"


def _operation(name: str, kind: str) -> dict[str, str]:
    return {"messaging.operation.name": name, "messaging.operation.type": kind}
