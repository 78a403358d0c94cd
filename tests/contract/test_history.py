"""What is on record of an attempt is believed only where it can be shown."""

from __future__ import annotations

import msgspec
import pytest

from lilota.contract import AttemptRecord
from lilota.contract.history import attempt_note, told_attempt
from lilota.contract.noted import attempts_on_record
from lilota.models import Note

WHOLE = AttemptRecord(token=2, attempt=2, outcome="failed", started_at=1.5e9, ended_at=1.6e9, progress=50.0)


def damaged(**fields):
    """Return the note of the attempt as it is after somebody wrote into the store."""
    value = {**msgspec.json.decode(attempt_note(WHOLE).value_json), **fields}
    return Note(kind="attempt", name="02", value_json=msgspec.json.encode(value).decode(), attempt=2)


class Reader:
    """As much of a store as reads notes."""

    def __init__(self, *notes):
        self.kept = notes

    def notes(self, task_id, kind, after, limit):
        return list(self.kept)


@pytest.mark.parametrize(
    "fields",
    [{"started_at": 1e300}, {"ended_at": -1e300}, {"progress": 1000.0}, {"outcome": "eaten"}, {"attempt": "two"}],
    ids=lambda fields: next(iter(fields)),
)
def test_a_damaged_record_of_an_attempt_is_refused_and_hides_no_other(fields):
    """An instant that no calendar has would fail wherever it is shown: in `lilota show`, in Django's admin."""
    with pytest.raises(msgspec.ValidationError):
        told_attempt(damaged(**fields))

    assert list(attempts_on_record(Reader(damaged(**fields), attempt_note(WHOLE)), 1)) == [WHOLE]
