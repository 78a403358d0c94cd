"""Run one attempt of a task: from a claim to an outcome.

load -> build -> run -> keep what it returned -> outcome
"""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Protocol

from lilota.errors import (
    CancelRequested,
    InvalidOutputError,
    InvalidTaskError,
    Retry,
    RunnerStopping,
    TimeoutReached,
    UnknownTaskError,
)
from lilota.jsonvalues import OUTPUT_LIMIT_BYTES, encode_object
from lilota.models import Claim, JSONObject, Outcome, TaskBase, TaskError, TaskInfo, TaskState

#: A traceback is kept up to this many characters, the end of it, where the error is.
TRACEBACK_LIMIT: Final = 32_000

TaskLoader = Callable[[str], type[TaskBase]]
TaskCall = Callable[[TaskBase], JSONObject | None]


class AttemptReporter(Protocol):
    """Where a running attempt tells how it is getting on."""

    def progress(self, percentage: float) -> None:
        """Take the newest percentage, 0 to 100."""

    def output(self, output_json: str) -> None:
        """Take the output so far, as JSON text."""

    def is_cancelled(self) -> bool:
        """Tell whether the attempt should end."""


def call_run(task: TaskBase) -> JSONObject | None:
    """Run the task with nothing around it."""
    return task.run()


def run_attempt(
    claim: Claim,
    load: TaskLoader,
    reporter: AttemptReporter,
    logger: logging.Logger,
    call: TaskCall = call_run,
) -> Outcome:
    """Run one attempt in this process and say how it ended. Nothing that a task raises gets past this.

    Args:
        load: gives the class for a task name.
        call: runs the built task; plugins wrap it.
    """
    task_class: type[TaskBase] = TaskBase  # type: ignore[type-abstract] - only its options are read
    try:
        task_class = load(claim.name)
        progress = _Progress(claim, reporter)
        task = _build_task(task_class, claim, reporter, progress, logger)
        returned = call(task)
        progress.keep_return_value(returned)
    except Retry as request:
        reason = TaskError(type="Retry", message=str(request))
        return Outcome(state=TaskState.PENDING, error=reason, delay_seconds=request.delay_seconds, spends_attempt=False)
    except CancelRequested:
        return Outcome(state=TaskState.CANCELLED)
    except RunnerStopping:
        return Outcome(state=TaskState.PENDING, spends_attempt=False)
    except (UnknownTaskError, InvalidTaskError) as error:
        return Outcome(state=TaskState.FAILED, error=describe_error(error))
    except BaseException as error:  # noqa: BLE001 - a task may raise anything, SystemExit included
        return _after_error(task_class, claim, error)
    return Outcome(state=TaskState.SUCCEEDED)


class _Progress:
    """What the `set_progress` and `set_output` of one attempt do."""

    def __init__(self, claim: Claim, reporter: AttemptReporter) -> None:
        self._claim = claim
        self._reporter = reporter
        self._has_output = False

    def set_progress(self, task_id: int, percentage: float) -> None:
        self._check_id("set_progress", task_id)
        if not 0 <= percentage <= 100:
            raise ValueError(f"The progress of a task goes from 0 to 100; set_progress got {percentage!r}.")
        self._reporter.progress(float(percentage))

    def set_output(self, task_id: int, output: JSONObject) -> None:
        self._check_id("set_output", task_id)
        what = f"The output of the task {task_id} ({self._claim.name!r})"
        self._reporter.output(encode_object(output, what, OUTPUT_LIMIT_BYTES, InvalidOutputError))
        self._has_output = True

    def keep_return_value(self, returned: JSONObject | None) -> None:
        if returned is not None and not self._has_output:
            self.set_output(self._claim.id, returned)

    def _check_id(self, method: str, task_id: int) -> None:
        if task_id != self._claim.id:
            raise ValueError(f"{method} was called for the task {task_id!r} in the task {self._claim.id}.")


def _build_task(
    task_class: type[TaskBase],
    claim: Claim,
    reporter: AttemptReporter,
    progress: _Progress,
    logger: logging.Logger,
) -> TaskBase:
    now = datetime.now(UTC)
    task_info = TaskInfo(
        id=claim.id,
        name=claim.name,
        description=claim.description,
        state=TaskState.RUNNING,
        queue=claim.queue,
        priority=claim.priority,
        input_json=claim.input_json,
        output_json=claim.output_json,
        created_at=now,
        run_at=now,
        started_at=now,
        attempt=claim.attempt,
        lost_attempts=claim.lost_attempts,
        max_lost_attempts=claim.max_lost_attempts,
        pid=os.getpid(),
    )
    return task_class(task_info, progress.set_progress, progress.set_output, logger, reporter.is_cancelled)


def _after_error(task_class: type[TaskBase], claim: Claim, error: BaseException) -> Outcome:
    """Decide between another attempt and failure."""
    described = describe_error(error)
    # A timeout is no Exception, so that tasks don't swallow it, but like one it is worth another attempt.
    worth_it = isinstance(error, (*task_class.retry_on, TimeoutReached))
    final = isinstance(error, task_class.never_retry_on) or claim.attempt >= task_class.max_attempts
    if final or not worth_it:
        return Outcome(state=TaskState.FAILED, error=described)
    delay_seconds = task_class.backoff.delay_seconds(claim.attempt)
    return Outcome(state=TaskState.PENDING, error=described, delay_seconds=delay_seconds)


def describe_error(error: BaseException) -> TaskError:
    """Turn an exception into text; what can't be shown is said to be so."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        message = str(error)
    except Exception as broken:  # noqa: BLE001 - a user's __str__ may raise anything
        message = f"<its str() raised {type(broken).__name__}>"
    return TaskError(type=_storable(name), message=_storable(message), traceback=_storable(_format_traceback(error)))


def _format_traceback(error: BaseException) -> str:
    try:
        lines = traceback.format_exception(type(error), error, _without_our_frames(error.__traceback__))
    except Exception as broken:  # noqa: BLE001 - it calls the __str__ and __repr__ of everything in the chain
        return f"<the traceback could not be formatted: {type(broken).__name__}>"
    return "".join(lines)[-TRACEBACK_LIMIT:]


def _without_our_frames(trace: TracebackType | None) -> TracebackType | None:
    """Drop the frames above the task's own, unless there are no others."""
    first = trace
    while trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith(("lilota.", "pluggy")):
        trace = trace.tb_next
    return trace or first


def _storable(text: str) -> str:
    """Return the text with what UTF-8 can't carry (half surrogate pairs) escaped."""
    return text.encode(errors="backslashreplace").decode()
