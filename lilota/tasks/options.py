"""What a task class says of how its attempts are treated, and what it may say.

A wrong option would otherwise show late, in the middle of an error that it should have handled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Annotated, Final, NamedTuple, Self, TypedDict

import msgspec

from lilota.errors import (
    LEAST_MEMORY_MB,
    LONGEST_SECONDS,
    MOST_MEMORY_MB,
    CpuLimitReached,
    InvalidTaskError,
    MemoryLimitReached,
    TimeoutReached,
)
from lilota.models import Delay, TaskBase
from lilota.retry import Backoff
from lilota.tasks.habits import hint_for_argument, hint_for_option, strange_options
from lilota.tasks.jsonvalues import is_unicode
from lilota.tasks.names import NAME_LIMIT, TEXT_LIMIT, is_name
from lilota.tasks.numbers import Version, is_number, is_version, is_whole

_Attempts = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
_Memory = Annotated[float, msgspec.Meta(ge=LEAST_MEMORY_MB, le=MOST_MEMORY_MB)]
#: What ends an attempt that is beyond a limit. No Exceptions, so that tasks don't swallow them, but like one they are
#: worth another attempt.
_BEYOND_A_LIMIT: Final = (TimeoutReached, MemoryLimitReached, CpuLimitReached)


class AttemptOptions(TypedDict, total=False):
    """How the attempts of a function are treated, as decorators take it: attributes of `TaskBase`, which see."""

    max_attempts: int
    backoff: Backoff
    retry_on: tuple[type[BaseException], ...]
    never_retry_on: tuple[type[BaseException], ...]
    timeout_seconds: float | None
    kill_after_seconds: float
    max_memory_mb: float | None
    max_cpu_seconds: float | None


class TaskOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a task class that its runner has to know; they come from the first worker that imported it."""

    timeout_seconds: Delay | None = TaskBase.timeout_seconds
    kill_after_seconds: Delay = TaskBase.kill_after_seconds
    max_attempts: _Attempts = TaskBase.max_attempts
    max_lost_attempts: _Attempts = TaskBase.max_lost_attempts
    backoff: Backoff = TaskBase.backoff
    concurrent: bool = TaskBase.concurrent
    version: Version | None = TaskBase.version
    max_memory_mb: _Memory | None = TaskBase.max_memory_mb
    max_cpu_seconds: Delay | None = TaskBase.max_cpu_seconds

    @property
    def limits_use(self) -> bool:
        """Whether somebody has to look what its attempts use."""
        return self.max_memory_mb is not None or self.max_cpu_seconds is not None

    @classmethod
    def of(cls, task_class: type[TaskBase]) -> Self:
        """Return what a class says."""
        return cls(**{name: getattr(task_class, name) for name in cls.__struct_fields__})


def check_options(task_class: type[TaskBase], what: str) -> None:
    """Make sure that the options of a task class can be used.

    Args:
        what: how to call it in an error: "The task 'resize'".

    Raises:
        InvalidTaskError: one can't; the message names the attribute and what it may be.
    """
    for name, rule in _RULES.items():
        value = getattr(task_class, name)
        if not rule.is_kept_by(value):
            where = f"{task_class.__module__}.{task_class.__qualname__}.{name}"
            raise InvalidTaskError(f"{what} can't be used: {where} must be {rule.text}, not {value!r:.100}.")
    if task_class.concurrent and TaskOptions.of(task_class).limits_use:
        raise InvalidTaskError(
            f"{what} can't be used: it is concurrent, and has a limit of memory or of processor time. Its attempts "
            "share a process with others, so nobody can tell what one of them uses. Leave out one of both."
        )


def options_of(task_class: type[TaskBase]) -> dict[str, object]:
    """Return what a class says, or has as a default, for every option."""
    return {name: getattr(task_class, name) for name in _RULES}


def is_tried_again(error: BaseException, attempt: int, task_class: type[TaskBase]) -> bool:
    """Tell whether an attempt of this number that ended with an error of the task is followed by another one."""
    is_worth_it = isinstance(error, (*task_class.retry_on, *_BEYOND_A_LIMIT))
    return is_worth_it and not isinstance(error, task_class.never_retry_on) and attempt < task_class.max_attempts


