"""What a function returns: encoded by its annotation, stored as an object, and back as it was returned."""

from __future__ import annotations

import typing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lilota.errors import InvalidOutputError
from lilota.tasks.signatures import Signature


class Point(msgspec.Struct):
    x: int
    y: int = 0


def what() -> str:
    return "The output of 'f'"


def signature_of(returns: Any) -> Signature:
    """The signature of a function that is annotated to return this."""

    def f(): ...

    f.__annotations__ = {"return": returns}
    return Signature.of(f, "The task 'f'")


@pytest.mark.parametrize(
    ("returns", "value", "stored"),
    [
        (int, 3, '{"lilota.value":true,"result":3}'),
        (list[Path], [Path("a")], '{"lilota.value":true,"result":["a"]}'),
        (Point, Point(1, 2), '{"x":1,"y":2}'),
        (dict[str, int], {"result": 3}, '{"result":3}'),
    ],
)
def test_a_result_comes_back_as_it_was_returned(returns, value, stored):
    """What is no object is stored in one, with a mark that tells it from a dict."""
    signature = signature_of(returns)

    text = signature.encode_output(value, what)

    assert text == stored
    assert signature.decode_output(text) == value


@pytest.mark.parametrize("returns", [None, typing.NoReturn])
def test_the_output_that_a_function_has_set_which_returns_nothing_is_its_result(returns):
    """There is nothing else that could be."""
    assert signature_of(returns).decode_output('{"done":1}') == {"done": 1}


@pytest.mark.parametrize("value", [{"result": 3}, [1, "a"], "text", 5, {"a": {"lilota.value": 1}}])
def test_a_result_without_annotation_is_any_json(value):
    """With the same mark where it is no object."""

    def f(): ...

    signature = Signature.of(f, "The task 'f'")

    assert signature.decode_output(signature.encode_output(value, what)) == value


@pytest.mark.parametrize(
    ("returns", "value", "problem"),
    [
        (int, "5", "does not fit what f() is annotated to return: `$`: Expected `int`, got '5'"),
        (None, {"a": 1}, "does not fit what f() is annotated to return: `$`: Expected `null`, got `dict`"),
        (Any, {1, 2}, "`$`: `set` was given, and comes back as `list`"),
        (dict[str, Any], {"lilota.value": 1}, "has the key 'lilota.value', which is lilota's own"),
        (list[str], ["x" * 2**25], "the limit is 33,554,432"),
    ],
)
def test_a_result_that_does_not_fit_is_refused(returns, value, problem):
    """In the worker, where it is returned."""
    with pytest.raises(InvalidOutputError) as caught:
        signature_of(returns).encode_output(value, what)

    assert problem in str(caught.value)
