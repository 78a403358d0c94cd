"""The records that travel between caller, store, runner and worker.

A task is stored as one unit; its input and output stay JSON text on the way, so that they are encoded once
and decoded once, by the two sides that look inside.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, Final, NamedTuple, cast

import msgspec

from lilota.errors import LONGEST_SECONDS, StoreError
from lilota.results import shown, unwrapped
from lilota.texts.secrets import MASK, mask_secrets, mask_text
from lilota.texts.words import iso, roughly

#: A JSON object as Python has it.
JSONObject = dict[str, Any]
#: A task id and the token of a claim on it: names one attempt.
Fence = tuple[int, int]

#: What would end later than in so long is not foreseen.
_FORESEEABLE: Final = timedelta(days=3650)
#: What lilota itself lets travel has keys of its own, so that it never meets those of an application.
OWN_HEADERS: Final = "lilota."
#: The header in which the keys of the input travel that are not to be shown.
SECRETS_HEADER: Final = "lilota.hidden"
#: What the headers hold of a task whose input is forgotten when it ends. In a text within JSON, its quotes are escaped.
FORGETS_INPUT: Final = f'"{OWN_HEADERS}keep_input":false'

# What any database keeps and a `datetime` can say. A frame of a worker with another number is refused as a whole, which
# costs that worker its life; in a store, the number would be refused together with what others have to write.
Integer32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Percentage = Annotated[float, msgspec.Meta(ge=0, le=100)]
EARLIEST_INSTANT: Final = -62_135_596_800
LATEST_INSTANT: Final = 253_402_300_799
Instant = Annotated[float, msgspec.Meta(ge=EARLIEST_INSTANT, le=LATEST_INSTANT)]
Delay = Annotated[float, msgspec.Meta(ge=0, le=LONGEST_SECONDS)]


class TaskState(enum.StrEnum):
    """Where a task stands. The last three are terminal: only `retry` leads out of them."""

    WAITING = "waiting"
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL_STATES


TERMINAL_STATES: Final = frozenset({TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED})


class Record(msgspec.Struct, frozen=True):
    """A record that can be shown: what `to_dict()` returns, `json.dumps` takes, and so does every web framework.

    `dict(record)` is the same. FastAPI tries that with an object that a view returns; it would else look into
    `__dict__`, and answer with an empty object, or with a decoded input and its secrets.
    """

    def to_dict(self) -> JSONObject:
        """Return the record as plain JSON values."""
        plain: JSONObject = msgspec.to_builtins(self)
        return plain

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self.to_dict().items())


class TaskError(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Why an attempt did not succeed.

    Attributes:
        type: the name of the exception class, or of the cause: "WorkerDied", "TimeoutReached", "RunnerDied".
        message: one line for people.
        traceback: the traceback in the worker as text, or the last lines that a dead worker printed, or "".
    """

    type: str
    message: str
    traceback: str = ""

    def to_dict(self, *, reveal_secrets: bool = False) -> JSONObject:
        """Return it as `lilota show --json` does, secrets masked."""
        return _shown({"type": self.type, "message": self.message, "traceback": self.traceback}, reveal_secrets)


