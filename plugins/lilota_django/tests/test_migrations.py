"""The migrations make what the models describe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from django.core.management import call_command
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from lilota_django.django_tasks.calls import OLD_NAME, to_input
from lilota_django.models import State, Task
from lilota_django.orm.lanes import key_of
from lilota_django.readiness import own_migrations
from shop import tasks
from shop_sites import ALIAS, ended

from lilota.contract import ClaimRequest, RunnerInfo, StoredTask, TaskQuery
from lilota.models import AttemptUpdate, NewTask, Note, Outcome, TaskState


def test_models_and_migrations_agree():
    """`makemigrations` of a project finds nothing to do."""
    call_command("makemigrations", "lilota", check_changes=True, dry_run=True, verbosity=0)


def test_migrations_are_numbered_without_gaps():
    """One follows the other."""
    numbers = [int(name.partition("_")[0]) for name in own_migrations()]

    assert numbers == list(range(1, len(numbers) + 1))


def test_every_index_is_made_in_every_database(everywhere):
    """With its columns in their order."""
    connection = connections[everywhere.alias]
    with connection.cursor() as cursor:
        made = connection.introspection.get_constraints(cursor, Task._meta.db_table)

    wanted = {index.name: [name for name, _ in index.fields_orders] for index in Task._meta.indexes}
    columns = {name: [Task._meta.get_field(field).column for field in fields] for name, fields in wanted.items()}
    assert {name: made[name]["columns"] for name in wanted} == columns


def test_the_tables_can_be_taken_down_again(everywhere):
    """And made once more."""
    call_command("migrate", "lilota", "zero", database=everywhere.alias, verbosity=0)
    tables = connections[everywhere.alias].introspection.table_names()
    call_command("migrate", "lilota", database=everywhere.alias, verbosity=0)

    assert not [table for table in tables if table.startswith("lilota_")]
    assert everywhere.counts() == []


@contextmanager
def tables_of_before(alias: str) -> Iterator[None]:
    """Take the tables back to the first migration; at the end, migrate them as the owner of an old project does."""
    call_command("migrate", "lilota", "0001", database=alias, verbosity=0)
    try:
        yield
    finally:
        call_command("migrate", "lilota", database=alias, verbosity=0)


def models_of(migration: str, alias: str, model: str):
    """Return the rows of a table as the version knows them whose last migration that is."""
    return (
        MigrationLoader(connections[alias])
        .project_state(("lilota", migration))
        .apps.get_model("lilota", model)
        .objects.using(alias)
    )


def add_as_before(alias: str, name: str, input_json: str) -> int:
    """Add a task with the statements of the version before, which know nothing of newer columns."""
    lane, task, count = (models_of("0001_tasks", alias, model) for model in ("lane", "task", "lanecount"))
    lane_id = lane.get_or_create(key=key_of("default", name), queue="default", name=name)[0].pk
    fields = {"priority": 0, "run_at": 1, "created_at": 1, "max_lost_attempts": 3, "description": "of before"}
    task_id = task.create(lane_id=lane_id, state=State.READY, input_json=input_json, **fields).pk
    count.create(lane_id=lane_id, state=State.READY, n=1, is_news=True)
    return task_id


def run(store):
    """Let a runner claim whatever is there and end it well."""
    store.heartbeat(RunnerInfo(id="a-runner"))
    claims = store.claim(ClaimRequest(runner_id="a-runner", names=("task",), limit=10)).claims
    done = Outcome(state=TaskState.SUCCEEDED)
    store.commit([AttemptUpdate(id=claim.id, token=claim.token, output_json="{}", outcome=done) for claim in claims])
    return claims


def test_tasks_that_waited_before_a_migration_are_claimed_and_end(everywhere):
    """They have what they were added with, and nothing travels with them."""
    with tables_of_before(everywhere.alias):
        task_id = add_as_before(everywhere.alias, "task", '{"n": 1}')

    claims = run(everywhere)

    assert [(claim.id, claim.input_json, claim.headers_json) for claim in claims] == [(task_id, '{"n": 1}', None)]
    assert [(claim.owner, claim.checkpoint_json) for claim in claims] == [(None, None)]
    assert everywhere.notes(task_id) == []
    assert everywhere.get(task_id).state is TaskState.SUCCEEDED


def test_what_was_not_restarted_after_a_migration_can_still_add(everywhere):
    """A site of the version before leaves the new column alone, and its tasks stand beside the new ones."""
    old = add_as_before(everywhere.alias, "task", "{}")
    [new] = everywhere.add([NewTask(name="task", headers_json='{"trace": "1"}')])

    claims = run(everywhere)

    assert {claim.id: claim.headers_json for claim in claims} == {old: None, new: '{"trace": "1"}'}


def test_an_old_program_beside_a_new_one_does_no_harm(everywhere):
    """It prunes a task and leaves the notes, which nobody sees again, not even when a backup brings the task back."""
    everywhere.heartbeat(RunnerInfo(id="a-runner"))
    everywhere.add([NewTask(name="task", owner="user-1")])
    (claim,) = everywhere.claim(ClaimRequest(runner_id="a-runner", names=("task",), limit=1)).claims
    note = Note(kind="file", name="a", value_json="{}")
    done = Outcome(state=TaskState.SUCCEEDED)
    everywhere.commit([AttemptUpdate(id=claim.id, token=claim.token, notes=(note,), outcome=done)])
    stored = StoredTask(info=everywhere.get(claim.id))
    models_of("0003_about_runners", everywhere.alias, "task").get(pk=claim.id).delete()

    everywhere.restore([stored])

    assert everywhere.notes(claim.id) == []
    assert [info.id for info in everywhere.find(TaskQuery(owner="user-1"))] == [claim.id]


@pytest.mark.slow
def test_a_function_that_was_enqueued_before_a_migration_runs(site):
    """In a project with its own commands: `migrate`, then `lilota_worker`."""
    with tables_of_before(ALIAS):
        call = to_input(tasks.total, (2,), {"price": 3}, "default", datetime.now(UTC))
        task_id = add_as_before(ALIAS, OLD_NAME, json.dumps(call))
        site.manage("migrate").check_returncode()

    with site.worker():
        info = ended(site, task_id)

    assert (info.state, info.output) == (TaskState.SUCCEEDED, {"return_value": 6})
