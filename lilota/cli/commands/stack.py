"""`lilota stack`: where a running task is in its code."""

from __future__ import annotations

import platform
from typing import Final

import click

from lilota.cli.completion import complete_task_id_in
from lilota.cli.options import TASK_ID, json_option, store_option
from lilota.cli.output import echo
from lilota.cli.records import print_json
from lilota.cli.session import Session, pass_session
from lilota.contract import RegisteredRunner, TaskStore
from lilota.errors import LilotaError, TaskStateError
from lilota.models import JSONObject, TaskInfo, TaskState
from lilota.texts.safe import safe
from lilota.texts.stacks import ThreadStack, stack_lines, stacks_of

_FORCED: Final = (
    "The worker could not answer: C code keeps its interpreter, or has for a second. A signal has shown this. It does "
    "not show C functions: the first line of a thread is the Python code that called them; and other threads only "
    "where that of the task takes no signals, because a look at threads that move may bring the worker down."
)
_SHOWN_LINES: Final = 10_000


@click.command
@click.argument("task_id", metavar="ID", type=TASK_ID, shell_complete=complete_task_id_in([TaskState.RUNNING]))
@json_option("one JSON document")
@store_option
@pass_session
def stack(session: Session, *, task_id: int, as_json: bool) -> None:
    """Show where the running task ID is in its code: the Python stacks of all threads of its worker.

    Its runner asks the worker, and the task goes on. Type it on the host of the runner, as its user or as root.
    """
    from lilota.running.control import ControlError, ask  # noqa: PLC0415 - start-up stays quick

    with session.open_store() as store:
        task = store.get(task_id)
        runner = _runner_of(task, store)
        try:
            answer = ask(_address(task, runner), {"stack": task.id})
        except ControlError as error:
            raise LilotaError(f"The {_named(runner)} of task {task.id} can't be asked. {error}") from error
        if "none" in answer:
            raise _nothing(store.get(task_id), str(answer["none"]))
    if as_json:
        print_json(_record(task, runner, answer), indent=2)
        return
    echo(safe(f"Task {task.id} {task.name}, attempt {answer['attempt']}, worker process {answer['pid']}"), bold=True)
    if answer["by_force"]:
        echo(_FORCED, dim=True)
    for line in stack_lines(_stacks(answer), _SHOWN_LINES):
        echo(safe(line) if line.startswith(" ") else f"\n{safe(line)}")


def _runner_of(task: TaskInfo, store: TaskStore) -> RegisteredRunner:
    if task.state is not TaskState.RUNNING:
        raise _nothing(task, "")
    runner = next((runner for runner in store.runners() if runner.id == task.runner_id), None)
    if runner is None:
        raise LilotaError(f"The runner {task.runner_id} of task {task.id} is not registered any more; look again.")
    if runner.has_expired:
        raise LilotaError(
            f"The {_named(runner)} of task {task.id} is dead, or can't reach the store: its lease has run out. "
            "Another runner takes the task back; `lilota logs` then has a line that says so."
        )
    return runner


def _address(task: TaskInfo, runner: RegisteredRunner) -> str:
    if runner.host != platform.node():
        raise LilotaError(
            f"Task {task.id} runs on the host {runner.host}, and this is {platform.node()}. "
            f"Type it there: lilota stack {task.id}"
        )
    address = runner.about.get("control")
    if not isinstance(address, str):
        raise LilotaError(
            f"The {_named(runner)} of task {task.id} can't be asked: it is of an older version, or this system has no "
            "control sockets. `py-spy dump --pid` with the worker process that `lilota show` names is another way."
        )
    return address


def _nothing(task: TaskInfo, why: str) -> LilotaError:
    """Say why there is no stack, by what the task is by now."""
    if task.state is TaskState.PENDING:
        ran = "it has not run yet" if task.attempt == 0 else f"attempt {task.attempt} has ended"
        return TaskStateError(f"Task {task.id} waits, so it has no stack: {ran}.")
    if task.state.is_terminal:
        ended = _ENDED[task.state]
        return TaskStateError(f"Task {task.id} has {ended}, so it has no stack. See: lilota logs {task.id}")
    return LilotaError(f"Task {task.id} has no stack to show. {why}")


_ENDED: Final = {
    TaskState.SUCCEEDED: "succeeded",
    TaskState.FAILED: "failed",
    TaskState.CANCELLED: "been cancelled",
}


def _named(runner: RegisteredRunner) -> str:
    return f"runner {runner.id} (process {runner.pid} on {runner.host})"


def _stacks(answer: JSONObject) -> list[ThreadStack]:
    return stacks_of(str(answer["stack"]))


def _record(task: TaskInfo, runner: RegisteredRunner, answer: JSONObject) -> JSONObject:
    return {
        "id": task.id,
        "name": task.name,
        "attempt": answer["attempt"],
        "pid": answer["pid"],
        "runner_id": runner.id,
        "host": runner.host,
        "by_force": answer["by_force"],
        "threads": [
            {"name": stack.name, "of_task": stack.of_task, "frames": list(stack.frames)} for stack in _stacks(answer)
        ],
    }
