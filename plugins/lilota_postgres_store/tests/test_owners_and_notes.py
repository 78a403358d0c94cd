"""Owners, checkpoints and notes: who has none pays nothing for them, and nobody comes between a note and its fence."""

from __future__ import annotations

import threading

import psycopg
import pytest
from lilota_postgres_store.attempts import Batch
from lilota_postgres_store.runners import _taken_back
from lilota_postgres_store.statements import Statements
from postgres_waiting import wait_until_blocked

from lilota.contract import ClaimRequest, Committed, RunnerInfo, StoredTask, TaskQuery
from lilota.contract.history import told_attempt
from lilota.models import AttemptUpdate, NewTask, Note, Outcome, TaskState

TASK = NewTask(name="task")
OWNED = NewTask(name="task", owner="user-1")
NOTE = Note(kind="file", name="a", value_json="{}")


def claim(store, runner="runner"):
    store.heartbeat(RunnerInfo(id=runner))
    return store.claim(ClaimRequest(runner_id=runner, names=("task",), limit=10)).claims


def report(task, **news):
    return AttemptUpdate(id=task.id, token=task.token, **news)


@pytest.fixture
def relation(store):
    """Return the name of one of the store's tables, for statements of the test's own."""
    return lambda name: f"{store.address.schema}.lilota_{name}"


def test_tasks_with_an_owner_have_rows_of_their_own(store, connection, relation):
    """A bundle has no place for owners, and the tasks of an owner are found in one table."""
    plain = store.add([TASK] * 3)
    owned = store.add([OWNED] * 3)

    bundles = connection.execute(f"SELECT first_id, size FROM {relation('bundles')}").fetchall()

    assert bundles == [(plain[0], 3)]
    assert [info.id for info in store.find(TaskQuery(owner="user-1", newest_first=False))] == owned


def test_plain_tasks_leave_notes_and_owners_alone(store, connection, relation):
    """From their addition to their end, they touch neither the table of notes nor the index of owners."""
    store.open()
    connection.execute(f"LOCK TABLE {relation('notes')} IN ACCESS EXCLUSIVE MODE")
    store.add([TASK] * 2)
    store.add([NewTask(name="task", priority=1)])
    first, *others = claim(store)
    store.commit([report(first, progress=5.0, checkpoint_json="1", progress_note_json="{}")])
    outcome = Outcome(state=TaskState.SUCCEEDED)

    store.commit([report(task, outcome=outcome) for task in (first, *others)])

    assert {info.state for info in store.get_all_tasks()} == {TaskState.SUCCEEDED}
    # An index that never had an entry has a single page.
    size = connection.execute("SELECT pg_relation_size(%s::regclass)", [relation("tasks_by_owner")]).fetchone()
    assert size == (8192,)


@pytest.mark.parametrize("task", [NewTask(name="task", priority=1), OWNED], ids=["plain", "owned"])
@pytest.mark.parametrize("news", [{"progress": 5.0}, {"checkpoint_json": "1", "progress_note_json": "{}"}])
def test_a_report_writes_no_index(store, connection, relation, task, news):
    """The new version of the row stays on its page (a HOT update), whoever owns the task."""
    store.add([task])
    (held,) = claim(store)
    ((statement, parameters),) = Batch([report(held, **news)]).steps()

    connection.execute(Statements(store.address.schema, store.address.table_prefix)[statement], parameters)

    columns = "n_tup_upd, n_tup_hot_upd"
    updated = f"SELECT {columns} FROM pg_stat_xact_user_tables WHERE relid = %s::regclass"
    assert connection.execute(updated, [relation("tasks")]).fetchone() == (1, 1)


def test_a_note_waits_for_a_rescue_and_is_refused_then(store, connection):
    """What it saw when it began is no longer so when it may write."""
    store.add([TASK])
    (held,) = claim(store)
    statements = Statements(store.address.schema, store.address.table_prefix)
    connection.execute(statements["take_back"], _taken_back([("runner", "host", 1)], lost="1"))
    answers = []
    late = threading.Thread(target=lambda: answers.append(store.commit([report(held, notes=(NOTE,))])))
    late.start()
    wait_until_blocked(connection)

    connection.commit()
    late.join()

    assert answers == [Committed(refused=((held.id, held.token),))]
    assert store.notes(held.id) == []


def test_notes_come_with_a_claim_in_one_transaction(store):
    """The answers are told apart."""
    store.add([TASK] * 2)
    store.heartbeat(RunnerInfo(id="runner"))
    request = ClaimRequest(runner_id="runner", names=("task",), limit=1)
    (first,) = store.claim(request).claims
    succeeded = Outcome(state=TaskState.SUCCEEDED)
    stale = AttemptUpdate(id=first.id, token=first.token - 1, notes=(NOTE,))

    committed = store.commit([report(first, notes=(NOTE,), outcome=succeeded), stale], request)

    assert committed.refused == (stale.fence,)
    assert [task.id for task in committed.claimed.claims] == [first.id + 1]
    assert store.notes(first.id) == [NOTE]


def test_owners_and_runners_are_known_by_any_text(store):
    """Also by one that PostgreSQL can't keep."""
    owner, runner = "a\0b\x1a0", "run\0ner"
    (task_id,) = store.add([NewTask(name="task", owner=owner)])
    (held,) = claim(store, runner)
    with psycopg.connect(store.address.conninfo, autocommit=True) as connection:
        connection.execute(f"UPDATE {store.address.schema}.lilota_runners SET expires_at = now()")

    assert store.rescue() == [task_id]

    record = told_attempt(store.notes(task_id)[0])
    assert (record.runner_id, held.owner, store.get(task_id).owner) == (runner, owner, owner)
    assert runner in record.error.message
    assert [info.id for info in store.find(TaskQuery(owner=owner))] == [task_id]
    assert [row.count for row in store.counts(owner)] == [1]
    store.cancel(task_id)
    copied = StoredTask(info=store.get(task_id), notes=tuple(store.notes(task_id)))
    store.prune(0)
    store.restore([copied])
    assert (store.get(task_id), *store.notes(task_id)) == (copied.info, *copied.notes)
