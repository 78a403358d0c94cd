"""Run a task in the process of the test, with what it gets and gives going through JSON as in production."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from lilota.adding.new_tasks import headers_json
from lilota.errors import InvalidInputError, InvalidOutputError
from lilota.models import Claim, JSONObject, LogLine, Outcome, TaskBase, TaskError, TaskState
from lilota.tasks.checks import check_task_class
from lilota.tasks.functions import FunctionTask
from lilota.tasks.jsonvalues import INPUT_LIMIT_BYTES, OUTPUT_LIMIT_BYTES, encode_object
from lilota.tasks.options import remarks_on
from lilota.workers.attempts import run_attempt
from lilota.workers.logs import LineHandler, task_logger

Record = TypeVar("Record", Claim, Outcome)


class TaskResult(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt left behind.

    Attributes:
        state: how it ended; PENDING if it would run again, after `outcome.delay_seconds`.
        output: the last output, or None. It has been through JSON: tuples are lists.
        error: why it did not succeed, with the traceback as text, or None.
        progress: every percentage that it reported, in order.
        log_lines: what it logged through `self.logger`. What it prints goes to the test's own output.
        outcome: the whole outcome, as a store would get it.
    """

    state: TaskState
    output: JSONObject | None
    error: TaskError | None
    progress: tuple[float, ...]
    log_lines: tuple[LogLine, ...]
    outcome: Outcome

    @property
    def log_text(self) -> str:
        """The texts of the log lines, one per line."""
        return "\n".join(line.text for line in self.log_lines)


def run_task(
    task: type[TaskBase] | FunctionTask[..., Any],
    input: JSONObject | None = None,
    *,
    name: str = "task",
    description: str = "",
    attempt: int = 1,
    output: JSONObject | None = None,
    lost_attempts: int = 0,
    headers: JSONObject | None = None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> TaskResult:
    """Run one attempt of a task inline and return what came of it; what the task raises is in the result.

        result = run_task(AddNumbers, {"number1": 1, "number2": 2})
        assert result.output == {"result": 3}

    There is no process of its own, so timeouts and hard cancellation do not apply, and no hooks of plugins are called.
    A class attribute that looks like a misspelt option is a warning.

    Args:
        attempt: the number of the attempt, for what is decided by it (`max_attempts`).
        output: what an earlier attempt left behind.
        headers: what travels with the task.
        is_cancelled: what `self.cancelled` gives.

    Raises:
        InvalidTaskError: it is no task class, as `register` would say; a class inside a test function is one.
        InvalidInputError: the input can't be stored, as `add` would say.
        InvalidOutputError: the same about `output`.
    """
    task_class = check_task_class(task, "What run_task() got")
    for remark in remarks_on(task_class):
        warnings.warn(remark, stacklevel=2)
    claim = Claim(
        id=1,
        token=1,
        attempt=attempt,
        name=name,
        description=description,
        input_json=encode_object(
            {} if input is None else input, lambda: f"The input of {name!r}", INPUT_LIMIT_BYTES, InvalidInputError
        ),
        output_json=None
        if output is None
        else encode_object(output, lambda: f"The earlier output of {name!r}", OUTPUT_LIMIT_BYTES, InvalidOutputError),
        lost_attempts=lost_attempts,
        max_lost_attempts=task_class.max_lost_attempts,
        headers_json=headers_json(headers),
    )
    recorder = _Recorder(is_cancelled)
    lines: list[LogLine] = []
    outcome = _run_with_log(_through_json(claim, Claim), task_class, recorder, lines, attempt)
    last_output = recorder.output_json if recorder.output_json is not None else claim.output_json
    return TaskResult(
        state=outcome.state,
        output=None if last_output is None else msgspec.json.decode(last_output),
        error=outcome.error,
        progress=tuple(recorder.percentages),
        log_lines=tuple(lines),
        outcome=_through_json(outcome, Outcome),
    )


class _Recorder:
    """Keeps what an attempt reports."""

    def __init__(self, is_cancelled: Callable[[], bool]) -> None:
        self.is_cancelled = is_cancelled
        self.percentages: list[float] = []
        self.output_json: str | None = None

    def progress(self, percentage: float) -> None:
        self.percentages.append(percentage)

    def output(self, output_json: str) -> None:
        self.output_json = output_json

    def returned(self, output_json: str) -> None:
        self.output_json = output_json

    def note(self, text: str) -> None:
        """What lilota itself would say is no line of the task."""

    def wait_until_stored(self) -> None:
        """There is no store, so there is nothing to wait for."""

    def run_coroutine(self, coroutine: Coroutine[Any, Any, object]) -> object:
        from lilota.workers.coroutines import CoroutineRun  # most tasks need no asyncio

        return CoroutineRun(coroutine, self.note).run()


def _run_with_log(
    claim: Claim, task: type[TaskBase], recorder: _Recorder, lines: list[LogLine], attempt: int
) -> Outcome:
    logger = task_logger(claim.name)
    handler = LineHandler(lambda line: lines.append(msgspec.structs.replace(line, attempt=attempt)))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        return run_attempt(claim, lambda _name: task, recorder, logger)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _through_json(record: Record, kind: type[Record]) -> Record:
    """Send a record the way that it takes between runner and worker."""
    return msgspec.json.decode(msgspec.json.encode(record), type=kind)
