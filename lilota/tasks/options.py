"""Check the class attributes with which a task says how its attempts are treated.

A wrong one would otherwise show late, in the middle of an error that it should have handled.
"""

from __future__ import annotations

from typing import Final

from lilota.errors import InvalidTaskError
from lilota.models import TaskBase
from lilota.retry import Backoff

_LONGEST_SECONDS: Final = 100 * 366 * 86_400


def check_options(task_class: type[TaskBase], what: str) -> None:
    """Make sure that the options of a task class can be used.

    Args:
        what: how to call it in an error: "The task 'resize'".

    Raises:
        InvalidTaskError: one can't; the message names the attribute and what it may be.
    """
    for name, is_right, meaning in _OPTIONS:
        value = getattr(task_class, name)
        if not is_right(value):
            where = f"{task_class.__module__}.{task_class.__qualname__}.{name}"
            raise InvalidTaskError(f"{what} can't be used: {where} must be {meaning}, not {value!r:.100}.")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**31


def _is_duration(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _LONGEST_SECONDS


def _is_time_limit(value: object) -> bool:
    return value is None or _is_duration(value)


def _is_exceptions(value: object) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(item, type) and issubclass(item, BaseException) for item in value
    )


def _is_backoff(value: object) -> bool:
    if not isinstance(value, Backoff):
        return False
    waits = value.first_seconds, value.max_seconds
    return all(0 <= wait <= _LONGEST_SECONDS for wait in waits) and 0 <= value.factor <= 1000 and 0 <= value.jitter <= 1


_COUNT: Final = "a whole number of at least 1"
_EXCEPTIONS: Final = "a tuple of exception classes"
_OPTIONS: Final = (
    ("max_attempts", _is_count, _COUNT),
    ("max_lost_attempts", _is_count, _COUNT),
    ("backoff", _is_backoff, "a lilota.Backoff of finite numbers, with a factor up to 1000 and a jitter from 0 to 1"),
    ("retry_on", _is_exceptions, _EXCEPTIONS),
    ("never_retry_on", _is_exceptions, _EXCEPTIONS),
    ("timeout_seconds", _is_time_limit, "a number of seconds above 0, or None"),
    ("kill_after_seconds", _is_duration, "a number of seconds above 0"),
)