def remarks_on(task_class: type[TaskBase]) -> tuple[str, ...]:
    """Return a sentence for each attribute of a task class that looks like a misspelt option, and has no effect."""
    return tuple(strange_options(task_class, _RULES))


def hint_for(argument: str, known: Collection[str]) -> str:
    """Return what was meant by an argument that is not among the known ones of `add`, or ""."""
    return hint_for_argument(argument, known, _RULES)


def check_option_names(given: Collection[str], what: str) -> None:
    """Make sure that what a task says of itself are options that there are.

    Raises:
        InvalidTaskError: one of them is none; the message says what was meant.
    """
    for name in given:
        if name not in _RULES:
            hint = hint_for_option(name, _RULES)
            raise InvalidTaskError(
                f"{what} can't have the option {name!r}.{hint and f' {hint}'} Known: {', '.join(_RULES)}."
            )


def _is_count(value: object) -> bool:
    return is_whole(value) and 1 <= value < 2**31


def _is_duration(value: object) -> bool:
    return is_number(value) and 0 < value <= LONGEST_SECONDS


def _is_time_limit(value: object) -> bool:
    return value is None or _is_duration(value)


def _is_memory_limit(value: object) -> bool:
    return value is None or (is_number(value) and LEAST_MEMORY_MB <= value <= MOST_MEMORY_MB)


def _is_exceptions(value: object) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(item, type) and issubclass(item, BaseException) for item in value
    )


def _is_backoff(value: object) -> bool:
    if not isinstance(value, Backoff):
        return False
    waits = value.first_seconds, value.max_seconds
    return all(0 <= wait <= LONGEST_SECONDS for wait in waits) and 0 <= value.factor <= 1000 and 0 <= value.jitter <= 1


class _Rule(NamedTuple):
    is_kept_by: Callable[[object], bool]
    text: str


def _is_priority(value: object) -> bool:
    return is_whole(value) and -(2**31) <= value < 2**31


def _is_description(value: object) -> bool:
    return isinstance(value, str) and len(value) <= TEXT_LIMIT and is_unicode(value)


def _is_switch(value: object) -> bool:
    return isinstance(value, bool)


_TIME_LIMIT: Final = _Rule(_is_time_limit, "a number of seconds above 0, or None")
_COUNT: Final = _Rule(_is_count, "a whole number of at least 1")
_EXCEPTIONS: Final = _Rule(_is_exceptions, "a tuple of exception classes")
#: Of every option: those above, and those that only the worker needs, which has the class.
_RULES: Final = {
    "timeout_seconds": _TIME_LIMIT,
    "kill_after_seconds": _Rule(_is_duration, "a number of seconds above 0"),
    "max_memory_mb": _Rule(
        _is_memory_limit,
        f"a number of MB from {LEAST_MEMORY_MB} on, or None (a worker uses 25 MB before it runs anything)",
    ),
    "max_cpu_seconds": _Rule(_is_time_limit, "a number of seconds above 0, or None"),
    "max_attempts": _COUNT,
    "max_lost_attempts": _COUNT,
    "backoff": _Rule(
        _is_backoff, "a lilota.Backoff of finite numbers, with a factor up to 1000 and a jitter from 0 to 1"
    ),
    "retry_on": _EXCEPTIONS,
    "never_retry_on": _EXCEPTIONS,
    "queue": _Rule(is_name, f"the name of a queue, 1 to {NAME_LIMIT} printable characters"),
    "priority": _Rule(_is_priority, "a whole number of 32 bits"),
    "description": _Rule(_is_description, f"a text of at most {TEXT_LIMIT:,} characters"),
    "expires_after_seconds": _TIME_LIMIT,
    "deadline_seconds": _TIME_LIMIT,
    "keep_input": _Rule(_is_switch, "True or False"),
    "version": _Rule(
        lambda value: value is None or is_version(value),
        "a whole number from 0 on, such numbers with dots between them, as '2.1', or None",
    ),
    "concurrent": _Rule(_is_switch, "True or False"),
}
