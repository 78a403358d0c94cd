"""How the input of a task is read from what was typed."""

from __future__ import annotations

import io
import sys

import click
import pytest

from lilota.cli.inputs import read_input
from lilota.tasks.signatures import Signature


def test_pairs_are_json_where_they_can_be_and_text_otherwise():
    """A number is a number, a word is a word, and a pair may hold further equals signs."""
    pairs = ("n=1", "on=true", 'list=[1,"a"]', "name=photos", "zip=0123", "nan=NaN", "q=a=b", "empty=")

    read = read_input(None, pairs)

    assert read == {
        "n": 1, "on": True, "list": [1, "a"], "name": "photos", "zip": "0123", "nan": "NaN", "q": "a=b", "empty": "",
    }  # fmt: skip


def optional_text(*, month: str | None, size: int | str, ratio: float, note: str, many: list[int], free, **rest: str):
    """Take values of which a pair may look like others."""


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("month=5", "5"),
        ("month=null", None),
        ("month=", ""),
        ("size=5", 5),
        ("size=large", "large"),
        ("size=[1]", "[1]"),
        ("ratio=1", 1),
        ("note=null", "null"),
        ('note={"x": 1, "x": 2}', '{"x": 1, "x": 2}'),
        ('note="quoted"', '"quoted"'),
        ("many=[1, 2]", [1, 2]),
        ("many=1", 1),
        ("free=1", 1),
        ("free=one", "one"),
        ("other=1", "1"),
    ],
)
def test_a_pair_is_what_the_schema_of_the_task_says(pair, value):
    """A text is taken as it is; what may be a text and something else is that where it looks like it."""
    schema = Signature.of(optional_text, "The task").input_schema()

    (read,) = read_input(None, (pair,), schema).values()

    assert (read, type(read)) == (value, type(value))


def test_a_schema_that_refers_to_itself_says_nothing_in_the_end():
    """A type of somebody else's may have any schema."""
    schema = {"properties": {"tree": {"$ref": "#/$defs/Tree"}}, "$defs": {"Tree": {"$ref": "#/$defs/Tree"}}}

    assert read_input(None, ("tree=1",), schema) == {"tree": 1}


def test_a_pair_wins_over_the_same_key_of_the_input():
    """What was typed last and most precisely counts."""
    assert read_input('{"a": 1, "b": 2}', ("b=3",)) == {"a": 1, "b": 3}


def test_input_is_read_from_a_file_and_from_standard_input(tmp_path, monkeypatch):
    """ "@file" and "-" name where the JSON is."""
    (tmp_path / "input.json").write_text('{"a": "é"}', encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"b": 2}'))

    assert read_input(f"@{tmp_path}/input.json", ()) == {"a": "é"}
    assert read_input("-", ()) == {"b": 2}


def test_only_the_input_option_reads_files():
    """A value that looks like a file stays text: nothing is read that was not asked for."""
    assert read_input(None, ("path=@/etc/passwd",)) == {"path": "@/etc/passwd"}


@pytest.mark.parametrize(
    ("source", "pairs", "message"),
    [
        ("{", (), "is not JSON"),
        ("[1]", (), "must be a JSON object"),
        ('{"a": NaN}', (), "NaN is not a JSON number"),
        ("[" * 100_000, (), "is not JSON"),
        ("@/no/such/file", (), "can't be read from the file '/no/such/file'"),
        (None, ("word",), "'word' is not key=value"),
        (None, ("=1",), "'=1' is not key=value"),
        (None, ("a=1", "b=2", "a=3"), "The key 'a' is given twice"),
        (None, ('a={"x": 1, "x": 2}',), "The key 'x' is given twice"),
        ('{"a": [{"x": 1, "y": 2, "y": 2}]}', (), "The key 'y' is given twice"),
    ],
)
def test_input_that_can_not_be_used_is_refused_with_the_reason(source, pairs, message):
    """The error says what was read and what is wrong with it."""
    with pytest.raises(click.UsageError, match=message):
        read_input(source, pairs)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    """Binary data is named, not shown."""
    (tmp_path / "photo").write_bytes(b"\xff\xd8")

    with pytest.raises(click.UsageError, match="not UTF-8"):
        read_input(f"@{tmp_path}/photo", ())
