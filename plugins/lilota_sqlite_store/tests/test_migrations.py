"""Schema versions: new files, old files, files of a newer lilota, many openers."""

from __future__ import annotations

import multiprocessing
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest
from lilota_sqlite_store import SQLiteTaskStore
from lilota_sqlite_store.connection import connect, create_file
from lilota_sqlite_store.migrations import migrate
from lilota_sqlite_store.statements import load_migrations
from sqlite_processes import open_when_all_are_there

from lilota.contract import ClaimRequest, RunnerInfo, TaskQuery
from lilota.errors import StoreUnavailableError, StoreVersionError
from lilota.models import AttemptUpdate, NewTask, Note, Outcome, TaskState

NEWEST = load_migrations()[-1][0]

#: What the first lilota, which knows only the first schema, runs at each heartbeat.
HEARTBEAT_OF_SCHEMA_1 = (
    "INSERT OR REPLACE INTO runners (id, host, pid, lease_seconds, expires_at) VALUES (?, ?, ?, ?, ?)"
)
#: How a lilota adds that knows no headers.
ADD_OF_SCHEMA_2 = (
    "INSERT INTO tasks (id, lane, state, priority, run_at, created_at, max_lost_attempts, description, input) "
    "VALUES (?, 1, 2, 0, 5.0, 5.0, 3, 'old', '{}')"
)


@pytest.fixture
def connection(path):
    create_file(path)
    with closing(connect(path)) as connection:
        yield connection


def set_meta(path, **values):
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany("UPDATE meta SET value = ? WHERE key = ?", [(v, k) for k, v in values.items()])
        connection.commit()


