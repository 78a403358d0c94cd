"""Run one attempt of a task: from a claim to an outcome.

load -> build -> run -> keep what it returned -> outcome
"""

from __future__ import annotations

import decimal
import json
import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from msgspec.structs import force_setattr, replace

from lilota.contract import to_instant
from lilota.errors import (
    CancelRequested,
    DeadlineReached,
    InvalidInputError,
    InvalidOutputError,
    LilotaError,
    Retry,
    RunnerStopping,
    StopTask,
)
from lilota.models import (
    AttemptOfTask,
    AttemptUpdate,
    Claim,
    JSONObject,
    Outcome,
    TaskBase,
    TaskError,
    TaskInfo,
    TaskState,
    secret_keys,
)
from lilota.tasks.calls import call_run
from lilota.tasks.jsonvalues import OUTPUT_LIMIT_BYTES, encode_object
from lilota.tasks.numbers import Version
from lilota.tasks.options import is_tried_again
from lilota.tasks.runs import signature_of
from lilota.tasks.terms import HAS_BEGUN, by_deadline, is_older, may_expire, terms_of
from lilota.workers.descriptions import describe_error
from lilota.workers.logs import notice

if TYPE_CHECKING:
    from lilota.tasks.signatures import Signature

_SUCCEEDED: Final = Outcome(state=TaskState.SUCCEEDED)

TaskLoader = Callable[[str], type[TaskBase]]
TaskCall = Callable[[TaskBase], object]


class ForAnotherWorkerError(LilotaError):
    """The attempt can't run in this process, and may well in another one."""


class ClassLackingError(ForAnotherWorkerError):
    """This process has not the class, or too old a class, for a task; the attempt is for another one."""


class AttemptReporter(AttemptOfTask, Protocol):
    """Where a running attempt tells how it is getting on."""

    def progress(self, percentage: float) -> None:
        """Take the newest percentage, 0 to 100."""

    def output(self, output_json: str) -> None:
        """Take the output so far, as JSON text."""

    def returned(self, output_json: str) -> None:
        """Take what the task returned, as JSON text; the outcome follows at once."""

    def note(self, text: str) -> None:
        """Take a line in which lilota itself tells something about the attempt."""

    def leave_for_retry(self) -> None:
        """The attempt ends by itself, and not because its runner stops."""


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
    task_class = no_class()
    try:
        task_class = load(claim.name)
        _leave_newer(claim, task_class.version)
        # What the task sets in context variables ends with the copy. What its import, above, has set is in it.
        return copy_context().run(_build_and_call, task_class, claim, reporter, logger, call)
    except BaseException as error:  # noqa: BLE001 - a task may raise anything, SystemExit included
        return _outcome_after(error, claim, task_class, reporter)


async def run_shared_attempt(
    claim: Claim,
    load: TaskLoader,
    reporter: AttemptReporter,
    logger: logging.Logger,
    call: Callable[[TaskBase], Awaitable[object]],
    *,
    as_stop: Callable[[BaseException], BaseException],
) -> Outcome:
    """Run one attempt beside others, on their event loop and in a context of its own; else like `run_attempt`.

    Args:
        as_stop: returns what ended it, for what came out of it.
    """
    task_class = no_class()
    try:
        task_class = load(claim.name)
        _leave_newer(claim, task_class.version)
        built = _build(task_class, claim, reporter, logger)
        if isinstance(built, Outcome):
            return built
        task, keep = built
        with _told_of_a_stop(task, logger, as_stop):
            keep(await call(task))
    except BaseException as error:  # noqa: BLE001 - as above
        return _outcome_after(as_stop(error), claim, task_class, reporter)
    return _SUCCEEDED


def not_begun(claim: Claim, error: TaskError) -> AttemptUpdate:
    """Return how an attempt ends that has not begun in time."""
    line = replace(notice(error.message), attempt=claim.attempt)
    outcome = Outcome(state=TaskState.CANCELLED, error=error)
    return AttemptUpdate(id=claim.id, token=claim.token, outcome=outcome, log_lines=(line,))


def _leave_newer(claim: Claim, of_class: Version | None) -> None:
    """Leave alone what was added for newer code than that of this process."""
    if claim.headers_json is not None and is_older(of_class, terms_of(claim).version):
        raise ClassLackingError(claim.name)


