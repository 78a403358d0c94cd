"""The cost does not grow with what is stored: no statement reads a table from end to end, or sorts one."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from lilota_sqlite_store import SQLiteTaskStore
from lilota_sqlite_store.statements import SQL

from lilota.models import NewTask

# Read whole on purpose: as many rows as there are lanes, runners, or listed ids; and what is about all of the tasks.
SMALL = ("SCAN lanes", "SCAN runners", "SCAN json_each", "SCAN (subquery", "SCAN CONSTANT ROW")
NOT_FLAT = {"get_all_tasks", "count_tasks"}
UPSERTS = {"heartbeat", "add_to_lane", "take_turn", "restore_task"}
PLAIN_INSERTS = {name for name in SQL if name.startswith(("insert_", "put_")) or name in UPSERTS}


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A file with 100,000 tasks in several lanes and states, and a connection to it."""
    path = str(tmp_path_factory.mktemp("plans") / "tasks.db")
    store = SQLiteTaskStore(path, wait_for_disk=False)
    for n in range(10):
        store.add([NewTask(name=f"task{n}", queue=f"queue{n % 3}")] * 10_000)
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE tasks SET state = 4, finished_at = id WHERE id % 10 < 5")
        connection.execute("UPDATE tasks SET state = 1 WHERE id % 10 = 5")
        connection.execute(
            "UPDATE tasks SET state = 3, runner = 'r', cancel_requested = id % 1000 = 6 WHERE id % 10 = 6"
        )
        connection.commit()
        yield connection


def plan_of(connection, statement):
    """Return the steps of a plan; parameters don't matter for it."""
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", ("[1]",) * statement.count("?")).fetchall()
    return [detail for *_, detail in rows]


@pytest.mark.parametrize("name", sorted(SQL.keys() - NOT_FLAT - PLAIN_INSERTS))
def test_statement_finds_its_rows_by_an_index(filled, name):
    """SCAN appears only for what is small, and nothing is sorted in a temporary tree."""
    plan = plan_of(filled, SQL[name])

    bad = [step for step in plan if ("SCAN" in step and not step.startswith(SMALL)) or "TEMP B-TREE FOR ORDER" in step]
    assert bad == []


@pytest.mark.parametrize("table", ["large_inputs", "large_outputs", "checkpoints"])
def test_a_brief_page_reads_no_table_of_long_texts(filled, table):
    """Which a whole one does."""
    assert any(table in step for step in plan_of(filled, SQL["get_tasks"]))
    assert not any(table in step for step in plan_of(filled, SQL["get_brief_tasks"]))


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("ready_in_lane", "tasks_ready"),
        ("durations_in_lane", "tasks_by_lane"),
        ("any_due", "tasks_scheduled"),
        ("promote_due", "tasks_scheduled"),
        ("find_rising_in_lane", "tasks_by_lane"),
        ("find_falling_in_lane", "tasks_by_lane"),
        ("held_in_lane", "tasks_by_lane"),
        ("ended_before", "tasks_ended"),
        ("ended_since", "tasks_ended"),
        ("count_ended", "tasks_ended"),
        ("cancel_requests", "tasks_cancel_requested"),
    ],
)
def test_statement_uses_the_index_that_was_made_for_it(filled, name, index):
    """The planner agrees with the comments in the schema."""
    assert any(index in step for step in plan_of(filled, SQL[name]))
