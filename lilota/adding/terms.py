"""Check the terms on which a task is added: until when it may start and end, what is kept of it, and its version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace

from lilota.adding.new_tasks import TERMS, checked_instant
from lilota.errors import LONGEST_SECONDS, InvalidInputError
from lilota.models import TaskBase
from lilota.tasks.numbers import is_number, is_version
from lilota.tasks.terms import Terms


def terms_of_class(task_class: type[TaskBase]) -> Terms:
    """Return the terms of the tasks of a class."""
    return Terms(**{name: getattr(task_class, name) for name in TERMS[1:]})


def checked_terms(
    of_class: Terms | None, given: Mapping[str, Any], run_at: datetime | None, delay_seconds: float
) -> Terms:
    """Return the terms of a task that is to be added.

    Args:
        of_class: what its class says; what is given counts more.
        given: options of `add`; None is the same as not to give one.
        run_at: when it is due, or else `delay_seconds` after it was added.

    Raises:
        InvalidInputError: one can't be used, or it would have expired before it is due.
    """
    terms = of_class or Terms()
    for name, value in given.items():
        if value is not None:
            terms = replace(terms, **{name: _CHECKS[name](name, value)})
    if given.get("expires_at") is not None:
        if given.get("expires_after_seconds") is not None:
            raise InvalidInputError("Give expires_at or expires_after_seconds, not both.")
        _check_is_to_come(terms, run_at, delay_seconds)
        terms = replace(terms, expires_after_seconds=None)
    if terms.expires_after_seconds is None and terms.deadline_seconds is None:
        return terms
    return replace(terms, due_at=run_at, due_after_seconds=delay_seconds or None)


def _check_is_to_come(terms: Terms, run_at: datetime | None, delay_seconds: float) -> None:
    now = datetime.now(UTC)
    if terms.expires_at is None or terms.expires_at <= now:
        raise InvalidInputError(f"expires_at is over: {terms.expires_at}, and it is {now}. Nothing would ever run.")
    if run_at is not None and terms.expires_at <= run_at:
        raise InvalidInputError(f"expires_at ({terms.expires_at}) must be after run_at ({run_at}).")
    if (terms.expires_at - now).total_seconds() <= delay_seconds:
        raise InvalidInputError(f"expires_at ({terms.expires_at}) must be after delay_seconds ({delay_seconds:g} s).")


def _checked_seconds(name: str, value: object) -> float:
    if isinstance(value, timedelta):
        raise InvalidInputError(f"{name} must be a number of seconds, not {value!r}. Write .total_seconds() behind it.")
    if not is_number(value) or not 0 < value <= LONGEST_SECONDS:  # no comparison holds for NaN
        raise InvalidInputError(f"{name} must be a number of seconds above 0, at most a hundred years, not {value!r}.")
    return float(value)


def _checked_switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidInputError(f"{name} must be True or False, not {value!r:.100}.")
    return value


def _checked_version(name: str, value: object) -> object:
    if not is_version(value):
        raise InvalidInputError(
            f"{name} must be a whole number from 0 on, or such numbers with dots between them, as '2.1', not "
            f"{value!r:.100}."
        )
    return value


_CHECKS: Final = {
    "expires_at": checked_instant,
    "expires_after_seconds": _checked_seconds,
    "deadline_seconds": _checked_seconds,
    "keep_input": _checked_switch,
    "version": _checked_version,
}
