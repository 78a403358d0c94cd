"""Read instants that lie behind: "yesterday", "2 hours ago", "08:30", "2026-11-26", in the local time of the reader."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final

from lilota.texts.words import parse_duration

EXAMPLES: Final = "yesterday, 2h, '3 days ago', 08:30, 2026-11-26, '2026-11-26 08:30' or 2026-11-26T08:30:00Z"

_DAYS_AGO: Final = {"today": 0, "yesterday": 1}
_DAY: Final = re.compile(r"(today|yesterday)(?:[ t](.+))?")
#: A unit in full, as `parse_duration` knows it in short.
_WORDS: Final = re.compile(r"(?<=\d)\s*(seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?)\b")
_SHORT: Final = {"s": "s", "m": "min", "h": "h", "d": "d", "w": "w"}


def read_moment(text: str, now: datetime | None = None) -> datetime:
    """Return the instant that a text means, with a time zone.

    Args:
        now: as of when it is read.

    Raises:
        ValueError: it means none; the message has examples.
    """
    now = (now or datetime.now(UTC)).astimezone()
    wanted = " ".join(text.lower().split())
    try:
        return _named(wanted, now) or _ago(wanted, now) or _written(text.strip(), now)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"{text!r:.60} is not an instant; write for example {EXAMPLES}") from error


def _named(text: str, now: datetime) -> datetime | None:
    """Read "now", and a day with or without a time."""
    if text == "now":
        return now
    day = _DAY.fullmatch(text)
    if day is None:
        return None
    date = now.date() - timedelta(days=_DAYS_AGO[day[1]])
    return _local(datetime.combine(date, time.fromisoformat(day[2]) if day[2] else time()))


def _ago(text: str, now: datetime) -> datetime | None:
    """Read how long ago it was; a number alone may be a year, and says too little."""
    short = _WORDS.sub(lambda word: _SHORT[word[1][0]], re.sub(r"^an? ", "1 ", text.removesuffix(" ago")))
    if short.replace(".", "").strip().isdigit():
        return None
    try:
        seconds = parse_duration(short)
    except ValueError:
        return None
    return now - timedelta(seconds=seconds)


def _written(text: str, now: datetime) -> datetime:
    """Read a date, a date with a time, or a time of today."""
    try:
        return _local(datetime.fromisoformat(text))
    except ValueError:
        if ":" not in text:  # or else 2026 would be 20:26
            raise
        return _local(datetime.combine(now.date(), time.fromisoformat(text)))


def _local(instant: datetime) -> datetime:
    """Return an instant with its time zone, or else with the local one as it was then."""
    return instant.astimezone() if instant.tzinfo is None else instant
