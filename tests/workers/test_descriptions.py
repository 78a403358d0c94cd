"""Errors as text: for people, storable, and without the frames of lilota."""

from __future__ import annotations

import pytest

from lilota.errors import TimeoutReached, UnknownTaskError
from lilota.tasks.limits import MESSAGE_LIMIT, TRACEBACK_LIMIT
from lilota.workers.descriptions import describe_error, storable


class OwnError(Exception):
    pass


class DocumentedError(Exception):
    """The thing is broken.

    More about it.
    """


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001 - that is the point
        return caught


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (ValueError("bad"), "ValueError", "bad"),
        (OwnError("bad"), f"{__name__}.OwnError", "bad"),
        (UnknownTaskError("bad"), "UnknownTaskError", "bad"),
        (MemoryError(), "MemoryError", "Out of memory."),
        (DocumentedError(), f"{__name__}.DocumentedError", "The thing is broken."),
        (OwnError(), f"{__name__}.OwnError", ""),
        (OwnError("two\n  lines\n"), f"{__name__}.OwnError", "two lines"),
        (SystemExit(3), "SystemExit", "The task tried to end its process: sys.exit(3)."),
        (TimeoutReached(), "TimeoutReached", "The attempt ran for longer than the task's `timeout_seconds`."),
    ],
)
def test_an_error_has_a_type_and_one_line(error, kind, message):
    """An error without a text is explained by its documentation."""
    described = describe_error(error)

    assert (described.type, described.message) == (kind, message)


def test_a_traceback_shows_where_and_why():
    """Causes included."""
    error = OwnError("outer")
    error.__cause__ = ValueError("inner")

    traceback = describe_error(raised(error)).traceback

    assert "ValueError: inner" in traceback
    assert "in raised" in traceback
    assert traceback.endswith("OwnError: outer\n")


def test_very_long_errors_are_cut():
    """The beginning of a message and the end of a traceback are what people need."""
    described = describe_error(raised(OwnError("a" * 1_000_000 + "z")))

    assert described.message == "a" * MESSAGE_LIMIT
    assert len(described.traceback) == TRACEBACK_LIMIT
    assert described.traceback.endswith("z\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("plain", "plain"), ("ünï ☃ 🙂", "ünï ☃ 🙂"), ("nul \0", r"nul \x00"), ("half \ud83d", r"half \ud83d")],
)
def test_text_becomes_storable(text, expected):
    """Only what a store can't carry is escaped."""
    assert storable(text) == expected
