"""What a batch of updates says of each attempt: the rule by which several updates of one attempt become one.

For stores, most of which write a row once per attempt, and not once per update.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Final

from lilota.models import AttemptUpdate, Fence, LogLine, Note

#: What an update may report of its attempt, beside lines and the outcome.
_REPORTS: Final = (
    "pid", "started_at", "progress", "progress_note_json", "output_json", "checkpoint_json", "max_lost_attempts",
)  # fmt: skip


def merge_updates(
    updates: Iterable[AttemptUpdate], current: Container[Fence] | None = None
) -> tuple[list[AttemptUpdate], tuple[Fence, ...]]:
    """Put the updates of each attempt together, in the order in which the attempts appear.

    Args:
        current: the attempts that may be written, where that is known before.

    Returns:
        One update for each attempt that may be written, and the attempts of which something is refused: they are not
        current, or an update comes behind the outcome.
    """
    groups: dict[Fence, list[AttemptUpdate]] = {}
    refused: dict[Fence, None] = {}
    for update in updates:
        fence = update.fence
        group = groups.get(fence)
        if group is None and (current is None or fence in current):
            groups[fence] = [update]
        elif group is not None and group[-1].outcome is None:
            group.append(update)
        else:
            refused[fence] = None
    return [group[0] if len(group) == 1 else _merged(group) for group in groups.values()], tuple(refused)


def new_lines(update: AttemptUpdate, log_count: int) -> tuple[LogLine, ...]:
    """Return those lines of an update that are not in the log yet, which has `log_count` lines."""
    if update.log_offset is None:
        return update.log_lines
    return update.log_lines[max(0, log_count - update.log_offset) :]


def _merged(group: Sequence[AttemptUpdate]) -> AttemptUpdate:
    """Return what a group says: of each field the last value that is not None, and the lines one after the other."""
    news = {
        field: getattr(update, field) for update in group for field in _REPORTS if getattr(update, field) is not None
    }
    log_lines, log_offset = _merged_lines([update for update in group if update.log_lines])
    last = group[-1]
    return AttemptUpdate(
        id=last.id,
        token=last.token,
        log_lines=log_lines,
        log_offset=log_offset,
        outcome=last.outcome,
        notes=newest_notes(note for update in group for note in update.notes),
        **news,
    )


def newest_notes(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Return the last of the notes of each kind and name."""
    return tuple({(note.kind, note.name): note for note in notes}.values())


def _merged_lines(group: Sequence[AttemptUpdate]) -> tuple[tuple[LogLine, ...], int | None]:
    """Return the lines of updates, and their offset. What was kept after a lost reply may overlap with what is new."""
    if not group:
        return (), None
    offset = group[0].log_offset
    lines: list[LogLine] = []
    for update in group:
        lines += new_lines(update, (offset or 0) + len(lines))
    return tuple(lines), offset