class LogLine(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One line that a task logged or printed.

    Attributes:
        at: seconds since the epoch, by the worker's clock.
        level: the number of the logging level; printed lines have `logging.INFO`.
        source: "log" for `self.logger`, "output" for what went to stdout or stderr, "lilota" for the system's own.
        text: the line, without a line end.
        attempt: the attempt that it belongs to.
        logger: the name of the logger, "" for printed lines.
    """

    at: Instant
    text: str
    level: Integer32 = 20  # logging.INFO: to import logging takes 6 ms, which the fork server of a program waits for
    source: str = "log"
    attempt: Count = 1
    logger: str = ""

    def to_dict(self, *, reveal_secrets: bool = False) -> JSONObject:
        """Return it as `lilota logs --json` does: the instant as ISO 8601 in UTC, secrets masked."""
        record = {
            "at": iso(datetime.fromtimestamp(self.at, UTC)),
            "level": self.level,
            "source": self.source,
            "attempt": self.attempt,
            "logger": self.logger,
            "text": self.text,
        }
        return _shown(record, reveal_secrets)


class AttachedFile(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A file that a task has attached; the record of it is a note of the task, the file itself is in a file area.

    Attributes:
        name: under which it is found, and under which it may be saved.
        size: in bytes.
        media_type: as "application/pdf".
        sha256: the hash of what is in it, in hexadecimal digits.
        place: where it is in the file area.
        attempt: which attempt attached it.
        expires_at: seconds since the epoch, by the worker's clock; None for as long as there is the task.
        host: where it is, if the file area belongs to one host.
    """

    name: str
    size: int
    media_type: str
    sha256: str
    place: str
    attempt: Count = 1
    expires_at: Instant | None = None
    host: str = ""


class FileRef(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A file that was uploaded for a task, as `TaskClient.upload` returns it: a value for the input of a task.

    Attributes:
        name: that of the file, without a folder.
        size: in bytes.
        media_type: as "image/png".
        sha256: the hash of what is in it, in hexadecimal digits.
        place: where it is in the file area.
        host: on which host that is, if the file area belongs to one.
    """

    name: str
    size: int
    media_type: str
    sha256: str
    place: str
    host: str = ""


class Discreet(msgspec.Struct, frozen=True):
    """A record that holds the input of a task, and shows none of its secrets when it is printed or logged."""

    def __repr__(self) -> str:
        return msgspec.Struct.__repr__(_without_secrets(self))

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return msgspec.Struct.__rich_repr__(_without_secrets(self))


class NewTask(Discreet, frozen=True, kw_only=True):
    """A task that is about to be added; made, and checked, in `lilota.adding.new_tasks`.

    Attributes:
        input_json: a JSON object as text.
        run_at: the instant before which it must not run (aware), or None for now.
        delay_seconds: the same, relative to the store's clock; added to nothing when `run_at` is given.
        priority: higher runs first.
        max_lost_attempts: how many attempts may be lost to a dying worker or runner before the task fails;
            1 makes it run at most once.
        headers_json: what travels with the task, a JSON object as text, or None. No store looks into it, and none
            changes a character: whatever a store need not decide by belongs here, and costs no store a line.
        owner: whose task it is, in the words of the application ("user-17"), or None. Stores find by it.
    """

    name: str
    description: str = ""
    input_json: str = "{}"
    queue: str = "default"
    priority: int = 0
    run_at: datetime | None = None
    delay_seconds: float = 0.0
    max_lost_attempts: int = 3
    headers_json: str | None = None
    owner: str | None = None


class Progress(Record, frozen=True, kw_only=True):
    """How far a task is, as of the moment at which it was read.

    Attributes:
        percentage: 100 once the task has ended, in whatever state; before, what it reported, but less than 100.
        message: what it does, in its own words, or None.
        step, of: "step 3 of 10", as it counts; or None.
        finish_at: when a running task will have ended if it goes on at the pace of this attempt, or None.
    """

    percentage: float
    message: str | None = None
    step: float | None = None
    of: float | None = None
    finish_at: datetime | None = None

    def to_dict(self) -> JSONObject:
        """Return what `lilota show --json` prints as "progress"."""
        return {"message": self.message, "step": self.step, "of": self.of, "finish_at": iso(self.finish_at)}


class _ProgressNote(msgspec.Struct, frozen=True):
    """What an attempt says beside its percentage; the form of `progress_note_json`.

    Attributes:
        from_percentage: where this attempt began, which may go on from a checkpoint.
    """

    message: str | None = None
    step: float | None = None
    of: float | None = None
    from_percentage: float = msgspec.field(default=0.0, name="from")


class Reason(NamedTuple):
    """Why a task waits.

    Attributes:
        kind: a stable word, for machines: "runner" (none is alive), "queue" or "name" (no runner serves it), "time" (it
            is due later), "retry" (so is its next attempt), "place" (all are busy), "turn" (a runner takes it soon),
            "start" (a runner has taken it, and not started it), or "lease" (its runner was lost).
        text: the same in words, with the remedy where there is one.
    """

    kind: str
    text: str

    def to_dict(self) -> JSONObject:
        """Return it as `lilota show --json` does, secrets masked."""
        return {"kind": self.kind, "text": mask_text(self.text)}


class Estimate(Record, frozen=True, kw_only=True):
    """What is foreseen of a task that has not ended. None is what nobody can tell; then it is better not to say a time.

    Attributes:
        before: how many tasks are started before it, if it waits for nothing but its turn; 0 for the next one.
        is_more: there are more before it than `before`: they were not counted any further.
        starts_at: about when it will be started.
        finishes_at: about when it will have ended. Of a running task, by its own pace where it reports its progress.
        reason: what else it waits for than its turn, the most important first: its time, a runner, a queue.
    """

    before: int | None = None
    is_more: bool = False
    starts_at: datetime | None = None
    finishes_at: datetime | None = None
    reason: Reason | None = None

    def text(self, now: datetime | None = None) -> str:
        """Say in a few words what is foreseen, without false precision: "3 before it, starts in about 2 min"; or "".

        Args:
            now: as of when; None means now.
        """
        now = now or datetime.now(UTC)
        if self.before is None:
            return "" if self.finishes_at is None else f"{_until(self.finishes_at, now)} left"
        line = f"{'more than ' if self.is_more else ''}{self.before:,} before it" if self.before else "next in line"
        return line if self.starts_at is None else f"{line}, starts in {_until(self.starts_at, now)}"

    def to_dict(self) -> JSONObject:
        """Return what `TaskInfo.to_dict()` has as "estimate"."""
        return {
            "before": self.before,
            "is_more": self.is_more,
            "starts_at": iso(self.starts_at),
            "finishes_at": iso(self.finishes_at),
            "reason": self.reason and self.reason.to_dict(),
        }


class TaskInfo(Record, Discreet, frozen=True, kw_only=True, dict=True):
    """What the store knows of a task, as of the moment it was read.

    `start_date_time`, `end_date_time` and `output` are absent (`hasattr` is False) until they are set.

    Attributes:
        attempt: the number of the newest attempt, 0 before the first; counted when it is claimed.
        token: the token of the newest claim; it rises with every claim and never falls.
        lost_attempts: how many attempts ended because their worker or runner died.
        run_at: when it is, or was, due (aware UTC, like all instants).
        started_at: when the newest attempt started, or None. By the clock of its worker's machine, which may be wrong:
            the store brings it between `created_at` and the moment at which it was told.
        pid: the worker process of the newest attempt, or 0.
        reported_progress: the last percentage that the newest attempt reported itself, 0 to 100; 0 when it begins.
        error: why the newest attempt did not succeed, or None.
        cancel_requested: True from the cancellation of a running task on.
        runner_id: the runner that holds it, or held it last.
        headers_json: what travels with the task, as it was given to `add`, or None.
        owner: whose task it is, as it was given to `add`, or None.
        progress_note_json: what the newest attempt says beside the percentage, a JSON object as text; at first None.
        checkpoint_json: from where the next attempt would go on, as JSON text, or None. A success clears it.
        estimate: when it may start and end, where that was asked for, as by `TaskHandle.info(estimates=True)`; no store
            sets it. None once it has ended.
    """

    id: int
    name: str
    description: str = ""
    state: TaskState = TaskState.PENDING
    queue: str = "default"
    priority: int = 0
    input_json: str = "{}"
    output_json: str | None = None
    created_at: datetime
    run_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempt: int = 0
    token: int = 0
    lost_attempts: int = 0
    max_lost_attempts: int = 3
    pid: int = 0
    runner_id: str | None = None
    reported_progress: float = 0.0
    error: TaskError | None = None
    cancel_requested: bool = False
    headers_json: str | None = None
    owner: str | None = None
    progress_note_json: str | None = None
    checkpoint_json: str | None = None
    estimate: Estimate | None = None

    @property
    def fence(self) -> Fence:
        """The id and the token, which together name the newest attempt."""
        return self.id, self.token

    @property
    def progress_percentage(self) -> float:
        """100 once the task has ended, in whatever state; before, what the task reported."""
        return 100 if self.state.is_terminal else min(self.reported_progress, 99.9)

    @cached_property
    def progress(self) -> Progress:
        """How far it is: the percentage, what it says of it, and when it will be there."""
        try:
            note = msgspec.json.decode(self.progress_note_json or "{}", type=_ProgressNote)
        except (msgspec.DecodeError, UnicodeEncodeError):  # damaged; it must not hide the task
            note = _ProgressNote()
        return Progress(
            percentage=self.progress_percentage,
            message=note.message,
            step=note.step,
            of=note.of,
            finish_at=self._finish_at(note.from_percentage),
        )

    def _finish_at(self, from_percentage: float) -> datetime | None:
        """Return when it will have ended, at the pace that it had since it began at a percentage."""
        gone = self.reported_progress - from_percentage
        if self.state is not TaskState.RUNNING or self.started_at is None or gone <= 0:
            return None
        now = datetime.now(UTC)
        left = (now - self.started_at) * ((100 - self.reported_progress) / gone)
        return now + left if left < _FORESEEABLE else None

    @property
    def checkpoint(self) -> Any:  # noqa: ANN401 - any JSON value
        """The state from which its next attempt would go on, None if there is none."""
        return self._decoded("checkpoint", self.checkpoint_json or "{}").get("state")

    @cached_property
    def input(self) -> JSONObject:
        """The input, decoded."""
        return self._decoded("input", self.input_json)

    @cached_property
    def headers(self) -> JSONObject:
        """What travels with the task, decoded; empty where nothing was given."""
        return self._decoded("headers", self.headers_json or "{}")

    @cached_property
    def output(self) -> JSONObject:
        """The output, decoded; absent until there is one. A result that is no object stands in it as "result"."""
        if self.output_json is None:
            raise AttributeError(f"The task {self.id} has no output (its state is {self.state}).", name="output")
        return shown(self._stored_output)

    @property
    def result(self) -> Any:  # noqa: ANN401 - any JSON value
        """What the task returned, as JSON carries it: mostly the output; None as long as there is none."""
        return None if self.output_json is None else unwrapped(self._stored_output)

    @cached_property
    def _stored_output(self) -> JSONObject:
        return self._decoded("output", self.output_json or "{}")

    @property
    def masked_input(self) -> JSONObject:
        """The input without what is secret in it: by the annotation of a parameter, by its name, or by its look."""
        return masked_input(self.input, self.headers)

    def to_dict(self, *, reveal_secrets: bool = False) -> JSONObject:
        """Return what `lilota show --json` prints: instants as ISO 8601 in UTC, input and output decoded.

        Args:
            reveal_secrets: leave passwords, tokens and keys as they are, which are `***` without it.
        """
        long: JSONObject = {
            "max_lost_attempts": self.max_lost_attempts,
            "input": self.input if reveal_secrets else self.masked_input,
            "headers": self.headers,
            "output": None if self.output_json is None else self.output,
            "checkpoint": self.checkpoint,
        }
        return {**self.summary(reveal_secrets=reveal_secrets), **_shown(long, reveal_secrets)}

    def summary(self, *, reveal_secrets: bool = False) -> JSONObject:
        """Return what `lilota list --json` prints: `to_dict()` without input, headers and output, which may be long."""
        record = {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "state": str(self.state),
            "queue": self.queue,
            "priority": self.priority,
            "owner": self.owner,
            "progress_percentage": self.progress_percentage,
            "reported_progress": self.reported_progress,
            "progress": self.progress.to_dict(),
            "estimate": self.estimate and self.estimate.to_dict(),
            "attempt": self.attempt,
            "lost_attempts": self.lost_attempts,
            "cancel_requested": self.cancel_requested,
            "pid": self.pid or None,
            "runner_id": self.runner_id,
            "created_at": iso(self.created_at),
            "run_at": iso(self.run_at),
            "started_at": iso(self.started_at),
            "finished_at": iso(self.finished_at),
            "error": self.error and self.error.to_dict(reveal_secrets=True),
        }
        return _shown(record, reveal_secrets)

    def _decoded(self, what: str, text: str) -> JSONObject:
        try:
            decoded: JSONObject = json.loads(text)
        except (ValueError, RecursionError) as error:  # how deep is too deep depends on the Python that reads it
            message = f"The {what} of the task {self.id} is not JSON; it was damaged in the store ({error})."
            raise StoreError(message) from error
        return decoded

    @property
    def start_date_time(self) -> datetime:
        """When the newest attempt started; absent before."""
        return self._instant("start_date_time", self.started_at)

    @property
    def end_date_time(self) -> datetime:
        """When the task ended; absent before."""
        return self._instant("end_date_time", self.finished_at)

    def _instant(self, name: str, value: datetime | None) -> datetime:
        if value is None:
            raise AttributeError(f"The task {self.id} has no {name} (its state is {self.state}).", name=name)
        return value


class TaskChange(Record, frozen=True, kw_only=True):
    """What has happened to a task since the change before; see `TaskHandle.changes`.

    Attributes:
        info: the task as it is now.
        lines: the lines that its log has besides those of earlier changes.
    """

    info: TaskInfo
    lines: tuple[LogLine, ...] = ()

    @property
    def state(self) -> TaskState:
        """The state of the task now."""
        return self.info.state

    @property
    def progress_percentage(self) -> float:
        """Its progress now; 100 once it has ended."""
        return self.info.progress_percentage

    def to_dict(self, *, reveal_secrets: bool = False) -> JSONObject:
        """Return what `TaskInfo.summary()` returns, and the new lines as "lines", secrets masked."""
        lines = [line.to_dict(reveal_secrets=reveal_secrets) for line in self.lines]
        return {**self.info.summary(reveal_secrets=reveal_secrets), "lines": lines}


class Claim(Discreet, frozen=True, kw_only=True, omit_defaults=True):
    """The right to run one attempt of a task, as a store grants it to a runner.

    Attributes:
        token: strictly increasing per task; every later write of the attempt must carry it. Modulo 50 it is one more
            than the one before it: by that, the record of an attempt finds its place (`lilota.contract.history`).
        attempt: 1 for the first.
        output_json: what an earlier attempt left, or None.
        log_count: how many lines the log of the task has, or None where a store does not say.
        created_at: when the task was added, in seconds since the epoch, by the store's clock; `run_at` when it was due.
            None where a store of an older version does not say.
        headers_json: what travels with the task, or None.
        owner: whose task it is, or None.
        checkpoint_json: what an earlier attempt left to go on from, or None.
    """

    id: int
    token: int
    attempt: int
    name: str
    description: str = ""
    input_json: str = "{}"
    output_json: str | None = None
    queue: str = "default"
    priority: int = 0
    lost_attempts: int = 0
    max_lost_attempts: int = 3
    log_count: int | None = None
    created_at: float | None = None
    run_at: float | None = None
    headers_json: str | None = None
    owner: str | None = None
    checkpoint_json: str | None = None

    @property
    def fence(self) -> Fence:
        """The id and the token, which together name the attempt."""
        return self.id, self.token


class Note(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Something that is kept beside a task until the task is pruned; one of a kind and a name replaces another.

    Attributes:
        kind: what it is about: "attempt" (how one ended), "file". 1 to 30 small letters.
        name: which one of its kind. 1 to 200 printable characters.
        value_json: what it says, a JSON object as text.
        attempt: the attempt that wrote it.
    """

    kind: str
    name: str
    value_json: str
    attempt: Count = 1

    def __post_init__(self) -> None:
        if not (0 < len(self.kind) <= 30 and self.kind.isascii() and self.kind.isalpha() and self.kind.islower()):
            raise ValueError(f"the kind of a note is 1 to 30 small letters, not {self.kind!r:.100}")
        if not (0 < len(self.name) <= 200 and self.name.isprintable()):
            raise ValueError(f"a note is named by 1 to 200 printable characters, not {self.name!r:.100}")

    @property
    def value(self) -> JSONObject:
        """What it says, decoded."""
        decoded: JSONObject = json.loads(self.value_json)
        return decoded


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an attempt ended.

    Attributes:
        state: SUCCEEDED, FAILED, CANCELLED, or PENDING to run again.
        delay_seconds: with PENDING, how long to wait, by the store's clock.
        spends_attempt: False gives the number of the attempt back (given back, or asked to come later).
        lost: True when the worker or runner died; counts in `lost_attempts`.
    """

    state: TaskState
    error: TaskError | None = None
    delay_seconds: Delay = 0.0
    spends_attempt: bool = True
    lost: bool = False

    def __post_init__(self) -> None:
        # Here, and not where it is used: whoever reads a frame or a row finds it among the types that it checks.
        if self.state is TaskState.RUNNING or self.state is TaskState.WAITING:
            raise ValueError(f"an attempt does not end as {self.state}")

    @property
    def keeps_place(self) -> bool:
        """Whether a task that is to run again waits where it waited before: it was given back, and did not ask for it.

        A `Retry` has an error that says so: what comes back at once, again and again, must not go before all others.
        """
        return not (self.spends_attempt or self.delay_seconds or self.error)


class AttemptUpdate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a runner writes about one attempt; fields that are None (or empty) leave the stored value alone.

    Attributes:
        started_at: seconds since the epoch, by the clock of the worker's machine.
        log_lines: lines to append, oldest first.
        log_offset: how many lines the log has before these, as the writer counts from `Claim.log_count` on; or None in
            all updates of an attempt. A log that is longer has the first of these lines already: they were sent
            before, and the reply got lost. Only the others are appended.
        outcome: the end of the attempt; nothing can be written with this token afterwards.
        progress_note_json: what it says of its progress beside the percentage, a JSON object as text.
        checkpoint_json: from where another attempt would go on, as JSON text.
        notes: what is kept beside the task from now on; a later one of a kind and a name replaces the earlier one.
    """

    id: int
    token: int
    pid: Count | None = None
    started_at: Instant | None = None
    progress: Percentage | None = None
    output_json: str | None = None
    log_lines: tuple[LogLine, ...] = ()
    log_offset: Count | None = None
    max_lost_attempts: Count | None = None
    outcome: Outcome | None = None
    progress_note_json: str | None = None
    checkpoint_json: str | None = None
    notes: tuple[Note, ...] = ()

    @property
    def fence(self) -> Fence:
        """The id and the token, which together name the attempt."""
        return self.id, self.token


def _until(instant: datetime, now: datetime) -> str:
    return roughly((instant - now).total_seconds())


def masked_input(given: JSONObject, headers: JSONObject) -> JSONObject:
    """Return an input without what is secret in it, as the headers say that travel with it."""
    named = secret_keys(headers)
    hidden = {key: MASK if key in named else value for key, value in given.items()}
    return cast("JSONObject", mask_secrets(hidden))  # of an object, it makes an object


def secret_keys(headers: JSONObject) -> list[str]:
    """Return the keys of an input that were secret when its task was added, as its headers say."""
    secret = headers.get(SECRETS_HEADER)
    return secret if isinstance(secret, list) else []


def _without_secrets(record: Any) -> Any:  # noqa: ANN401 - each record that has an input, and its headers
    if SECRETS_HEADER not in (record.headers_json or ""):
        return record
    try:
        hidden = json.dumps(masked_input(json.loads(record.input_json), json.loads(record.headers_json)))
    except (ValueError, RecursionError):  # it was damaged in the store
        hidden = MASK
    return msgspec.structs.replace(record, input_json=hidden)


def _shown(record: JSONObject, reveal_secrets: bool) -> JSONObject:
    return record if reveal_secrets else {key: mask_secrets(value) for key, value in record.items()}
