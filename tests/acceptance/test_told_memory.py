"""How much memory a runner takes: told by a real `lilota worker`, seen by whoever asks."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from limited_tasks import REFERENCES, litter
from running import until
from worker_commands import WorkerCommand, lilota, wait_until

from lilota import TaskRunner
from lilota.config import Settings
from lilota.serving import Service
from lilota.workers.processes import WorkerProcesses
from lilota.workers.use import CAN_MEASURE, own_memory_bytes

pytestmark = pytest.mark.skipif(not CAN_MEASURE, reason="This system has no /proc.")


def memory_mb():
    (runner,) = json.loads(lilota("runners", "--json", check=True).stdout)
    return runner["about"]["memory_mb"]


def test_a_runner_tells_what_its_workers_hold(tmp_path, monkeypatch):
    """From its start on, and anew with each heartbeat: a task has left 200 MB in its worker."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("LILOTA_STORE", f"sqlite:///{tmp_path}/tasks.db")
    helpers = str(Path(__file__).parents[1] / "helpers")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([helpers, os.environ.get("PYTHONPATH", "")]))
    with WorkerCommand(tmp_path, "--task", "litter=limited_tasks:litter", "--lease-seconds", "3"):
        assert 5 < memory_mb() < 200

        lilota("add", "litter", "megabytes=200", "--wait", "--any-name", check=True)

        wait_until(lambda: memory_mb() > 200, "the memory of the worker is not told")
        _, row = lilota("runners", check=True).stdout.splitlines()
        assert re.search(r" 2\d\d MB ", row)


class Elsewhere(WorkerProcesses):
    """Stands for a cluster: which processes its workers are, this machine can't know."""

    pids = None


def test_a_runner_whose_workers_are_elsewhere_tells_its_own_memory():
    """Their machines have other operators, who look there."""
    with TaskRunner(
        "memory", 1, settings=Settings(tasks=REFERENCES), executor=Elsewhere, lease_seconds=3, stop_seconds=0
    ) as runner:
        task = runner.add(litter.bind(megabytes=200))
        task.result(60)
        ended_at = task.info().finished_at
        (told,) = until(runner.store.runners, lambda found: found[0].heartbeat_at > ended_at)

    assert Service.told_by(told).memory_bytes < own_memory_bytes() + 100_000_000
