"""Which instants people can type for --since and --before."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from lilota.texts.moments import read_moment

NOW = datetime(2030, 5, 17, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def new_york(monkeypatch):
    """Let the reader be in New York, four hours behind UTC in May, and five in winter."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2030-05-17T12:00:00+00:00"),
        ("today", "2030-05-17T04:00:00+00:00"),
        ("yesterday", "2030-05-16T04:00:00+00:00"),
        ("Yesterday 08:30", "2030-05-16T12:30:00+00:00"),
        ("07:15", "2030-05-17T11:15:00+00:00"),
        ("2h", "2030-05-17T10:00:00+00:00"),
        ("2 hours ago", "2030-05-17T10:00:00+00:00"),
        ("2h ago", "2030-05-17T10:00:00+00:00"),
        ("an hour ago", "2030-05-17T11:00:00+00:00"),
        ("1 hour 30 minutes ago", "2030-05-17T10:30:00+00:00"),
        ("1h30m", "2030-05-17T10:30:00+00:00"),
        ("45 min", "2030-05-17T11:15:00+00:00"),
        ("3 days ago", "2030-05-14T12:00:00+00:00"),
        ("a week ago", "2030-05-10T12:00:00+00:00"),
        ("2030-05-16", "2030-05-16T04:00:00+00:00"),
        ("2030-01-16 08:30", "2030-01-16T13:30:00+00:00"),
        ("2030-05-16T08:30:00Z", "2030-05-16T08:30:00+00:00"),
        ("2030-05-16T08:30:00+02:00", "2030-05-16T06:30:00+00:00"),
    ],
)
def test_what_people_write_is_read_in_their_local_time(text, expected):
    """Where no offset is given, it is the one that the place had then."""
    assert read_moment(text, NOW) == datetime.fromisoformat(expected)


@pytest.mark.parametrize("text", ["", "soon", "tomorrow", "-3h", "90", "2026", "2 months ago", "24:99", "9" * 30 + "d"])
def test_what_is_no_instant_is_refused_with_examples(text):
    """A number alone may be a year or seconds: nobody guesses."""
    with pytest.raises(
        ValueError, match=r"is not an instant; write for example yesterday, 2h, '3 days ago', 08:30, 20"
    ):
        read_moment(text, NOW)


def test_an_instant_has_a_time_zone_and_without_a_clock_it_is_read_as_of_now():
    """So that it can be compared with those of the store."""
    moment = read_moment("1h")

    assert moment.tzinfo is not None
    assert abs(datetime.now(timezone(timedelta(hours=9))) - moment - timedelta(hours=1)) < timedelta(minutes=1)
