"""What a function takes and gives: its parameters as the input, checked where it is added, decoded where it runs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import typing
import uuid
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import msgspec
import pytest

from lilota.errors import InvalidInputError
from lilota.tasks.secret_values import Secret
from lilota.tasks.signatures import Signature


@dataclasses.dataclass
class Line:
    name: str
    price: decimal.Decimal = decimal.Decimal(1)
    below: list[Line] = dataclasses.field(default_factory=list)


class Point(msgspec.Struct):
    x: int
    y: int = 0


class Size(NamedTuple):
    width: int
    where: Path


class Options(TypedDict, total=False):
    depth: int
    at: dt.datetime


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


def what() -> str:
    return "The input of 'f'"


def signature_of(annotation: Any, returns: Any = None) -> Signature:
    """The signature of a function with one parameter, `value`."""

    def f(value): ...

    f.__annotations__ = {"value": annotation, "return": returns}
    return Signature.of(f, "The task 'f'")


def arrived(signature: Signature, arguments: dict[str, Any]) -> dict[str, Any]:
    """What the function is called with in the worker."""
    args, kwargs = signature.decode_input(signature.encode_input(arguments, what), what)
    assert not args
    return kwargs


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (str, "a ☃"),
        (int, 2**70),
        (float, 1.5),
        (bool, True),
        (bytes, b"\x00\xff"),
        (dt.datetime, dt.datetime(2026, 3, 1, 12, 30, 5, 7, tzinfo=dt.UTC)),
        (dt.datetime, dt.datetime(2026, 3, 1)),  # noqa: DTZ001 - naive on purpose
        (dt.date, dt.date(2026, 3, 1)),
        (dt.time, dt.time(12, 30)),
        (dt.timedelta, dt.timedelta(days=-1, microseconds=5)),
        (uuid.UUID, uuid.UUID(int=7)),
        (decimal.Decimal, decimal.Decimal("1.20")),
        (Path, Path("photos/a.jpg")),
        (Path | None, None),
        (set[int], {1, 2}),
        (frozenset[Path], frozenset({Path("a")})),
        (tuple[int, str], (1, "a")),
        (dict[int, list[Path]], {1: [Path("a")]}),
        (dict[Path, int], {Path("a"): 1}),
        (dict[uuid.UUID, Secret[int]], {uuid.UUID(int=1): Secret(4)}),
        (Color, Color.RED),
        (Level, Level.HIGH),
        (Literal["a", 3], 3),
        (int | str | None, "a"),
        (Line | int, Line("a", decimal.Decimal("2.5"), [Line("b")])),
        (Point, Point(1, 2)),
        (Size, Size(1, Path("a"))),
        (Options, {"depth": 1, "at": dt.datetime(2026, 3, 1, tzinfo=dt.UTC)}),
        (typing.NewType("Name", str), "a"),
        (Annotated[int, msgspec.Meta(gt=0)], 5),
        (Secret[str], Secret("hunter2")),
        (Secret[Line] | None, Secret(Line("a"))),
        (Any, {"a": [1, None, {"b": 1.5}]}),
    ],
)
def test_a_value_arrives_as_it_was_given(annotation, value):
    """Also as the result."""
    signature = signature_of(annotation)

    came = arrived(signature, {"value": value})["value"]

    assert came == value
    assert type(came) is type(value)


@pytest.mark.parametrize(
    ("annotation", "value", "problem"),
    [
        (uuid.UUID, "x", "`$.value`: Invalid UUID, got 'x'."),
        (int, "5", "`$.value`: Expected `int`, got '5'."),
        (int, decimal.Decimal(5), "`$.value`: Expected `int`, got `Decimal`."),
        (list[Line], [{"name": 1}], "`$.value[0].name`: Expected `str`, got 1."),
        (list[Line], [{"name": "a", "prise": 1}], "`$.value[0]`: Line has no field 'prise'."),
        (Annotated[int, msgspec.Meta(gt=0)], 0, "`$.value`: Expected `int` >= 1, got 0."),
        (Color, "blue", "`$.value`: Invalid enum, got 'blue'."),
        (Path, 5, "`$.value`: Expected `str`, got 5."),
        (Secret[int], "hunter2", "`$.value`: what was given is not what its Secret takes."),
        (str, dt.date(2026, 3, 1), "`$.value`: `date` was given, and comes back as `str`."),
        (float | None, float("nan"), "`$.value`: nan was given, and comes back as `NoneType`."),
        (Any, [{1, 2}], "`$.value[0]`: `set` was given, and comes back as `list`."),
        (Any, {1: 2}, "`$.value`: a key that is `int` comes back as text."),
        (Any, [object()], "`$.value[0]`: a value of type object can't travel as JSON."),
        (str, "\ud800", "`$.value`: a text holds half of a surrogate pair."),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_path(annotation, value, problem):
    """The message says what was expected and what was given, and it is no error of msgspec's."""
    with pytest.raises(InvalidInputError) as caught:
        signature_of(annotation).encode_input({"value": value}, what)

    assert str(caught.value).startswith(f"The input of 'f' does not fit f(): {problem}")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_what_json_carries_of_a_value_is_taken_too():
    """So another program, or the command line, can add the task by its name."""
    assert arrived(signature_of(uuid.UUID), {"value": str(uuid.UUID(int=7))}) == {"value": uuid.UUID(int=7)}
    assert arrived(signature_of(Secret[str]), {"value": "hunter2"}) == {"value": Secret("hunter2")}
