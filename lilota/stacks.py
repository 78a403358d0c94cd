"""Ask the runner of a running task where that is in its code: what `lilota stack` and a dashboard show."""

from __future__ import annotations

import platform
from typing import Final, NamedTuple

from lilota.contract import COMMANDS, Commands, RegisteredRunner, TaskStore
from lilota.errors import LilotaError, TaskStateError
from lilota.models import TaskInfo, TaskState
from lilota.running.control import ControlError, ask
from lilota.texts.stacks import ThreadStack, stacks_of

#: What to say of stacks that came by force.
FORCED: Final = (
    "The worker could not answer: C code keeps its interpreter, or has for a second. A signal has shown this. It does "
    "not show C functions: the first line of a thread is the Python code that called them; and other threads only "
    "where that of the task takes no signals, because a look at threads that move may bring the worker down."
)
_ENDED: Final = {
    TaskState.SUCCEEDED: "succeeded",
    TaskState.FAILED: "failed",
    TaskState.CANCELLED: "been cancelled",
}


class TaskStack(NamedTuple):
    """Where a task was in its code.

    Attributes:
        attempt: which one; `pid` is the process of its worker.
        by_force: the worker could not answer by itself; see `FORCED`.
        threads: that of the task comes first.
    """

    task: TaskInfo
    runner: RegisteredRunner
    attempt: int
    pid: int
    by_force: bool
    threads: tuple[ThreadStack, ...]


def stack_of(store: TaskStore, task_id: int, commands: Commands = COMMANDS) -> TaskStack:
    """Ask for the Python stacks of all threads of a task's worker; the task goes on.

    Call it on the host of the runner, as its user or as root. It may take some seconds.

    Args:
        commands: what somebody types here, for the remedies.

    Raises:
        TaskNotFoundError: there is no such task.
        TaskStateError: it does not run.
        LilotaError: its runner can't be asked; the message says why, and what to do.
    """
    task = store.get(task_id)
    runner = _runner_of(task, store, commands.line)
    try:
        answer = ask(_address(task, runner, commands.line), {"stack": task.id})
    except ControlError as error:
        raise LilotaError(f"The {_named(runner)} of task {task.id} can't be asked. {error}") from error
    if "none" in answer:
        raise _nothing(store.get(task_id), str(answer["none"]), commands.line)
    return TaskStack(
        task=task,
        runner=runner,
        attempt=answer["attempt"],
        pid=answer["pid"],
        by_force=answer["by_force"],
        threads=tuple(stacks_of(str(answer["stack"]))),
    )


def _runner_of(task: TaskInfo, store: TaskStore, line: str) -> RegisteredRunner:
    if task.state is not TaskState.RUNNING:
        raise _nothing(task, "", line)
    runner = next((runner for runner in store.runners() if runner.id == task.runner_id), None)
    if runner is None:
        raise LilotaError(f"The runner {task.runner_id} of task {task.id} is not registered any more; look again.")
    if runner.has_expired:
        raise LilotaError(
            f"The {_named(runner)} of task {task.id} is dead, or can't reach the store: its lease has run out. "
            f"Another runner takes the task back; `{line} logs` then has a line that says so."
        )
    return runner


def _address(task: TaskInfo, runner: RegisteredRunner, line: str) -> str:
    if runner.host != platform.node():
        raise LilotaError(
            f"Task {task.id} runs on the host {runner.host}, and this is {platform.node()}. "
            f"Type it there: {line} stack {task.id}"
        )
    address = runner.about.get("control")
    if not isinstance(address, str):
        raise LilotaError(
            f"The {_named(runner)} of task {task.id} can't be asked: it is of an older version, or this system has no "
            f"control sockets. `py-spy dump --pid` with the worker process that `{line} show` names is another way."
        )
    return address


def _nothing(task: TaskInfo, why: str, line: str) -> LilotaError:
    """Say why there is no stack, by what the task is by now."""
    if task.state is TaskState.PENDING:
        ran = "it has not run yet" if task.attempt == 0 else f"attempt {task.attempt} has ended"
        return TaskStateError(f"Task {task.id} waits, so it has no stack: {ran}.")
    if task.state.is_terminal:
        ended = _ENDED[task.state]
        return TaskStateError(f"Task {task.id} has {ended}, so it has no stack. See: {line} logs {task.id}")
    return LilotaError(f"Task {task.id} has no stack to show. {why}")


def _named(runner: RegisteredRunner) -> str:
    return f"runner {runner.id} (process {runner.pid} on {runner.host})"
