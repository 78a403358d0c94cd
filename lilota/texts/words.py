"""Say durations, instants and numbers the way people do, and read durations the way people write them."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

from lilota.texts.patterns import Pattern

_UNIT_SECONDS: Final = {
    "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800,
}  # fmt: skip
#: Up to how many seconds an estimate is said in steps of which unit.
_ROUGHLY: Final = (
    (55, 10, 1, "s"), (570, 1, 60, "min"), (3450, 5, 60, "min"), (129_600, 1, 3600, "h"), (math.inf, 1, 86_400, "d"),
)  # fmt: skip
# What was tried is not tried in another way (`++`, `*+`), so that reading takes time in proportion to the text.
_NUMBER: Final = r"\s*+(\d++(?:\.\d++)?)\s*+"
_SECONDS: Final = Pattern(_NUMBER)
_PART: Final = Pattern(rf"{_NUMBER}(sec|min|s|m|h|d|w)")
_PARTS: Final = Pattern(rf"(?:{_PART.text})++\s*+")


def duration(seconds: float) -> str:
    """Say how long something took.

    >>> duration(0.04), duration(3.2), duration(185), duration(7800), duration(273_600)
    ('40 ms', '3.2 s', '3 min 05 s', '2 h 10 min', '3 d 4 h')
    """
    if seconds < 9.95:
        return _short_duration(seconds)
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 172_800:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def roughly(seconds: float) -> str:
    """Say how long something will take that nobody knows exactly.

    >>> roughly(3.2), roughly(42), roughly(185), roughly(1500), roughly(8_000), roughly(273_600)
    ('seconds', 'about 40 s', 'about 3 min', 'about 25 min', 'about 2 h', 'about 3 d')
    """
    if seconds < 10:
        return "seconds"
    _, step, unit_seconds, unit = next(row for row in _ROUGHLY if seconds < row[0])
    return f"about {max(1, round(seconds / unit_seconds / step)) * step:,} {unit}"


def size(number_of_bytes: float) -> str:
    """Say how much memory or disk something takes, in powers of a thousand.

    >>> size(812), size(24_100_000), size(2_000_000_000), size(2_140_000_000)
    ('812 bytes', '24.1 MB', '2 GB', '2.14 GB')
    """
    if number_of_bytes < 1000:
        return count(round(number_of_bytes), "byte")
    for unit in ("kB", "MB", "GB", "TB"):
        number_of_bytes /= 1000
        if number_of_bytes < 999.5 or unit == "TB":
            break
    return f"{number_of_bytes:.3g} {unit}" if number_of_bytes < 999.5 else f"{number_of_bytes:,.0f} {unit}"


def relative(instant: datetime, now: datetime) -> str:
    """Say when something happened, or will: "12 s ago", "in 5 min", "just now"."""
    seconds = (now - instant).total_seconds()
    if abs(seconds) < 1:
        return "just now"
    rounded = _one_unit(abs(seconds))
    return f"{rounded} ago" if seconds > 0 else f"in {rounded}"


def instant_text(instant: datetime, now: datetime) -> str:
    """Say an instant in full: local time of the reader, and how far away it is."""
    return f"{instant.astimezone():%Y-%m-%d %H:%M:%S} ({relative(instant, now)})"


def iso(instant: datetime | None) -> str | None:
    """Return an aware UTC instant as ISO 8601 with a Z, for machines."""
    return None if instant is None else instant.isoformat().replace("+00:00", "Z")


def parse_duration(text: str) -> float:
    """Return the seconds of "90", "90s", "15min", "1h30m", "7d" or "2w".

    Raises:
        ValueError: the text is none of these.
    """
    if _SECONDS.compiled.fullmatch(text):
        seconds = float(text)
    elif _PARTS.compiled.fullmatch(text):
        seconds = float(sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _PART.compiled.findall(text)))
    else:
        seconds = math.inf
    if seconds == math.inf:  # or more digits than a number can hold
        raise ValueError(f"{text!r:.60} is not a duration; write for example 90s, 15min, 1h30m, 7d or 2w")
    return seconds


def count(number: int, noun: str) -> str:
    """Say how many: "1 task", "2,000 tasks"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _short_duration(seconds: float) -> str:
    if seconds < 0.001:
        return "< 1 ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 0.1 else f"{seconds:.1f} s"


def _one_unit(seconds: float) -> str:
    for limit, unit_seconds, unit in ((59.5, 1, "s"), (3570, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{round(seconds / unit_seconds)} {unit}"
    return f"{round(seconds / 86_400)} d"
