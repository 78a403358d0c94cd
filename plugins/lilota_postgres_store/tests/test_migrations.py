"""Schema versions: new tables, old ones, those of a newer lilota, many openers."""

from __future__ import annotations

import multiprocessing

import psycopg
import pytest
from lilota_postgres_store.migrations import migrate
from lilota_postgres_store.statements import load_migrations
from postgres_migrating import migrate_to
from postgres_processes import open_when_all_are_there

from lilota.contract import ClaimRequest, RunnerInfo, StoredTask, TaskQuery
from lilota.contract.history import ATTEMPT
from lilota.errors import StoreUnavailableError, StoreVersionError, TaskNotFoundError
from lilota.models import AttemptUpdate, NewTask, Note, TaskState

NEWEST = load_migrations()[-1][0]


def run_migrations(store, steps):
    database = store._database
    with database.pool.lend() as connection:
        migrate(connection, database.statements, database.name, steps)


def set_meta(store, **values):
    with psycopg.connect(store.address.conninfo, autocommit=True) as connection:
        for key, value in values.items():
            connection.execute(
                f"UPDATE {store.address.schema}.lilota_meta SET value = %s WHERE key = %s", [str(value), key]
            )


def schema_version(store):
    return dict(store._database.read("meta"))["schema_version"]


def test_numbers_of_migrations_have_no_gaps():
    """They count from 1."""
    assert [number for number, _ in load_migrations()] == list(range(1, NEWEST + 1))


def test_new_schema_gets_the_newest_tables(store):
    """All migrations are applied."""
    assert schema_version(store) == str(NEWEST)


def test_opening_again_changes_nothing(store, url, open_store):
    """What is stored stays."""
    ids = store.add([NewTask(name="task")] * 3)

    again = open_store(url)
    again.open()

    assert [info.id for info in again.get_all_tasks()] == ids


def test_two_prefixes_in_one_schema_are_two_stores(store, url, open_store):
    """Neither sees the other's tasks."""
    other = open_store(f"{url}&table_prefix=other_")

    store.add([NewTask(name="task")])

    assert (len(store.get_all_tasks()), other.get_all_tasks()) == (1, [])


def test_failed_migration_leaves_no_trace(store):
    """Each is one transaction: the next try starts where the last good one ended."""
    steps = [*load_migrations(), (NEWEST + 1, ["CREATE TABLE {turns} (x int)"])]

    with pytest.raises(StoreUnavailableError, match="already exists"):
        run_migrations(store, steps)

    assert schema_version(store) == str(NEWEST)


def test_missing_migrations_are_applied_in_order(store):
    """Tables of an older version are brought forward."""
    steps = [
        *load_migrations(),
        (NEWEST + 1, ["ALTER TABLE {turns} ADD COLUMN extra integer"]),
        (NEWEST + 2, ["INSERT INTO {turns} VALUES ('chore', now(), 1)"]),
    ]

    run_migrations(store, steps)

    assert schema_version(store) == str(NEWEST + 2)
    assert store.take_turn("chore", 1000) is False


def test_newer_schema_that_this_version_can_read_is_used(store):
    """`min_reader` says that old code still understands the new schema: old and new runners work side by side."""
    set_meta(store, schema_version=NEWEST + 5, min_reader=NEWEST)
    store.close()

    store.add([NewTask(name="task")])

    assert schema_version(store) == str(NEWEST + 5)


def test_newer_schema_that_this_version_can_not_read_is_refused(store):
    """Nothing is read or written; the message names the remedy."""
    set_meta(store, schema_version=NEWEST + 5, min_reader=NEWEST + 1)
    store.close()

    with pytest.raises(StoreVersionError, match=f"knows at least version {NEWEST + 1}.*Upgrade lilota-postgres-store"):
        store.add([NewTask(name="task")])


def test_tables_that_were_dropped_are_created_again(store):
    """The call that finds out fails, the next one starts anew; what the process remembered is not believed."""
    store.add([NewTask(name="task")])
    with psycopg.connect(store.address.conninfo, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {store.address.schema} CASCADE")
        connection.execute(f"CREATE SCHEMA {store.address.schema}")
    with pytest.raises(StoreUnavailableError, match="no longer has lilota's tables"):
        store.counts()

    ids = store.add([NewTask(name="task")])

    assert [info.id for info in store.get_all_tasks()] == ids


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE {tasks} RENAME TO tasks_of_a_newer_lilota",
        "ALTER TABLE {tasks} RENAME COLUMN priority TO urgency",
    ],
)
def test_who_has_the_tables_open_is_told_of_the_newer_lilota_that_changed_them(store, change):
    """By the first call that does not find what it knows, and not of a table or a column that is missing."""
    store.get_all_tasks()
    execute(store, change)
    set_meta(store, schema_version=NEWEST + 5, min_reader=NEWEST + 1)

    for _ in range(2):
        with pytest.raises(StoreVersionError, match=f"knows at least version {NEWEST + 1}.*Upgrade"):
            store.get_all_tasks()