def _outcome_after(
    error: BaseException, claim: Claim, task_class: type[TaskBase], reporter: AttemptReporter
) -> Outcome:
    outcome = outcome_of(error, claim, task_class)
    if not isinstance(_stop_within(error) or error, RunnerStopping):
        reporter.leave_for_retry()
    if outcome.state is TaskState.CANCELLED:
        _note_where_it_was(error, reporter)
    elif not (outcome.spends_attempt or isinstance(error, ClassLackingError)) and may_expire(claim):
        reporter.note(HAS_BEGUN)
    return outcome


def _note_where_it_was(cancelled: BaseException, reporter: AttemptReporter) -> None:
    """Leave in the log where a task was when it was cancelled: it has no error, in which that could be read."""
    where = describe_error(_stop_within(cancelled) or cancelled).traceback
    frames = [line for line in where.splitlines() if line.startswith("  ")]
    if frames:
        for line in ("It was cancelled. This is where it was, the innermost call last:", *frames):
            reporter.note(line)


def _build_and_call(
    task_class: type[TaskBase], claim: Claim, reporter: AttemptReporter, logger: logging.Logger, call: TaskCall
) -> Outcome:
    built = _build(task_class, claim, reporter, logger)
    if isinstance(built, Outcome):
        return built
    task, keep = built
    with _told_of_a_stop(task, logger):
        keep(call(task))
    return _SUCCEEDED


@contextmanager
def _told_of_a_stop(
    task: TaskBase, logger: logging.Logger, as_stop: Callable[[BaseException], BaseException] = lambda error: error
) -> Iterator[None]:
    """Call `on_stop` of a task that ends because its runner stops."""
    try:
        yield
    except BaseException as error:
        stop = as_stop(error)
        if isinstance(_stop_within(stop) or stop, RunnerStopping):
            try:
                task.on_stop()
            except Exception:
                logger.exception("on_stop() has failed; the attempt is given back all the same.")
        raise


def _build(
    task_class: type[TaskBase], claim: Claim, reporter: AttemptReporter, logger: logging.Logger
) -> tuple[TaskBase, Callable[[object], None]] | Outcome:
    """Return the task, ready to be called, and what takes what it returns; or how it ends without a call."""
    # A context variable holds it, but copies of the context would share the object, which tasks change.
    decimal.setcontext(decimal.getcontext().copy())
    signature = signature_of(task_class)
    progress = _Progress(claim, reporter, signature)
    task = _build_task(task_class, claim, reporter, progress, logger)
    if signature is not None:
        try:
            task._arguments = signature.decode_input(claim.input_json, task)  # noqa: SLF001 - see `call_run`
        except Exception as error:  # noqa: BLE001 - types of users decode here; another attempt would find the same
            return Outcome(state=TaskState.FAILED, error=describe_error(_misfit(signature, claim, error)))
    return task, progress.keep


def _misfit(signature: Signature, claim: Claim, problem: Exception) -> InvalidInputError:
    secrets = secret_keys(json.loads(claim.headers_json or "{}"))
    return signature.misfit(claim.input_json, problem, f"The input of the task {claim.id} ({claim.name!r})", secrets)


def no_class() -> type[TaskBase]:
    """Return what stands for the class while none is loaded: its options are the defaults."""
    return TaskBase


def outcome_of(error: BaseException, claim: Claim, task_class: type[TaskBase]) -> Outcome:
    """Return how an attempt ends that was ended by an exception."""
    error = _stop_within(error) or error
    try:
        return _decide(error, claim, task_class)
    except Exception as broken:  # noqa: BLE001 - a class of the task may define anything, comparisons included
        return Outcome(state=TaskState.FAILED, error=describe_error(broken))


def _stop_within(error: BaseException) -> StopTask | None:
    """Return what lilota raised to end the task, where it comes out of an `asyncio.TaskGroup` in a group of errors."""
    while isinstance(error, BaseExceptionGroup):
        stops = error.subgroup(StopTask)
        if stops is None:
            return None
        error = stops.exceptions[0]
    return error if isinstance(error, StopTask) else None


def _decide(error: BaseException, claim: Claim, task_class: type[TaskBase]) -> Outcome:
    match error:
        case Retry():
            reason = TaskError(type="Retry", message=describe_error(error).message)
            # Checked again: a subclass may say anything, and the runner counts on a number.
            delay_seconds = Retry(error.delay_seconds).delay_seconds
            return Outcome(state=TaskState.PENDING, error=reason, delay_seconds=delay_seconds, spends_attempt=False)
        case CancelRequested():
            return Outcome(state=TaskState.CANCELLED)
        case DeadlineReached():
            return Outcome(state=TaskState.FAILED, error=_deadline_reached(error, claim))
        case RunnerStopping() | ForAnotherWorkerError():
            return Outcome(state=TaskState.PENDING, spends_attempt=False)
        case _:
            return _after_error(error, claim, task_class)


