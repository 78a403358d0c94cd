"""Long tasks with checkpoints and files, whose workers and runners are killed at moments drawn from a seed.

`LILOTA_SEED=17 LILOTA_LONG_TASKS=500 pytest tests/acceptance/test_kills_of_long_tasks.py` has more of them.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import time
from contextlib import closing

import pytest
from long_tasks import rows_of
from programs import Program, kill
from running import store_url

from lilota.client import TaskClient
from lilota.config import Settings
from lilota.files.reading import FilesOfStore
from lilota.files.sweeping import Sweeper
from lilota.models import TaskState
from lilota.plugins import Plugins

SEED = int(os.environ.get("LILOTA_SEED", "20300102"))
TASKS = int(os.environ.get("LILOTA_LONG_TASKS", "40"))
ROWS = 20
SOURCE = """
import signal, sys
from lilota import TaskRunner
from lilota.config import Settings
from long_tasks import Copies

if __name__ == "__main__":
    runner = TaskRunner(sys.argv[1], 2, settings=Settings(), lease_seconds=1.0)
    runner.register("Copies", Copies)
    runner.start()
    print("ready", flush=True)
    signal.pause()
"""


class Striker:
    """Keeps two runners at work, and kills one of them, or one of their processes."""

    def __init__(self, folder, url):
        self.rng = random.Random(SEED)
        self.folder = folder
        self.url = url
        self.runners = [self._start(), self._start()]
        self.strikes = 0

    def _start(self):
        program = Program(self.folder, SOURCE, arguments=[self.url])
        program.wait_for("ready")
        return program

    def strike(self):
        """Kill something, and start anew what is gone."""
        runner = self.rng.choice(self.runners)
        processes = [pid for pid in runner.processes() if pid != runner.pid]
        if self.rng.random() < 0.25 or not processes:
            kill(runner.pid)
            runner.wait()
        else:
            kill(self.rng.choice(processes))
        self.strikes += 1
        self.runners = [each if each.is_running() else self._start() for each in self.runners]

    def end(self):
        """Leave nothing behind."""
        for runner in self.runners:
            kill(runner.pid, signal.SIGKILL)
            runner.wait()


@pytest.fixture
def striker(tmp_path):
    striker = Striker(tmp_path, store_url("sqlite", tmp_path))
    yield striker
    striker.end()


@pytest.mark.slow
@pytest.mark.timeout(300 + 2 * TASKS)
def test_kills_cost_no_row_and_leave_no_half_file(striker, tmp_path):
    """Each task goes on from its last durable checkpoint and ends; its file is whole, and the sweep leaves no other."""
    with TaskClient(striker.url, settings=Settings(), accept_unknown_names=True) as client:
        handles = [client.add("Copies", input={"folder": str(tmp_path), "rows": ROWS}) for _ in range(TASKS)]
        while any(not handle.info().state.is_terminal for handle in handles):
            time.sleep(striker.rng.uniform(0.05, 0.4))  # the moment of a kill, not a wait for something
            striker.strike()
        infos = [handle.info() for handle in handles]

        assert [info.error for info in infos] == [None] * TASKS
        assert [(info.state, info.output) for info in infos] == [(TaskState.SUCCEEDED, {"rows": ROWS})] * TASKS
        assert sum(info.lost_attempts for info in infos) > 0
        for handle in handles:
            (file,) = handle.files().values()
            assert file.sha256 == hashlib.sha256(rows_of(handle.id)).hexdigest()
            assert file.read_bytes() == rows_of(handle.id)

    assert files_after_a_sweep(striker.url) == TASKS


def files_after_a_sweep(url):
    """Return how many files there are when nothing is left that belongs to nobody."""
    settings = Settings()
    with closing(TaskClient(url, settings=settings, accept_unknown_names=True)) as client:
        files = FilesOfStore(client.store, Plugins(settings), settings)
        sweeper = Sweeper(client.store, files)
        sweeper.sweep()
        return sum(len(list(files.area.files(folder))) for folder in sweeper.folders())
