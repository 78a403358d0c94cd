"""When a receiver that is busy wants to be asked again: the `Retry-After` of its answer, within bounds."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

#: Whatever an answer says, between one attempt and the next there are at least so many seconds, and at most so many.
SHORTEST_SECONDS: Final = 5.0
LONGEST_SECONDS: Final = 10_800.0
#: The answers with which a receiver says that it is busy, and not that something is wrong.
_BUSY: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
#: A date has 29 characters. What is longer is none, and takes its time to be read.
_LONGEST_TEXT: Final = 64


def wanted_pause(status: int, headers: Message) -> float | None:
    """Return in how many seconds a receiver wants to be asked again; None where its answer does not say it."""
    seconds = _told(headers.get("Retry-After", ""), headers.get("Date", "")) if status in _BUSY else None
    return None if seconds is None else min(max(seconds, SHORTEST_SECONDS), LONGEST_SECONDS)


def _told(text: str, date: str) -> float | None:
    """Read a number of seconds, or the date of an instant."""
    text = text.strip()
    if len(text) > _LONGEST_TEXT:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    instant = _instant(text)
    if instant is None:
        return None
    # By the clock of the receiver, where it tells that: one of the two may be wrong.
    return (instant - (_instant(date[:_LONGEST_TEXT]) or datetime.now(UTC))).total_seconds()


def _instant(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):  # as Python's versions say it
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
