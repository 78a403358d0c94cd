"""A worker below which a newer lilota takes over the store: it stops, says so, and no task is lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from worker_commands import LIMIT_SECONDS, WorkerCommand, lilota, shown, wait_for, wait_until

TASKS = '''
import pathlib, time
from lilota import task

@task
def hold() -> str:
    """Run until the file "go" is there."""
    pathlib.Path("held").touch()
    while not pathlib.Path("go").exists():
        time.sleep(0.02)
    return "held"
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LILOTA_STORE", raising=False)
    monkeypatch.setenv("LILOTA_MODULES", "house_tasks")
    (tmp_path / "house_tasks.py").write_text(TASKS)
    return tmp_path


def min_reader(version=None):
    """Return what the store says of who may use it, after it was told to say something else, if anything is given."""
    with closing(sqlite3.connect("lilota.db")) as connection:
        (before,) = connection.execute("SELECT value FROM meta WHERE key = 'min_reader'").fetchone()
        if version is not None:
            connection.execute("UPDATE meta SET value = ? WHERE key = 'min_reader'", (version,))
            connection.commit()
    return before


def test_a_worker_stops_when_a_newer_lilota_has_taken_over_its_store(folder):
    """It takes nothing more and writes nothing more; what it ran runs again, and what waited has not been touched."""
    with WorkerCommand(folder, "--lease-seconds", "5") as worker:
        held, waiting = (lilota("add", "hold", check=True).stdout.strip() for _ in range(2))
        wait_for(folder / "held")
        known = min_reader(999)
        code = worker.process.wait(LIMIT_SECONDS)
        said = worker.output
    (folder / "go").touch()
    min_reader(known)
    states = [shown(task_id)["state"] for task_id in (held, waiting)]
    with WorkerCommand(folder, "--lease-seconds", "5"):
        wait_until(lambda: [shown(task_id)["state"] for task_id in (held, waiting)] == ["succeeded"] * 2)

    assert code == 1
    assert "The runner takes nothing more" in said
    assert said.strip().splitlines()[-1].endswith("Upgrade lilota-sqlite-store.")
    assert "Traceback" not in said
    assert states == ["running", "pending"]
    assert [shown(task_id)["attempt"] for task_id in (held, waiting)] == [2, 1]
