"""Schema versions: new files, old files, files of a newer lilota, many openers."""

from __future__ import annotations

import multiprocessing
import sqlite3
import time
from contextlib import closing

import pytest
from lilota_sqlite_store import SQLiteTaskStore
from lilota_sqlite_store.connection import connect, create_file
from lilota_sqlite_store.migrations import migrate
from lilota_sqlite_store.statements import load_migrations
from sqlite_processes import open_when_all_are_there

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import StoreVersionError
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState

NEWEST = load_migrations()[-1][0]

#: What the first lilota, which knows only the first schema, runs at each heartbeat.
HEARTBEAT_OF_SCHEMA_1 = (
    "INSERT OR REPLACE INTO runners (id, host, pid, lease_seconds, expires_at) VALUES (?, ?, ?, ?, ?)"
)
#: What a lilota runs that knows no headers: add, prune, and what `find` reads.
ADD_OF_SCHEMA_2 = (
    "INSERT INTO tasks (id, lane, state, priority, run_at, created_at, max_lost_attempts, description, input) "
    "VALUES (?, 1, 2, 0, 5.0, 5.0, 3, 'old', '{}')"
)
PRUNE_OF_SCHEMA_2 = "DELETE FROM tasks WHERE id IN (SELECT value FROM json_each(?))"
COLUMNS_OF_SCHEMA_2 = 21


@pytest.fixture
def connection(path):
    create_file(path)
    with closing(connect(path)) as connection:
        yield connection


def set_meta(path, **values):
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany("UPDATE meta SET value = ? WHERE key = ?", [(v, k) for k, v in values.items()])
        connection.commit()