def test_who_has_the_tables_open_is_told_of_one_that_has_gone_alone(store):
    """It is made again by nobody, as the rest of the tables is there; once it is back, all goes on."""
    ids = store.add([NewTask(name="task")])
    execute(store, "ALTER TABLE {tasks} RENAME TO mislaid")
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match=r"renamed, changed or dropped\. Put them back.*lilota_tasks"):
            store.get_all_tasks()

    execute(store, "ALTER TABLE {mislaid} RENAME TO lilota_tasks")

    assert [info.id for info in store.get_all_tasks()] == ids


def test_eight_processes_can_create_the_same_tables(url):
    """One creates, all go on, each with an id of its own."""
    context = multiprocessing.get_context("forkserver")
    barrier, answers = context.Barrier(8), context.Queue()
    openers = [
        context.Process(target=open_when_all_are_there, args=(url, barrier, answers), daemon=True) for _ in range(8)
    ]
    for opener in openers:
        opener.start()
    ids = [task_id for _ in openers for task_id in answers.get(timeout=60)]
    for opener in openers:
        opener.join()

    assert sorted(ids) == list(range(1, 9))


def test_statements_that_a_newer_lilota_outdated_are_prepared_again(store):
    """A column of another type: a session that prepared the old ones is replaced, and nobody notices."""
    (task_id,) = store.add([NewTask(name="task")])
    for _ in range(3):
        store.logs(task_id)
    with psycopg.connect(store.address.conninfo) as connection:
        connection.execute(f"ALTER TABLE {store.address.schema}.lilota_log_lines ALTER COLUMN level TYPE bigint")

    assert store.logs(task_id) == []


REQUEST = ClaimRequest(runner_id="runner", names=("task",), limit=10)


def execute(store, *statements):
    """Run statements with the names of the store's tables in them, in one transaction."""
    names = {
        name: f"{store.address.schema}.lilota_{name}" for name in ("lanes", "lane_counts", "notes", "runners", "tasks")
    }
    names["mislaid"] = f"{store.address.schema}.mislaid"
    with psycopg.connect(store.address.conninfo) as connection:
        cursor = [connection.execute(statement.format(**names)) for statement in statements][-1]
        return cursor.fetchall() if cursor.description else []


def test_tables_of_version_5_are_brought_forward(url, open_store):
    """What waited and what ran there has no owner, goes on, and can have all that is new."""
    store = open_store(url)
    migrate_to(5, store, open_store, url)
    execute(
        store,
        "INSERT INTO {lanes} VALUES (1, 'default', 'task')",
        "INSERT INTO {tasks} (lane, state, priority, run_at, created_at, max_lost_attempts, description, input, runner,"
        " attempt, token) VALUES (1, 2, 0, now(), now(), 3, '', '1', NULL, 0, 0),"
        " (1, 3, 0, now(), now(), 3, '', '2', 'old', 1, 7)",
        "INSERT INTO {lane_counts} (lane, state, n) VALUES (1, 2, 1), (1, 3, 1)",
        "INSERT INTO {runners} (id, host, pid, lease_seconds, started_at, heartbeat_at, expires_at)"
        " VALUES ('old', 'host', 1, 1, now(), now(), now())",
    )

    assert store.rescue() == [2]
    assert [note.kind for note in store.notes(2)] == [ATTEMPT]
    store.heartbeat(RunnerInfo(id="runner"))
    claims = {claim.id: (claim.input_json, claim.owner, claim.checkpoint_json) for claim in store.claim(REQUEST).claims}
    assert claims == {1: ("1", None, None), 2: ("2", None, None)}
    assert schema_version(store) == str(NEWEST)
    (owned,) = store.add([NewTask(name="task", owner="user-1")])
    assert [info.id for info in store.find(TaskQuery(owner="user-1"))] == [owned]


def test_programs_of_version_5_work_side_by_side(store):
    """They may even start. What they claim begins anew; what they leave behind nobody finds, or nobody is misled by."""
    (task_id,) = store.add([NewTask(name="task", owner="user-1", priority=1)])
    store.heartbeat(RunnerInfo(id="runner"))
    (claim,) = store.claim(REQUEST).claims
    note = Note(kind="file", name="a", value_json="{}")
    store.commit([AttemptUpdate(id=task_id, token=claim.token, checkpoint_json="1", notes=(note,))])
    store.release("runner")

    execute(
        store,
        "UPDATE {tasks} SET state = 3, attempt = 1, runner = 'old', token = token + 1",
        "UPDATE {tasks} SET state = 4, finished_at = now()",
        "INSERT INTO {lane_counts} (lane, state, n)"
        " SELECT id, state, n FROM {lanes}, (VALUES (2, -1), (4, 1)) AS moved (state, n)",
    )
    info = store.get(task_id)
    execute(
        store,
        "DELETE FROM {tasks}",
        "INSERT INTO {lane_counts} (lane, state, n) SELECT id, 4, -1 FROM {lanes}",
    )

    assert (info.state, info.owner) == (TaskState.SUCCEEDED, "user-1")
    assert store.counts("user-1") == store.counts() == []
    assert store.find(TaskQuery(owner="user-1")) == []
    with pytest.raises(TaskNotFoundError):
        store.notes(task_id)
    store.restore([StoredTask(info=info, notes=(note,))])
    assert (store.get(task_id), store.notes(task_id)) == (info, [note])
    assert dict(store._database.read("meta"))["min_reader"] == "4"
