"""The terms of a task: until when it may start and end, what is kept of it, and which version of the code it needs.

They travel in its headers, under keys of lilota's own, so no store knows of them.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from lilota.models import OWN_HEADERS, Claim, Delay, JSONObject, TaskError, TaskInfo
from lilota.tasks.numbers import Version, is_version
from lilota.texts.words import duration

logger: logging.Logger = logging.getLogger(__name__)

#: What the log of a task says that may expire, and that has begun, though its attempt does not count.
HAS_BEGUN: Final = "It has begun, so it does not expire any more."
#: How the error of a task is called that was cancelled because it had not started in time.
EXPIRED: Final = "Expired"
_AwareDatetime = Annotated[datetime, msgspec.Meta(tz=True)]


def _as_header(field: str) -> str:
    return f"{OWN_HEADERS}{field}"


class Terms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=_as_header):
    """The terms of one task; all of them are optional.

    Attributes:
        due_at: before this instant it was not to run, and `due_after_seconds` after it was added, either. A store
            knows that too, but with each attempt that comes later, it forgets what was said first.
        expires_at: the instant by which it has to start.
        expires_after_seconds: the same, counted from when it was due.
        deadline_seconds: how long all its attempts may take together, counted from when it was due.
        keep_input: whether its input is kept when it has ended.
        version: the lowest version of its class that may run it.
    """

    due_at: _AwareDatetime | None = None
    due_after_seconds: Delay | None = None
    expires_at: _AwareDatetime | None = None
    expires_after_seconds: Delay | None = None
    deadline_seconds: Delay | None = None
    keep_input: bool = True
    version: Version | None = None

    def expiry(self, created_at: float) -> float | None:
        """Return by when it has to start, in seconds since the epoch, None if it need not."""
        if self.expires_at is not None:
            return self.expires_at.timestamp()
        return None if self.expires_after_seconds is None else self._due(created_at) + self.expires_after_seconds

    def deadline(self, created_at: float) -> float | None:
        """Return when all its attempts are over, in seconds since the epoch, None if they need not be."""
        return None if self.deadline_seconds is None else self._due(created_at) + self.deadline_seconds

    @property
    def budget(self) -> str:
        """How long all attempts may take, as the beginning of a sentence that goes on with "; "."""
        return f"The task had {self.deadline_seconds or 0:g} s for all its attempts together, from when it was due"

    def headers(self) -> JSONObject:
        """Return them as headers."""
        headers: JSONObject = msgspec.to_builtins(self)
        return headers

    def _due(self, created_at: float) -> float:
        if self.due_at is not None:  # what was due before it was added is due then
            return max(created_at, self.due_at.timestamp())
        return created_at + (self.due_after_seconds or 0.0)


#: Those of most tasks.
NO_TERMS: Final = Terms()


def terms_of(task: Claim | TaskInfo) -> Terms:
    """Return the terms of a task. What is not as lilota writes it counts as not said: it must not end a runner."""
    headers = task.headers_json
    if headers is None or OWN_HEADERS not in headers:
        return NO_TERMS
    try:
        return msgspec.json.decode(headers, type=Terms)  # no decoder that is made at start-up: few tasks have terms
    except (msgspec.DecodeError, RecursionError) as error:
        logger.warning("The terms of the task %d can't be read, so it has none: %s", task.id, error)
        return NO_TERMS


def expired(claim: Claim, now: float) -> TaskError | None:
    """Return the error with which a task is cancelled that should have started before; None if it may start.

    Args:
        now: seconds since the epoch, by the clock of this machine. For the store it is never earlier than the instant
            at which the task was due: it grants nothing before its time.
    """
    if claim.headers_json is None or claim.created_at is None or has_begun(claim):
        return None
    expiry = terms_of(claim).expiry(claim.created_at)
    late = -1.0 if expiry is None else max(now, claim.created_at, claim.run_at or 0.0) - expiry
    if late < 0:
        return None
    text = f"The task had not started in time: it expired {duration(late)} before a runner could start it."
    return TaskError(type=EXPIRED, message=text)


def has_begun(claim: Claim) -> bool:
    """Tell whether there was an attempt before, or somebody has retried the task: both leave a line in its log."""
    return claim.attempt > 1 or bool(claim.log_count)


def may_expire(claim: Claim) -> bool:
    """Tell whether a task is to be cancelled if it has not begun in time."""
    terms = terms_of(claim)
    return terms.expires_at is not None or terms.expires_after_seconds is not None


def by_deadline(attempt: int) -> str:
    """Say that an attempt was asked to end when the deadline had come, as the rest of a sentence."""
    return f"attempt {attempt} was asked to end when they were over"


def is_older(of_class: Version | None, of_task: Version | None) -> bool:
    """Tell whether a class is too old for a task; one without a version is older than all but 0.

    >>> is_older("1.9", "1.10"), is_older(2, "2.0"), is_older(None, 1)
    (True, False, True)
    """
    return _parts(of_class) < _parts(of_task)


def _parts(version: Any) -> list[int]:  # noqa: ANN401 - also what somebody has written into a header
    parts = [int(part) for part in str(version).split(".")] if is_version(version) else []
    while parts and parts[-1] == 0:
        parts.pop()
    return parts
