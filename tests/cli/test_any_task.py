"""Whatever is in a task that a store has accepted, every command that looks at it says what it knows."""

from __future__ import annotations

import json
import os

from cli_calls import call
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some

from lilota.contract import TaskQuery
from lilota.models import NewTask
from lilota.stores import open_store
from lilota.testing.contract.add import INSTANTS
from lilota.testing.contract.any_task import new_tasks


@settings(
    max_examples=15,
    deadline=None,
    derandomize="CI" in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@example(tasks=[NewTask(name="task", run_at=run_at) for run_at in INSTANTS.values()])
@given(tasks=some.lists(new_tasks, min_size=1, max_size=4))
def test_no_task_breaks_a_command_that_reads_it(tmp_path, monkeypatch, tasks):
    """Listed, shown, watched and copied, for people and for machines, and the copy is the same."""
    monkeypatch.chdir(tmp_path)
    number = len(list(tmp_path.iterdir()))
    url, copied = (f"sqlite:///{tmp_path}/{number}-{name}.db" for name in ("here", "there"))
    monkeypatch.setenv("LILOTA_STORE", url)
    store = open_store(url)
    ids = store.add(tasks)
    commands = [
        ["list"],
        ["list", "--json"],
        ["counts"],
        *(["show", str(task_id), *more] for task_id in ids for more in ([], ["--json"])),
        ["copy", url, copied, "--yes"],
    ]

    results = {" ".join(command): call(*command) for command in commands}

    broken = {command: result.output for command, result in results.items() if result.exit_code != 0}
    infos = store.get_all_tasks()
    there = open_store(copied)
    assert broken == {}
    assert len(json.loads(results["list --json"].stdout.splitlines()[0])) > 0
    assert sorted(there.find(TaskQuery()), key=lambda info: info.id) == infos
    store.close()
    there.close()
