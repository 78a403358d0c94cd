"""Inputs and outputs as JSON text, and what is wrong where one can't be."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilota.errors import InvalidInputError
from lilota.tasks.jsonvalues import DEPTH_LIMIT, encode_object

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
finite = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=30,
)


def encode(value: Any, limit_bytes: int = 1_000_000) -> str:
    return encode_object(value, lambda: "The input of 'x'", limit_bytes, InvalidInputError)


def nested(levels: int) -> Any:
    value: Any = {}
    for number in range(levels - 1):
        value = [value] if number % 2 else {"a": value}
    return value if isinstance(value, dict) else {"a": value}


@given(st.dictionaries(text, values, max_size=5))
def test_every_json_object_comes_back_as_it_was(value):
    """Including odd characters, big numbers and empty things."""
    assert json.loads(encode(value)) == value


@given(st.dictionaries(text | st.integers(), values | st.binary() | st.floats() | st.text(), max_size=5))
def test_what_can_not_come_back_is_refused(value):
    """Nothing is changed silently: either the same comes back, or an InvalidInputError is raised."""
    with suppress(InvalidInputError):
        assert json.loads(encode(value)) == value


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"a": [1, {"b": float("nan")}]}, "nan at $.a[1].b is not a JSON number: take None instead."),
        ({"a": float("-inf")}, "-inf at $.a is not a JSON number: take None instead."),
        ({"a": b"x"}, "b'x' at $.a is of type bytes"),
        ({"a": {1, 2}}, "{1, 2} at $.a is of type set"),
        ({"a": {1: 2}}, "the key 1 at $.a is not a string of valid Unicode"),
        ({"\ud800": 1}, "the key '\\ud800' at $ is not a string of valid Unicode"),
        ({"a": "\udfff"}, "the text at $.a holds half of a surrogate pair: '\\udfff'"),
        ({"a": object}, "<class 'object'> at $.a is of type type"),
    ],
)
def test_the_path_to_a_wrong_value_is_named(value, problem):
    """So that it is found in a large input."""
    with pytest.raises(InvalidInputError) as caught:
        encode(value)

    message, _, remedy = str(caught.value).partition(". JSON has ")
    assert message == f"The input of 'x' can't be stored as JSON: {problem}"
    assert ("convert it" in remedy) == ("is of type" in problem)


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        ("text", 'Give it a key: {"value": ...}.'),
        (5, 'Give it a key: {"value": ...}.'),
        ('{"a": 1}', "Pass the dict itself, not its JSON text."),
        (Path("photos"), "Make a dict of it."),
    ],
)
def test_what_is_no_dict_is_refused_with_the_way_to_one(value, remedy):
    """Outputs are often a single value, and inputs the text that somebody encoded."""
    with pytest.raises(InvalidInputError) as caught:
        encode(value)

    assert str(caught.value).endswith(f". {remedy}")


@pytest.mark.parametrize("value", [None, [], "text", 1, [("a", 1)]])
def test_only_objects_are_taken(value):
    """The message shows what was given."""
    with pytest.raises(InvalidInputError, match=r"The input of 'x' must be a JSON object \(a dict\), not "):
        encode(value)


@pytest.mark.parametrize("levels", [DEPTH_LIMIT, DEPTH_LIMIT + 2, 100_000])
def test_depth_is_limited(levels):
    """Far too deep is refused as quickly as a little too deep; neither exhausts the stack."""
    value = nested(levels)
    if levels <= DEPTH_LIMIT:
        assert json.loads(encode(value)) == value
    else:
        with pytest.raises(InvalidInputError, match="more than 100 levels of nesting at"):
            encode(value)


def test_an_object_that_holds_itself_is_too_deep():
    """A circle has no end."""
    value: dict[str, Any] = {}
    value["self"] = value

    with pytest.raises(InvalidInputError, match="more than 100 levels of nesting"):
        encode(value)


@pytest.mark.parametrize(("character", "width"), [("a", 1), ("ä", 2), ("☃", 3), ("🙂", 4)])
def test_the_size_is_counted_in_bytes(character, width):
    """The limit itself is allowed, one byte more is not."""
    value = {"t": character * 100}
    size = len('{"t":""}') + 100 * width

    assert encode(value, size)
    with pytest.raises(InvalidInputError, match=rf"has {size} bytes as JSON; the limit is {size - 1}\. Put the data"):
        encode(value, size - 1)


def test_a_value_whose_repr_raises_is_described_all_the_same():
    """The error about it must not become another error."""

    class Unshowable:
        def __repr__(self) -> str:
            raise RuntimeError

    with pytest.raises(InvalidInputError, match=r"<Unshowable whose repr\(\) raised RuntimeError> at \$\.a"):
        encode({"a": Unshowable()})
