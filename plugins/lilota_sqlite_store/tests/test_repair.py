"""What another program or a failing disk did to the rows of a file harms one task, or is mended."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from lilota.contract import CanBeRepaired, ClaimRequest, RunnerInfo, TaskQuery
from lilota.models import NewTask, TaskState

TASK = NewTask(name="task")


def tamper(path, statement):
    """Write into the file as a careless person does, with a shell of SQLite."""
    with closing(sqlite3.connect(path)) as other:
        other.execute(statement)
        other.commit()


def claimed_ids(store):
    store.heartbeat(RunnerInfo(id="runner"))
    return [claim.id for claim in store.claim(ClaimRequest(runner_id="runner", names=("task",), limit=10)).claims]


def test_wrong_counters_are_found_and_counted_again(store, path):
    """Tasks that no counter knows of would never be claimed, nor listed by their state."""
    ids = store.add([TASK] * 3)
    assert isinstance(store, CanBeRepaired)
    assert store.damage() == []
    tamper(path, "UPDATE lanes SET ready = 0, failed = 7")
    assert claimed_ids(store) == []

    assert store.damage() == [
        "default/task has +3 pending than its counter says",
        "default/task has -7 failed than its counter says",
    ]
    store.repair()

    assert store.damage() == []
    assert [(row.state, row.count) for row in store.counts()] == [(TaskState.PENDING, 3)]
    assert claimed_ids(store) == ids


@pytest.mark.parametrize("column", ["description", "input", "output", "runner"])
def test_text_that_is_no_text_harms_only_its_own_task(store, path, column):
    """Bytes that are not UTF-8 are shown as what they are, and neither lists nor claims stop at them."""
    bad, good = store.add([TASK, TASK])
    tamper(path, f"UPDATE tasks SET {column} = CAST(x'7b22ff227d' AS TEXT) WHERE id = {bad}")

    assert [info.id for info in store.get_all_tasks()] == [bad, good]
    assert [info.id for info in store.find(TaskQuery(states=(TaskState.PENDING,)))] == [good, bad]
    assert store.get(bad).id == bad
    assert claimed_ids(store) == [bad, good]


def test_error_that_is_no_json_harms_only_its_own_task(store, path):
    """It is shown as damaged, with what is there."""
    bad, good = store.add([TASK, TASK])
    tamper(path, f"UPDATE tasks SET error = 'not JSON' WHERE id = {bad}")

    assert [info.id for info in store.get_all_tasks()] == [bad, good]
    assert (store.get(bad).error.type, store.get(bad).error.message) == ("DamagedError", "not JSON")
