"""Functions that can't be tasks: said when they are registered, with the parameter and the remedy."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import typing
from pathlib import Path
from typing import Any

import pytest

from lilota.errors import InvalidTaskError
from lilota.models import TaskContext
from lilota.tasks.secret_values import Secret
from lilota.tasks.signatures import Signature


class Unknown:
    """A class that nothing carries."""


@dataclasses.dataclass
class Holder:
    inside: list[Unknown]


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"


@dataclasses.dataclass
class Unresolved:
    inside: Nowhere  # noqa: F821 - that is the test


def positional(*names: str) -> None: ...
def two_contexts(a: TaskContext, b: TaskContext) -> None: ...
def generator():
    yield 1


async def async_generator():
    yield 1


def unresolved(a: Nowhere) -> None: ...  # noqa: F821 - that is the test
def unresolved_inside(a: Unresolved) -> None: ...
def unknown(a: Unknown) -> None: ...
def unknown_inside(a: dict[str, Holder]) -> None: ...
def unknown_returned() -> Unknown: ...
def ambiguous(a: Path | str) -> None: ...
def ambiguous_dates(a: dt.date | dt.datetime) -> None: ...
def with_callable(a: typing.Callable[[], int]) -> None: ...
def secret_of_a_union(a: Secret[Path | str]) -> None: ...
def mixed_members(a: Mixed) -> None: ...
def secret_rest(**keys: Secret[str]) -> None: ...
def odd_default(a=Unknown): ...
def wrong_default(a: int = "5") -> None: ...
def lost_default(a: Any = frozenset({1})) -> None: ...
def secret_returned() -> Secret[str]: ...


@pytest.mark.parametrize(
    ("function", "problem", "remedy"),
    [
        (positional, "can't be a task with '*names'", "Take a list: 'names: list[...]'."),
        (two_contexts, "has two parameters that are a TaskContext: 'a' and 'b'", "Leave one out."),
        (generator, "can't be a task with 'yield' in it", "Return a list"),
        (async_generator, "can't be a task with 'yield' in it", "Return a list"),
        (unresolved, "'Nowhere'", "Import it at the top"),
        (unresolved_inside, "'a' is annotated Unresolved, in which 'Nowhere' is not known", "Import it at the top"),
        (unknown, "): the parameter 'a' is annotated Unknown", "lilota.register_type()"),
        (unknown_inside, "how values of Unknown travel", "lilota.register_type()"),
        (unknown_returned, "): what it returns is annotated Unknown", "lilota.register_type()"),
        (ambiguous, "can't be told from JSON", "Take one of them, or a msgspec Struct with a tag for each."),
        (ambiguous_dates, "can't be told from JSON", "Take one of them, or a msgspec Struct with a tag for each."),
        (with_callable, "how values of Callable travel", "Take a list or a dict."),
        (secret_of_a_union, "can't be told from JSON", "Take one of them"),
        (mixed_members, "Enums must contain either all str or all int values", "Take another type."),
        (secret_rest, "which keys '**' takes as secrets", "Name each of them."),
        (odd_default, "): the parameter 'a' has a default that JSON can't carry: ", "Take None"),
        (wrong_default, "): the parameter 'a' has a default that JSON can't carry: ", "Take None"),
        (lost_default, "): the parameter 'a' has a default that JSON can't carry: ", "Take None"),
        (secret_returned, "can't return a Secret", "Store it elsewhere"),
    ],
)
def test_what_can_not_be_a_task_is_said_with_the_parameter_and_the_remedy(function, problem, remedy):
    """Once, when it is registered, and not when a task of it fails."""
    with pytest.raises(InvalidTaskError) as caught:
        Signature.of(function, "the task")

    assert problem in str(caught.value)
    assert remedy in str(caught.value)
    assert f"{__name__}.{function.__name__}" in str(caught.value)


def test_a_wrong_default_of_a_secret_is_not_shown():
    """It stands in the log of whoever imports the module."""

    def f(key: Secret[int] = "hunter2") -> None: ...

    with pytest.raises(InvalidTaskError, match="is not what its Secret takes") as caught:
        Signature.of(f, "the task")

    assert "hunter2" not in str(caught.value)