def _deadline_reached(error: DeadlineReached, claim: Claim) -> TaskError:
    message = f"{terms_of(claim).budget}; {by_deadline(claim.attempt)}."
    return replace(describe_error(error), message=message)


def _after_error(error: BaseException, claim: Claim, task_class: type[TaskBase]) -> Outcome:
    """Decide between another attempt and failure."""
    described = describe_error(error, task_class.timeout_seconds)
    if not is_tried_again(error, claim.attempt, task_class):
        return Outcome(state=TaskState.FAILED, error=described)
    delay_seconds = task_class.backoff.delay_seconds(claim.attempt)
    return Outcome(state=TaskState.PENDING, error=described, delay_seconds=delay_seconds)


class _Progress:
    """What the `set_progress` and `set_output` of one attempt do, and what becomes of what it returns."""

    def __init__(self, claim: Claim, reporter: AttemptReporter, signature: Signature | None) -> None:
        self._claim = claim
        self._reporter = reporter
        self._signature = signature
        self._has_output = False

    # The second argument may be missing, so that who leaves out the first one is told what belongs there.
    def set_progress(self, task_id: int, percentage: float | None = None) -> None:
        self._check_id("set_progress", task_id)
        if not isinstance(percentage, int | float) or not 0 <= percentage <= 100:
            raise ValueError(f"The progress of a task goes from 0 to 100; set_progress got {percentage!r}.")
        self._reporter.progress(float(percentage))

    def set_output(self, task_id: int, output: JSONObject | None = None) -> None:
        self._check_id("set_output", task_id)
        self._reporter.output(self._encode(output))
        self._has_output = True

    def keep(self, returned: object) -> None:
        """Keep what has been returned: as its annotation says, or as the dict that a `run` without parameters gives."""
        if returned is None:
            return
        if self._signature is not None:  # what is annotated replaces an output so far
            self._reporter.returned(self._signature.encode_output(returned, self._name_output))
        elif not self._has_output:
            self._reporter.returned(self._encode(returned))

    def _encode(self, output: object) -> str:
        return encode_object(output, self._name_output, OUTPUT_LIMIT_BYTES, InvalidOutputError)

    def _name_output(self) -> str:
        return f"The output of the task {self._claim.id} ({self._claim.name!r})"

    def _check_id(self, method: str, task_id: int) -> None:
        if task_id != self._claim.id:
            raise ValueError(
                f"{method} was called for the task {task_id!r:.100} in the task {self._claim.id}. "
                f"Write self.{method}(self.task_info.id, ...)."
            )


def _build_task(
    task_class: type[TaskBase],
    claim: Claim,
    reporter: AttemptReporter,
    progress: _Progress,
    logger: logging.Logger,
) -> TaskBase:
    now = datetime.now(UTC)
    created_at = now if claim.created_at is None else to_instant(claim.created_at)
    run_at = created_at  # most tasks were due when they were added
    if claim.run_at is not None and claim.run_at != claim.created_at:
        run_at = to_instant(claim.run_at)
    task_info = TaskInfo(
        id=claim.id,
        name=claim.name,
        description=claim.description,
        state=TaskState.RUNNING,
        queue=claim.queue,
        priority=claim.priority,
        input_json=claim.input_json,
        created_at=created_at,
        run_at=run_at,
        started_at=now,
        attempt=claim.attempt,
        token=claim.token,
        lost_attempts=claim.lost_attempts,
        max_lost_attempts=claim.max_lost_attempts,
    )
    # Not above: for more than fifteen arguments Python makes a dict, which takes four times as long as the record.
    force_setattr(task_info, "pid", os.getpid())
    force_setattr(task_info, "output_json", claim.output_json)
    force_setattr(task_info, "headers_json", claim.headers_json)
    force_setattr(task_info, "owner", claim.owner)
    force_setattr(task_info, "checkpoint_json", claim.checkpoint_json)
    task = task_class(task_info, progress.set_progress, progress.set_output, logger)
    task._attempt = reporter  # noqa: SLF001 - not by its `__init__`, which users may have written anew
    return task
