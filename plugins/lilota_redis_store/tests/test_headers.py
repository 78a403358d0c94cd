"""Headers in the record of a task: those who do not know them lose none, and who has none pays nothing."""

from __future__ import annotations

import msgspec
import pytest
from lilota_redis_store.records import Record

from lilota.models import NewTask

NEW_FIELDS = {"headers_json", "run_at_rest", "owner", "progress_note_json", "checkpoint_json", "has_notes"}
#: A record as a lilota reads it that knows no headers.
RecordOfBefore = msgspec.defstruct(
    "RecordOfBefore",
    [(name, Record.__annotations__[name]) for name in Record.__struct_fields__ if name not in NEW_FIELDS],
    array_like=True,
    namespace={"__module__": Record.__module__},
)


@pytest.fixture
def records(store, url, client_of):
    """The records of a task without headers and of one with them, as they are stored."""
    ids = store.add([NewTask(name="task"), NewTask(name="task", headers_json='{"n":1}')])
    return client_of(url).hmget(f"{store._database.prefix}tasks:0", ids)


def test_a_record_without_headers_has_no_place_for_them(records):
    """It is as long as before; a record that an older lilota wrote is the same."""
    assert [len(msgspec.msgpack.decode(record)) for record in records] == [19, 20]


def test_a_lilota_that_knows_no_headers_reads_the_rest(records):
    """A runner of before goes on beside new ones; its scripts write back what they have read, all places of it."""
    without, with_headers = (msgspec.msgpack.decode(record, type=RecordOfBefore) for record in records)

    assert without == with_headers