def execute(path, statement):
    """Change the file behind the store's back; what names a table that is renamed is left as it is."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA legacy_alter_table=ON")
        connection.execute(statement)
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


def test_file_of_the_first_schema_is_brought_forward_with_its_tasks(connection, path):
    """Whoever upgrades finds everything; what a dead runner of before held is taken back."""
    migrate(connection, path, load_migrations()[:1])
    connection.execute("INSERT INTO lanes (id, queue, name, ready, running) VALUES (1, 'default', 'task', 1, 1)")
    connection.executemany(ADD_OF_SCHEMA_2, [(7,), (8,)])
    connection.execute("UPDATE tasks SET state = 3, runner = 'old', attempt = 1, token = 1 WHERE id = 8")
    connection.execute(HEARTBEAT_OF_SCHEMA_1, ("old", "host", 12, 60.0, time.time() - 1))
    store = SQLiteTaskStore(path)

    before = [(runner.id, runner.pid, runner.has_expired) for runner in store.runners()]
    rescued = store.rescue()

    assert schema_version(path) == NEWEST
    assert (before, rescued, store.runners()) == ([("old", 12, True)], [8], [])
    assert [(info.id, info.description, info.run_at.timestamp()) for info in store.find(TaskQuery(ids=(7,)))] == [
        (7, "old", 5.0)
    ]
    store.close()


def test_file_of_the_fifth_schema_runs_on_with_owners_checkpoints_and_notes(connection, path):
    """And a program of before, which has it open, goes on: its statements mean the same."""
    migrate(connection, path, load_migrations()[:5])
    connection.execute("INSERT INTO lanes (id, queue, name, ready) VALUES (1, 'default', 'task', 2)")
    connection.executemany(ADD_OF_SCHEMA_2, [(7,), (8,)])
    store = SQLiteTaskStore(path)
    store.heartbeat(RunnerInfo(id="new"))

    (claim,) = store.claim(ClaimRequest(runner_id="new", names=("task",))).claims
    note = Note(kind="file", name="a", value_json="{}")
    store.commit([AttemptUpdate(id=claim.id, token=claim.token, checkpoint_json="1", notes=(note,))])
    connection.execute(
        "UPDATE tasks SET state = 3, attempt = attempt + 1, token = token + 1, runner = 'old' WHERE id = 8"
    )
    old = connection.execute("SELECT * FROM task_details WHERE id = 8").fetchone()

    assert schema_version(path) == NEWEST
    assert (store.get(claim.id).checkpoint_json, store.notes(claim.id)) == ("1", [note])
    assert (store.get(8).owner, store.get(8).runner_id) == (None, "old")
    assert old[:3] == (8, "task", "old")
    store.close()


def test_file_is_not_taken_away_from_runners_that_could_not_go_on(connection, path):
    """Whoever only looks, with a newer lilota, must not cost them their tasks; the error names them and the remedy."""
    migrate(connection, path, load_migrations()[:3])
    connection.execute(HEARTBEAT_OF_SCHEMA_1, ("old", "shop", 12, 60.0, time.time() + 60))
    store = SQLiteTaskStore(path)

    with pytest.raises(StoreVersionError, match=r"runners of an older lilota.*: process 12 on shop. Stop them; then"):
        store.counts()

    assert schema_version(path) == 3
    connection.execute("DELETE FROM runners")
    assert store.counts() == []
    store.close()


def test_older_lilota_that_has_the_file_open_can_not_write_what_would_be_misread(connection, path):
    """It counts in seconds; strict tables refuse them, so that nothing is half right."""
    migrate(connection, path, load_migrations()[:3])
    store = SQLiteTaskStore(path)
    store.open()

    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(ADD_OF_SCHEMA_2.replace("5.0", "5.5"), (7,))

    store.close()


def test_values_that_are_none_of_their_column_become_some(connection, path):
    """Before tables were strict, a shell could put a text where a number belongs, and hide all tasks of a page."""
    migrate(connection, path, load_migrations()[:3])
    connection.execute("INSERT INTO lanes (id, queue, name, ready) VALUES (1, 'default', 'task', 3)")
    connection.executemany(ADD_OF_SCHEMA_2, [(1,), (2,), (3,)])
    connection.execute("UPDATE tasks SET created_at = 'yesterday', priority = 'high', description = x'41' WHERE id = 1")
    connection.execute("UPDATE tasks SET run_at = 253402300800.0, created_at = 1700000000.123456 WHERE id = 2")
    store = SQLiteTaskStore(path)

    bad, far, good = store.get_all_tasks()

    assert (bad.created_at.timestamp(), bad.priority, bad.description) == (0, 0, "A")
    assert far.run_at == datetime.max.replace(tzinfo=UTC)
    assert far.created_at == datetime.fromtimestamp(1700000000, UTC).replace(microsecond=123456)
    assert good.run_at.timestamp() == 5.0
    store.close()


def test_all_tables_are_strict_but_those_of_long_texts(store, path):
    """SQLite itself refuses what is no number, from every program."""
    with closing(sqlite3.connect(path)) as other:
        strict = {
            name: bool(is_strict)
            for _, name, kind, _, _, is_strict in other.execute("PRAGMA table_list")
            if kind == "table"
        }

    loose = {name for name, is_strict in strict.items() if not is_strict}
    assert loose == {"sqlite_schema", "sqlite_temp_schema", "large_inputs", "large_outputs", "large_headers"}


@pytest.mark.parametrize("schema", range(1, NEWEST))
def test_what_waits_in_a_file_of_an_older_schema_runs(connection, path, schema):
    """Whoever upgrades goes on with the tasks that are there, and may let headers travel with the next ones."""
    migrate(connection, path, load_migrations()[:schema])
    connection.execute("INSERT INTO lanes (id, queue, name, ready) VALUES (1, 'default', 'task', 2)")
    connection.executemany(ADD_OF_SCHEMA_2, [(1,), (2,)])
    if schema >= 4:  # whole microseconds
        connection.execute("UPDATE tasks SET created_at = created_at * 1000000, run_at = run_at * 1000000")
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


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE tasks RENAME TO tasks_of_a_newer_lilota",
        "ALTER TABLE tasks RENAME COLUMN description TO title",
    ],
)
def test_who_has_the_file_open_is_told_of_the_newer_lilota_that_changed_it(store, path, change):
    """By the first call that does not find what it knows, and not of a table or a column that is missing."""
    store.add([NewTask(name="task")])
    execute(path, change)
    set_meta(path, schema_version=NEWEST + 5, min_reader=NEWEST + 1)

    for _ in range(2):
        with pytest.raises(StoreVersionError, match=f"knows at least version {NEWEST + 1}.*Upgrade"):
            store.add([NewTask(name="task")])


def test_who_has_the_file_open_is_told_of_a_table_that_has_gone(store, path):
    """With the remedy; once it is back, all goes on."""
    ids = store.add([NewTask(name="task")])
    execute(path, "ALTER TABLE tasks RENAME TO mislaid")
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match=r"not as lilota has made them.*no such table.*tasks"):
            store.get_all_tasks()

    execute(path, "ALTER TABLE mislaid RENAME TO tasks")

    assert [info.id for info in store.get_all_tasks()] == ids


@pytest.mark.parametrize("statement", [1, 2])
def test_another_process_may_create_the_tables_between_two_looks(path, connection, statement):
    """Then they are lilota's, in whichever order the file is looked at."""
    traced = []

    def create_meanwhile(sql):
        traced.append(sql)
        if len(traced) == statement:
            with closing(connect(path)) as other:
                migrate(other, path)

    connection.set_trace_callback(create_meanwhile)
    migrate(connection, path)

    assert len(traced) > statement


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
