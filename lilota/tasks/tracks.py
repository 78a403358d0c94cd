"""How far a task is: what it reports itself, and what follows from the loops that it tracks.

A tracked loop costs a step two assignments. Nobody is told anything: whoever sends the news of a worker, some twenty
times per second, reads from here what there is to tell.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from lilota.tasks.limits import MESSAGE_LIMIT


class _Span:
    """A loop that is tracked, and the part of what encloses it that it stands for.

    Attributes:
        base: where it begins, and `share` how much it is, as parts of the step that encloses it.
        total: how many steps it has, or None if nobody knows.
        done: how many of them are done.
        filled: how much of the step `filled_at` inner loops have done that have ended.
    """

    __slots__ = ("base", "done", "filled", "filled_at", "message", "share", "total")

    def __init__(self, base: float, share: float, total: float | None, done: float, message: str | None) -> None:
        self.base = base
        self.share = share
        self.total = total
        self.done = done
        self.message = message
        self.filled = 0.0
        self.filled_at = done

    @property
    def of_step(self) -> float:
        """How much of the present step is done."""
        return self.filled if self.filled_at == self.done else 0.0

    @property
    def of_all(self) -> float:
        """How much of the loop is done, without the present step."""
        return min(self.done, self.total) / self.total if self.total else 0.0

    def fill(self, part: float) -> None:
        """An inner loop has done so much of the present step, with those before it."""
        self.filled, self.filled_at = min(part, 1.0), self.done


class News(NamedTuple):
    """What has changed since the last look; None is what has not."""

    percentage: float | None
    note_json: str | None


NO_NEWS: Final = News(None, None)


class Tracks:
    """The progress of one attempt: the loops that it is in, and what it said last."""

    def __init__(self) -> None:
        self._root = _Span(0.0, 1.0, 1, 0, None)
        self._spans: list[_Span] = [self._root]
        self._percentage: float | None = None
        self._step: float | None = None
        self._of: float | None = None
        self._from: float | None = None
        self._told = NO_NEWS

    def report(self, percentage: float | None, step: float | None, of: float | None, message: str | None) -> None:
        """Take what the task says itself; it stands until a tracked loop goes on.

        Raises:
            ValueError: it is no progress.
        """
        if percentage is None and step is not None and of:
            percentage = 100 * min(step, of) / of
        _check(percentage, step, of, message)
        self._percentage = self._percentage if percentage is None else float(percentage)
        self._step = self._step if step is None else step
        self._of = self._of if of is None else of
        self._spans[-1].message = self._spans[-1].message if message is None else message

    def each(self, items: Iterable[Any], total: float | None, message: str | None, share: float) -> Iterator[Any]:
        """Give the items one by one; who takes the next one has done the one before."""
        with self._span(items, total, message, share) as (span, first):
            for span.done, item in enumerate(items, first):
                yield item
            if span.total is not None:
                span.done = span.total

    async def each_async(
        self, items: AsyncIterable[Any], total: float | None, message: str | None, share: float
    ) -> AsyncIterator[Any]:
        """Do the same with an asynchronous source."""
        with self._span(items, total, message, share) as (span, _):
            async for item in items:
                yield item
                span.done += 1

    def news(self) -> News:
        """Return what has changed since the last call."""
        percentage = self._read_percentage()
        note_json = self._read_note()
        told, self._told = self._told, News(percentage, note_json)
        return News(
            None if percentage == told.percentage else percentage, None if note_json == told.note_json else note_json
        )

    @contextmanager
    def _span(
        self, items: object, total: float | None, message: str | None, share: float
    ) -> Iterator[tuple[_Span, int]]:
        length = len(items) if isinstance(items, Sized) else None
        total = length if total is None else total
        first = max(0, int(total) - length) if total is not None and length is not None else 0
        outer = self._spans[-1]
        base = outer.of_step
        span = _Span(base, min(share, 1.0 - base), total, first, message)
        if outer is self._root:
            self._percentage = self._step = self._of = None
        self._spans.append(span)
        if self._from is None:
            self._from = self._read_percentage()
        try:
            yield span, first
        finally:
            # Also those inside it that were left without an end.
            del self._spans[self._spans.index(span) :]
            outer.fill(span.base + span.share * span.of_all)
            if outer is self._root:
                self._step, self._of = (span.done, span.total) if span.total is not None else (None, None)
                self._root.message = message or self._root.message

    def _read_percentage(self) -> float | None:
        if self._percentage is not None:
            return self._percentage
        spans = tuple(self._spans)  # the task goes on meanwhile
        if len(spans) == 1 and not self._root.filled:
            return None
        low, width = 0.0, 1.0
        for span in spans:
            low += width * span.base
            width *= span.share
            low += width * span.of_all
            width /= span.total or 1
        return round(100 * min(1.0, low + width * spans[-1].of_step), 3)

    def _read_note(self) -> str | None:
        spans = tuple(self._spans)
        note: dict[str, object] = {}
        message = next((span.message for span in reversed(spans) if span.message), None)
        if message:
            # Half surrogate pairs can't be sent.
            note["message"] = message[:MESSAGE_LIMIT].encode(errors="backslashreplace").decode()
        counted = next((span for span in spans[1:] if span.total is not None), None)
        step, of = (self._step, self._of) if counted is None else (counted.done, counted.total)
        if step is not None:
            note["step"] = step
        if of is not None and (step is None or step <= of):
            note["of"] = of
        if self._from:
            note["from"] = self._from
        return json.dumps(note, ensure_ascii=False) if note else None


class TracksProgress:
    """What the attempts of tasks have in common that can be asked how far they are."""

    _tracks: Tracks | None = None

    @property
    def tracks(self) -> Tracks:
        """The progress, made when the task first tells of it."""
        if self._tracks is None:
            self._tracks = Tracks()
        return self._tracks

    def track(self, items: Any, total: float | None, message: str | None, share: float) -> Any:  # noqa: ANN401 - see `TaskContext.track`
        """Give the items one by one, and know by that how far the task is."""
        if total is not None:
            _check_number("total", total, smallest=0)
        _check_number("share", share, smallest=0, largest=1)
        if message is not None:
            _check_text(message)
        if isinstance(items, AsyncIterable):
            return self.tracks.each_async(items, total, message, share)
        return self.tracks.each(items, total, message, share)

    def report_progress(
        self, percentage: float | None, step: float | None, of: float | None, message: str | None
    ) -> None:
        """Take what the task says itself."""
        self.tracks.report(percentage, step, of, message)


def _check(percentage: float | None, step: float | None, of: float | None, message: str | None) -> None:
    if percentage is not None:
        _check_number("percentage", percentage, smallest=0, largest=100)
    if step is not None:
        _check_number("step", step, smallest=0)
    if of is not None:
        _check_number("of", of, smallest=0)
    if message is not None:
        _check_text(message)
    if percentage is None and step is None and of is None and message is None:
        raise ValueError("report_progress() was told nothing. Pass a percentage, step and of, a message, or several.")


def _check_number(name: str, value: float, *, smallest: float, largest: float = 1e15) -> None:
    # As a comparison that NaN does not pass.
    if isinstance(value, bool) or not isinstance(value, int | float) or not smallest <= value <= largest:
        limits = f"from {smallest} to {largest:g}" if largest < 1e15 else f"of at least {smallest}"
        raise ValueError(f"The {name} of a progress is a number {limits}, not {value!r:.100}.")


def _check_text(message: str) -> None:
    if not isinstance(message, str):
        raise TypeError(f"The message of a progress is a text, not {type(message).__name__}: {message!r:.100}.")
