"""How the attempts of a task went: a table, the oldest first, with the traceback of each folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from django.utils.html import format_html, format_html_join

from lilota.contract import AttemptRecord
from lilota.texts.safe import safe, safe_lines
from lilota.texts.words import duration, size
from lilota_django.instants import instant_words

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from lilota.models import TaskError

#: Of each traceback, so many characters from its end are shown, where it says what went wrong: there may be 50 of them.
_TRACEBACK: Final = 8_000
_WORDS: Final = 1_000
_MEGABYTE: Final = 1_000_000
_COLUMNS: Final = (
    "number",
    "ended",
    "progress",
    "from",
    "to",
    "memory",
    "CPU",
    "runner",
    "node",
    "process",
    "error",
)


def attempts_table(attempts: Sequence[AttemptRecord]) -> SafeString | None:
    """Return a row for each attempt, or None if there are none."""
    if not attempts:
        return None
    head = format_html_join("", '<th scope="col">{}</th>', ((title,) for title in _COLUMNS))
    rows = format_html_join("", "<tr>{}</tr>", ((_row(record),) for record in attempts))
    return format_html(
        '<div style="overflow-x: auto"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>', head, rows
    )


def _row(record: AttemptRecord) -> SafeString:
    return format_html_join("", "<td>{}</td>", ((cell,) for cell in _cells(record)))


def _cells(record: AttemptRecord) -> Iterator[object]:
    yield record.attempt
    yield record.outcome
    yield f"{100 if record.outcome == 'succeeded' else int(record.progress)} %"
    yield _at(record.started_at)
    yield _at(record.ended_at)
    yield "" if record.peak_memory_mb is None else size(record.peak_memory_mb * _MEGABYTE)
    yield "" if record.cpu_seconds is None else duration(record.cpu_seconds)
    yield safe(record.runner_id or "")
    yield safe(record.host)
    yield record.pid or ""
    yield "" if record.error is None else _error(record.error)


def _at(seconds: float | None) -> str:
    return "" if seconds is None else instant_words(datetime.fromtimestamp(seconds, UTC))


def _error(error: TaskError) -> SafeString:
    words = safe(f"{error.type}: {error.message}")[:_WORDS]
    if not error.traceback:
        return format_html("{}", words)
    lines = "\n".join(safe_lines(error.traceback))
    cut = f"... ({len(lines) - _TRACEBACK:,} characters before)\n" if len(lines) > _TRACEBACK else ""
    return format_html("<details><summary>{}</summary><pre>{}{}</pre></details>", words, cut, lines[-_TRACEBACK:])