def schema_version(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()[0]


def test_numbers_of_migrations_have_no_gaps():
    """They count from 1."""
    assert [number for number, _ in load_migrations()] == list(range(1, NEWEST + 1))


def test_new_file_gets_the_newest_schema(store, path):
    """All migrations are applied, and the file is marked as lilota's."""
    assert schema_version(path) == NEWEST


def test_opening_again_changes_nothing(store, path):
    """What is stored stays."""
    ids = store.add([NewTask(name="task")] * 3)
    store.close()

    again = SQLiteTaskStore(path)
    again.open()

    assert [info.id for info in again.get_all_tasks()] == ids
    again.close()


def test_failed_migration_leaves_no_trace(connection, path):
    """Each is one transaction: the next try starts where the last good one ended."""
    steps = [*load_migrations(), (NEWEST + 1, ["CREATE TABLE extra (x)", "INSERT INTO nowhere VALUES (1)"])]

    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(connection, path, steps)

    assert schema_version(path) == NEWEST
    assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'extra'").fetchone() == (0,)


def test_missing_migrations_are_applied_in_order(connection, path):
    """A file of an older version is brought forward."""
    migrate(connection, path)
    steps = [
        *load_migrations(),
        (NEWEST + 1, ["CREATE TABLE extra (x)"]),
        (NEWEST + 2, ["INSERT INTO extra VALUES (1)"]),
    ]

    migrate(connection, path, steps)

    assert schema_version(path) == NEWEST + 2
    assert connection.execute("SELECT x FROM extra").fetchall() == [(1,)]


def test_file_of_the_first_schema_is_brought_forward_with_its_tasks_and_runners(connection, path):
    """Whoever upgrades finds everything, and a runner of before goes on claiming."""
    migrate(connection, path, load_migrations()[:1])
    connection.execute("INSERT INTO lanes (id, queue, name, ready) VALUES (1, 'default', 'task', 1)")
    connection.execute(
        "INSERT INTO tasks (id, lane, state, priority, run_at, created_at, max_lost_attempts, description, input) "
        "VALUES (7, 1, 2, 0, 5.0, 5.0, 3, 'old', '{}')"
    )
    connection.execute(HEARTBEAT_OF_SCHEMA_1, ("old", "host", 12, 60.0, time.time() + 60))
    store = SQLiteTaskStore(path)

    (claim,) = store.claim(ClaimRequest(runner_id="old", names=("task",))).claims

    assert schema_version(path) == NEWEST
    assert (claim.id, store.get(7).description) == (7, "old")
    assert [(runner.id, runner.pid) for runner in store.runners()] == [("old", 12)]
    store.close()


@pytest.mark.parametrize("schema", range(1, NEWEST))
def test_what_waits_in_a_file_of_an_older_schema_runs(connection, path, schema):
    """Whoever upgrades goes on with the tasks that are there, and may let headers travel with the next ones."""
    migrate(connection, path, load_migrations()[:schema])
    connection.execute("INSERT INTO lanes (id, queue, name, ready) VALUES (1, 'default', 'task', 2)")
    connection.executemany(ADD_OF_SCHEMA_2, [(1,), (2,)])
    connection.execute("UPDATE meta SET value = 2 WHERE key = 'last_task_id'")
    store = SQLiteTaskStore(path)
    runner = RunnerInfo(id="runner")
    store.heartbeat(runner)
    store.add([NewTask(name="task", headers_json='{"n":3}')])

    claims = store.claim(ClaimRequest(runner_id=runner.id, names=("task",), limit=10)).claims
    store.commit([AttemptUpdate(id=c.id, token=c.token, outcome=Outcome(state=TaskState.SUCCEEDED)) for c in claims])

    assert [(claim.id, claim.created_at) for claim in claims[:2]] == [(1, 5.0), (2, 5.0)]
    assert [(info.state, info.headers_json) for info in store.get_all_tasks()] == [
        (TaskState.SUCCEEDED, None),
        (TaskState.SUCCEEDED, None),
        (TaskState.SUCCEEDED, '{"n":3}'),
    ]
    store.close()


def test_older_lilota_that_has_the_file_open_goes_on_after_the_migration(connection, path):
    """It adds, reads and prunes as before; of headers that it prunes with their task nothing is left."""
    migrate(connection, path, load_migrations()[:2])
    connection.execute("INSERT INTO lanes (id, queue, name, ready) VALUES (1, 'default', 'task', 1)")
    connection.execute(ADD_OF_SCHEMA_2, (7,))
    before = connection.execute("SELECT * FROM task_details").fetchall()
    store = SQLiteTaskStore(path)
    (with_headers,) = store.add([NewTask(name="task", headers_json='{"x":"' + "h" * 3000 + '"}')])

    connection.execute(ADD_OF_SCHEMA_2, (8,))
    after = connection.execute("SELECT * FROM task_details WHERE id = 7").fetchall()
    connection.execute(PRUNE_OF_SCHEMA_2, (f"[{with_headers}]",))

    assert [row[:COLUMNS_OF_SCHEMA_2] for row in after] == before
    assert store.get(8).headers_json is None
    assert connection.execute("SELECT count(*) FROM large_headers").fetchone() == (0,)
    store.close()


def test_old_runner_beside_a_new_one_is_listed_too(store, path):
    """It does not write when it started; the end of its lease tells when it was last heard of."""
    now = time.time()
    store.heartbeat(RunnerInfo(id="new", lease_seconds=60))
    with closing(sqlite3.connect(path)) as old:
        for _ in range(2):
            old.execute(HEARTBEAT_OF_SCHEMA_1, ("old", "host", 12, 60.0, now + 60))
        old.commit()

    old_runner = next(runner for runner in store.runners() if runner.id == "old")

    assert abs(old_runner.heartbeat_at.timestamp() - now) < 0.001
    assert old_runner.started_at == old_runner.heartbeat_at
    assert not old_runner.has_expired


def test_old_runner_can_renew_the_lease_that_a_new_one_took(store, path):
    """Both write the same row, whoever comes last."""
    store.heartbeat(RunnerInfo(id="runner", lease_seconds=0))
    with closing(sqlite3.connect(path)) as old:
        old.execute(HEARTBEAT_OF_SCHEMA_1, ("runner", "host", 12, 60.0, time.time() + 60))
        old.commit()

    assert store.heartbeat(RunnerInfo(id="runner", lease_seconds=60)) is True
    assert store.rescue() == []


def test_newer_schema_that_this_version_can_read_is_used(store, path):
    """`min_reader` says that old code still understands the new schema."""
    store.close()
    set_meta(path, schema_version=NEWEST + 5, min_reader=NEWEST)

    store.add([NewTask(name="task")])

    assert schema_version(path) == NEWEST + 5


def test_newer_schema_that_this_version_can_not_read_is_refused(store, path):
    """Nothing is read or written; the message names the remedy."""
    store.close()
    set_meta(path, schema_version=NEWEST + 5, min_reader=NEWEST + 1)

    with pytest.raises(StoreVersionError, match=f"needs a lilota that knows at least version {NEWEST + 1}.*Upgrade"):
        store.add([NewTask(name="task")])


def test_eight_processes_can_create_the_same_file(path):
    """One creates, all go on, each with an id of its own."""
    context = multiprocessing.get_context("forkserver")
    barrier, answers = context.Barrier(8), context.Queue()
    openers = [
        context.Process(target=open_when_all_are_there, args=(path, barrier, answers), daemon=True) for _ in range(8)
    ]
    for opener in openers:
        opener.start()
    ids = [task_id for _ in openers for task_id in answers.get(timeout=60)]
    for opener in openers:
        opener.join()

    assert sorted(ids) == list(range(1, 9))
