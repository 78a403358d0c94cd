"""Charts as SVG, drawn here: no script, no style in them but classes, and every number as a text.

A page puts them in as they are: whatever comes from strangers is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

from lilota.texts.words import duration
from lilota_dashboard.data.records.history import Bar, Series
from lilota_dashboard.data.records.task import AttemptRow

_WIDTH: Final = 600
_HEIGHT: Final = 96
#: Below the bars stands when they begin and end; above them, how many the longest stands for.
_TOP: Final = 14
_BOTTOM: Final = 16
_STATES: Final = ("failed", "cancelled", "succeeded")
#: The height of a line of the timeline, if all of them have room.
_ROW: Final = 22
_TALLEST: Final = 10 * _ROW
_ATTEMPTS: Final = 60


def bars(series: Series, name: str) -> str:
    """Return a bar for each stretch of time, the failed ones at the foot; what nobody has counted is hatched.

    Args:
        name: a word for the ids in it, unique in the page.
    """
    title, told = escape(series.title), escape(_told(series))
    longest = max((bar.total for bar in series.bars), default=0)
    width = _WIDTH / max(1, len(series.bars))
    drawn = "".join(_bar(bar, number * width, width, longest) for number, bar in enumerate(series.bars))
    return (
        f'<svg class="chart bars" role="img" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'aria-labelledby="{name}-title {name}-told"><title id="{name}-title">{title}</title>'
        f'<desc id="{name}-told">{told}</desc>{drawn}{_axis(series, longest)}</svg>'
    )


def timeline(attempts: Sequence[AttemptRow], name: str) -> str:
    """Return a line for each attempt that has begun, from its start to its end, the newest 60; "" if there is none."""
    shown = [each for each in attempts if each.started_at is not None][-_ATTEMPTS:]
    if not shown:
        return ""
    first = min(_start(each) for each in shown)
    last = max(_end(each) for each in shown)
    seconds = max((last - first).total_seconds(), 0.001)
    row = min(_ROW, _TALLEST / len(shown))
    height = round(row * len(shown))
    drawn = "".join(_attempt(each, number * row, row, first, seconds) for number, each in enumerate(shown))
    told = "; ".join(_attempt_told(each) for each in shown)
    return (
        f'<svg class="chart timeline" role="img" viewBox="0 0 {_WIDTH} {height}" '
        f'aria-labelledby="{name}-title {name}-told"><title id="{name}-title">The attempts, over '
        f'{escape(duration(seconds))}</title><desc id="{name}-told">{escape(told)}</desc>{drawn}</svg>'
    )


def _told(series: Series) -> str:
    """Say in a sentence what the bars show."""
    if not series.bars:
        return "Nothing is known."
    known = [bar for bar in series.bars if bar.is_known]
    if not known:
        return "More has ended than can be counted quickly."
    numbers = f"{series.succeeded:,} succeeded, {series.failed:,} failed, {series.cancelled:,} cancelled"
    if not series.is_cut:
        return f"{numbers}."
    unknown = "" if len(known) == len(series.bars) else f"; before {_clock(known[0].at)}, nobody has counted"
    return f"At least {numbers}{unknown}."


def _bar(bar: Bar, x: float, width: float, longest: int) -> str:
    inner = max(width - 1, 1)
    title = f"<title>{escape(_bar_told(bar))}</title>"
    room = _HEIGHT - _TOP - _BOTTOM
    if not bar.is_known:
        return f'<g class="bar">{title}{_box("unknown", x, _TOP, inner, room)}</g>'
    parts, foot = [], float(_HEIGHT - _BOTTOM)
    for state in _STATES:
        number = getattr(bar, state)
        # One failure among thousands is what somebody looks for: it is seen.
        height = max(room * number / longest, 2.0) if number else 0.0
        foot -= height
        parts.append(_box(state, x, foot, inner, height) if number else "")
    # What is pointed at is all of the column, however low the bar is.
    return f'<g class="bar">{title}{_box("column", x, _TOP, inner, room)}{"".join(parts)}</g>'


def _bar_told(bar: Bar) -> str:
    if not bar.is_known:
        return f"{_clock(bar.at)}: not counted"
    said = [f"{getattr(bar, state):,} {state}" for state in reversed(_STATES) if getattr(bar, state)]
    return f"{_clock(bar.at)}: {'at least ' if bar.is_at_least else ''}{', '.join(said) or 'nothing ended'}"


def _axis(series: Series, longest: int) -> str:
    if not series.bars:
        return ""
    first, last = _clock(series.bars[0].at), _clock(series.bars[-1].at)
    foot = _HEIGHT - 4
    return (
        f'<text class="axis" x="0" y="10">{longest:,}</text>'
        f'<text class="axis" x="0" y="{foot}">{first}</text>'
        f'<text class="axis end" x="{_WIDTH}" y="{foot}" text-anchor="end">{last} UTC</text>'
    )


def _box(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"/>'


def _attempt(attempt: AttemptRow, y: float, height: float, first: datetime, seconds: float) -> str:
    x = _WIDTH * (_start(attempt) - first).total_seconds() / seconds
    width = max(_WIDTH * (_end(attempt) - _start(attempt)).total_seconds() / seconds, 2)
    title = f"<title>{escape(_attempt_told(attempt))}</title>"
    box = _box(escape(attempt.outcome), min(x, _WIDTH - 2), y + height / 5, width, height * 3 / 5)
    return f'<g class="attempt">{title}{box}</g>'


def _attempt_told(attempt: AttemptRow) -> str:
    took = "" if attempt.took_seconds is None else f" after {duration(attempt.took_seconds)}"
    error = f": {attempt.error.type}" if attempt.error else ""
    return f"Attempt {attempt.attempt} {attempt.outcome}{took}{error}"


def _start(attempt: AttemptRow) -> datetime:
    return attempt.started_at or datetime.now(UTC)


def _end(attempt: AttemptRow) -> datetime:
    """Return when it ended; the clocks of two machines may differ, and no line is drawn backwards."""
    return max(attempt.ended_at or datetime.now(UTC), _start(attempt))


def _clock(instant: datetime) -> str:
    return f"{instant:%H:%M}"
