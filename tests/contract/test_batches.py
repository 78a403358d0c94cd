"""The updates of a batch, put together attempt by attempt."""

from __future__ import annotations

import pytest

from lilota.contract import merge_updates, new_lines
from lilota.models import AttemptUpdate, LogLine, Note, Outcome, TaskState

SUCCESS = Outcome(state=TaskState.SUCCEEDED)
LINES = tuple(LogLine(at=1.0, text=text) for text in "abc")


def update(task_id=1, token=1, **fields):
    return AttemptUpdate(id=task_id, token=token, **fields)


def test_a_single_update_of_an_attempt_stays_as_it_is():
    """Most attempts have one; attempts come in the order in which they appear, and tokens tell them apart."""
    updates = [update(2, progress=1.0), update(1, token=7), update(1, token=8, outcome=SUCCESS)]

    assert merge_updates(updates) == (updates, ())


def test_the_last_value_of_each_field_stands():
    """A field that an update leaves out keeps what an earlier one said."""
    first = update(pid=7, started_at=1.5, progress=1.0, output_json="{}", log_lines=LINES[:1], log_offset=4)
    second = update(progress=0.0, max_lost_attempts=2, log_lines=LINES[1:], log_offset=5, outcome=SUCCESS)

    merged, _ = merge_updates([first, update(2), second])

    assert merged[0] == update(
        pid=7,
        started_at=1.5,
        progress=0.0,
        output_json="{}",
        max_lost_attempts=2,
        log_lines=LINES,
        log_offset=4,
        outcome=SUCCESS,
    )


def test_the_last_note_of_each_kind_and_name_stands():
    """In the order in which they came first; the other fields of long tasks are like those of all."""
    first, second, other = (Note(kind="file", name=name, value_json=value) for name, value in ("a1", "a2", "b1"))

    merged, _ = merge_updates(
        [
            update(notes=(first, other), checkpoint_json="1", progress_note_json="{}"),
            update(notes=(second,), checkpoint_json="2"),
        ]
    )

    assert merged == [update(notes=(second, other), checkpoint_json="2", progress_note_json="{}")]


def test_what_comes_behind_an_outcome_is_refused():
    """The attempt is over by then; what came before is written."""
    merged, refused = merge_updates([update(outcome=SUCCESS), update(progress=50.0), update(2)])

    assert merged == [update(outcome=SUCCESS), update(2)]
    assert refused == ((1, 1),)


def test_attempts_that_are_not_current_are_refused_once_each():
    """Whoever knows beforehand which may be written says so."""
    merged, refused = merge_updates([update(1, 1), update(1, 2), update(1, 1)], current={(1, 2)})

    assert merged == [update(1, 2)]
    assert refused == ((1, 1),)


@pytest.mark.parametrize(
    ("offset", "log_count", "expected"),
    [(None, 9, "abc"), (4, 4, "abc"), (4, 6, "c"), (4, 7, ""), (4, 99, ""), (4, 1, "abc")],
)
def test_lines_that_the_log_has_are_left_out(offset, log_count, expected):
    """As many of the first as the log is longer than their offset."""
    lines = new_lines(update(log_lines=LINES, log_offset=offset), log_count)

    assert "".join(line.text for line in lines) == expected


def test_lines_that_are_in_a_batch_twice_are_merged_once():
    """What was kept after a lost reply stands in front of what is new, and may overlap with it."""
    merged, _ = merge_updates([update(log_lines=LINES[:2], log_offset=0), update(log_lines=LINES[1:], log_offset=1)])

    assert merged == [update(log_lines=LINES, log_offset=0)]
