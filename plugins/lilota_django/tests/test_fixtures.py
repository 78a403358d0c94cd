"""What `dumpdata` writes, `loaddata` reads: tasks come back as they were, in any of the databases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import override_settings
from lilota_django.models import Lane, LaneCount, LogLine, Runner, Task, Turn

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState
from lilota.models import LogLine as Line

ODD = "NUL \0, its picture \u2400, and an emoji \U0001f642"


@pytest.fixture
def full(everywhere):
    """A store in each of the databases, with something in each table."""
    return filled(everywhere)


def filled(store):
    """Add a task in each state that has something of its own to keep."""
    run_at = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    store.add([NewTask(name="task"), NewTask(name="task", priority=1), NewTask(name="later", queue=ODD, run_at=run_at)])
    store.heartbeat(RunnerInfo(id=ODD))
    store.take_turn(ODD, 60)
    ended, _ = store.claim(ClaimRequest(runner_id=ODD, names=("task",), limit=2)).claims
    line = Line(at=1700000000.123456, text=ODD)
    done = Outcome(state=TaskState.SUCCEEDED)
    store.commit([AttemptUpdate(id=ended.id, token=ended.token, log_lines=(line,), output_json='"é"', outcome=done)])
    return store


def all_of(store):
    tasks = store.get_all_tasks()
    return tasks, [store.logs(task.id) for task in tasks], store.counts(), store.runners()


@pytest.mark.parametrize("use_tz", [True, False])
def test_what_was_dumped_can_be_loaded(full, tmp_path, use_tz):
    """To the microsecond, with logs, counts, leases and turns; whatever the settings say of time zones."""
    file = str(tmp_path / "dump.json")
    before = all_of(full)

    with override_settings(USE_TZ=use_tz):
        call_command("dumpdata", "lilota", database=full.alias, output=file, verbosity=0)
        for model in (LogLine, Task, LaneCount, Lane, Runner, Turn):
            model.objects.using(full.alias).all().delete()
        call_command("loaddata", file, database=full.alias, verbosity=0)

    assert all_of(full) == before
    assert not full.take_turn(ODD, 60)


def test_tasks_are_added_behind_those_that_were_loaded(full, tmp_path):
    """Their ids rise from the highest on."""
    file = str(tmp_path / "dump.json")
    call_command("dumpdata", "lilota", database=full.alias, output=file, verbosity=0)
    call_command("loaddata", file, database=full.alias, verbosity=0)

    (task_id,) = full.add([NewTask(name="task")])

    assert task_id == max(info.id for info in full.get_all_tasks())


def test_a_test_database_can_be_put_back(store):
    """As `TransactionTestCase` does with `serialized_rollback`."""
    creation = connections[store.alias].creation
    before = all_of(filled(store))

    with override_settings(TEST_NON_SERIALIZED_APPS=["auth", "contenttypes", "sessions", "admin", "shop"]):
        text = creation.serialize_db_to_string()
    creation.deserialize_db_from_string(text)

    assert all_of(store) == before
