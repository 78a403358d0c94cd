"""What people write who know other task queues or have mistyped, and what it is called in lilota."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta
from types import CodeType, FunctionType, MappingProxyType
from typing import Final

from lilota.errors import did_you_mean
from lilota.models import TaskBase
from lilota.retry import Backoff

_ATTEMPTS: Final = "Did you mean 'max_attempts', which counts the first attempt, too?"
_BACKOFF: Final = "Did you mean 'backoff', which takes a lilota.Backoff?"
_TIME_LIMIT: Final = "Did you mean 'timeout_seconds'?"
#: Class attributes and options of Celery, RQ, Huey, Dramatiq and the tasks of Django.
_OF_CLASSES: Final = MappingProxyType(
    {
        **dict.fromkeys(("attempts", "max_retries", "max_tries", "retries", "tries"), _ATTEMPTS),
        **dict.fromkeys(
            ("default_retry_delay", "max_backoff", "min_backoff", "retry_backoff", "retry_delay", "retry_jitter"),
            _BACKOFF,
        ),
        **dict.fromkeys(
            ("job_timeout", "max_runtime", "soft_time_limit", "task_timeout", "time_limit", "timeout", "timeout_s"),
            _TIME_LIMIT,
        ),
        **dict.fromkeys(("autoretry_for", "retry_for", "retry_exceptions"), "Did you mean 'retry_on'?"),
        **dict.fromkeys(("dont_autoretry_for", "throws"), "Did you mean 'never_retry_on'?"),
        "queue_name": "Did you mean 'queue'?",
        "rate_limit": "Did you mean a queue with a runner of its own, which runs few at a time?",
    }
)
#: Arguments with which other task queues add a task.
_OF_ADD: Final = MappingProxyType(
    {
        **dict.fromkeys(("args", "data", "inputs", "kwargs", "params", "payload"), "input"),
        **dict.fromkeys(("countdown", "delay", "delay_s", "seconds"), "delay_seconds"),
        **dict.fromkeys(("at", "eta", "run_after", "scheduled_at", "when"), "run_at"),
        **dict.fromkeys(("expire", "expires", "expires_in", "ttl"), "expires_after_seconds"),
        **dict.fromkeys(("meta", "metadata", "tags"), "headers"),
        **dict.fromkeys(("owner_id", "user", "user_id"), "owner"),
        "queue_name": "queue",
        **dict.fromkeys(("func", "function", "task", "task_name"), "name"),
    }
)
#: What an option can be. A method or an object under such a name is something else.
_PLAIN: Final = (int, float, str, tuple, list, type, timedelta, Backoff, type(None))


def hint_for_argument(name: str, known: Collection[str], options: Collection[str]) -> str:
    """Return " Did you mean 'x'?" for an argument that `add` has not, or ""; also what belongs to the class.

    Args:
        known: the arguments of `add`.
        options: the options of a task class.
    """
    if name in _OF_ADD:
        return f" Did you mean {_OF_ADD[name]!r}?"
    if name in options:
        return " It is said in the task class."
    of_class = _OF_CLASSES.get(name)
    return f" {of_class} That is said in the task class." if of_class else did_you_mean(name, known)


def hint_for_option(name: str, options: Collection[str]) -> str:
    """Return what was meant by an option that is none, or ""."""
    return _OF_CLASSES.get(name.lower()) or did_you_mean(name.lower(), options, cutoff=0.8).strip()


def strange_options(task_class: type[TaskBase], options: Collection[str]) -> Iterator[str]:
    """Give a sentence for each attribute of a task class that looks like an option and is none.

    An attribute that the class itself reads is its own, whatever its name; and so are those of other packages.

    Args:
        options: the options that there are.
    """
    own = [each for each in task_class.__mro__ if _is_own(each, task_class)]
    used = {name for each in own for code in _codes(each) for name in _names_in(code)}
    for each in own:
        for name, value in vars(each).items():
            if name in options or name in used or name.startswith("_") or not isinstance(value, _PLAIN):
                continue
            hint = hint_for_option(name, options)
            if hint:
                where = f"{each.__module__}.{each.__qualname__}.{name}"
                yield f"lilota does not read {where}. {hint} If code of yours reads it, rename it to end this warning."


def _is_own(base: type, task_class: type[TaskBase]) -> bool:
    """Tell whether a class was written by those who wrote the task class, as far as the package tells."""
    package = task_class.__module__.partition(".")[0]
    return base is not TaskBase and issubclass(base, TaskBase) and base.__module__.partition(".")[0] == package


def _codes(clazz: type) -> Iterator[CodeType]:
    """Give the code of the functions of a class, as they stand in it."""
    for value in vars(clazz).values():
        function = value.fget if isinstance(value, property) else value
        if isinstance(function, staticmethod | classmethod):
            function = function.__func__
        while isinstance(function, FunctionType):
            yield function.__code__
            function = getattr(function, "__wrapped__", None)


def _names_in(code: CodeType) -> Iterator[str]:
    """Give the names that code reads: as `self.name`, or as the text in `getattr(self, "name")`."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)
        elif isinstance(constant, str):
            yield constant
