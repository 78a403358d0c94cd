"""How the command line says and reads durations and instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lilota.texts.words import count, duration, iso, parse_duration, relative

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "< 1 ms"), (0.04, "40 ms"), (3.21, "3.2 s"), (59.4, "59 s"), (185, "3 min 05 s"),
     (7800, "2 h 10 min"), (273_600, "3 d 4 h")],
)  # fmt: skip
def test_a_duration_is_said_in_at_most_two_units(seconds, said):
    """The more time, the coarser it is told."""
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "just now"), (12, "12 s ago"), (3594, "1 h ago"),
     (86_400, "24 h ago"), (864_000, "10 d ago"), (-3599, "in 1 h")],
)  # fmt: skip
def test_an_instant_is_said_relative_to_now(seconds, said):
    """Both past and future are told in one rounded unit."""
    assert relative(NOW - timedelta(seconds=seconds), NOW) == said


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("0.5", 0.5), ("90s", 90), ("15min", 900), ("15 m", 900),
     ("1h30m", 5400), ("7d", 604_800), ("2w", 1_209_600)],
)  # fmt: skip
def test_a_duration_is_read_as_people_write_it(text, seconds):
    """A number alone is in seconds; units can be combined."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "7x", "-5", "7d!", "1e9d", "soon", "nan", "inf"])
def test_what_is_no_duration_is_refused_with_examples(text):
    """The error shows how to write one."""
    with pytest.raises(ValueError, match="1h30m"):
        parse_duration(text)


def test_machines_get_instants_as_iso_8601_in_utc():
    """The key is there without an instant too."""
    assert (iso(NOW), iso(None)) == ("2030-01-01T00:00:00Z", None)


def test_numbers_have_their_noun_in_the_right_form():
    """One thing is not "1 tasks"."""
    assert (count(1, "task"), count(2000, "task")) == ("1 task", "2,000 tasks")
