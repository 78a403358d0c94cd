"""Kill whoever works on long tasks, at moments drawn from a seed, and look whether that has cost a row or a file.

`LILOTA_SEED=17 LILOTA_LONG_TASKS=500 pytest` with the tests that import this has more of them.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from long_tasks import Copies, rows_of
from programs import Program, kill

from lilota.client import TaskClient
from lilota.config import Settings
from lilota.errors import StoreUnavailableError
from lilota.files.reading import FilesOfStore
from lilota.files.sweeping import Sweeper
from lilota.handles import TaskHandle
from lilota.models import TaskInfo, TaskState
from lilota.plugins import Plugins

SEED = int(os.environ.get("LILOTA_SEED", "20300102"))
ROWS = 20
#: How long a store may take to be there again.
_WAIT_SECONDS = 60
_SOURCE = """
import signal, sys
from lilota import TaskRunner
from lilota.config import Settings
from long_tasks import Copies

if __name__ == "__main__":
    runner = TaskRunner(sys.argv[1], 2, settings=Settings(files=sys.argv[2] or None), lease_seconds=1.0)
    runner.register("Copies", Copies)
    runner.start()
    print("ready", flush=True)
    signal.pause()
"""


def number_of_tasks(default: int) -> int:
    """Return how many tasks a test should have."""
    return int(os.environ.get("LILOTA_LONG_TASKS", default))


class Striker:
    """Keeps two runners at work, and kills one of them, one of their processes, or their store.

    Args:
        url: the store.
        files: the file area, if it is not beside the store.
        restart_store: kills the server of the store and starts it again, where there is one.
    """

    def __init__(self, folder: Path, url: str, files: str | None, restart_store: Callable[[], None] | None) -> None:
        self.rng = random.Random(SEED)
        self.url = url
        self.settings = Settings(files=files)
        self.restarts = 0
        self._folder = folder
        self._restart_store = restart_store
        self._runners = [self._start(), self._start()]

    def strike(self) -> None:
        """Kill something, and start anew what is gone."""
        if self._restart_store is not None and self.rng.random() < 0.3:
            self._restart_store()
            self.restarts += 1
        else:
            self._kill_one_of(self.rng.choice(self._runners))
        self._runners = [each if each.is_running() else self._start() for each in self._runners]

    def end(self) -> None:
        """Leave nothing behind."""
        for runner in self._runners:
            kill(runner.pid)
            runner.wait()

    def _start(self) -> Program:
        program = Program(self._folder, _SOURCE, arguments=[self.url, self.settings.files or ""])
        program.wait_for("ready")
        return program

    def _kill_one_of(self, runner: Program) -> None:
        processes = [pid for pid in runner.processes() if pid != runner.pid]
        if self.rng.random() < 0.25 or not processes:
            kill(runner.pid)
            runner.wait()
        else:
            kill(self.rng.choice(processes))


@contextmanager
def striking(
    folder: Path, url: str, *, files: str | None = None, restart_store: Callable[[], None] | None = None
) -> Iterator[Striker]:
    """Have a striker for as long as the block runs."""
    striker = Striker(folder, url, files, restart_store)
    try:
        yield striker
    finally:
        striker.end()


def check_kills(striker: Striker, folder: Path, count: int) -> None:
    """Kill until so many tasks have ended. Each ended once, went on where it must, and its file is whole."""
    with TaskClient(striker.url, settings=striker.settings) as client:
        client.register("Copies", Copies)  # so its tasks may lose more attempts than others
        handles = [client.add("Copies", input={"folder": str(folder), "rows": ROWS}) for _ in range(count)]
        infos = _strike_until_ended(striker, handles)

        wrong = [handle for handle, info in zip(handles, infos, strict=True) if info.state is not TaskState.SUCCEEDED]
        assert not wrong, [(handle.info(), handle.attempts(), list(handle.logs())) for handle in wrong]
        assert all(info.output == {"rows": ROWS} for info in infos)
        assert sum(info.lost_attempts for info in infos) > 0
        for handle in handles:
            assert [attempt.outcome for attempt in handle.attempts()].count("succeeded") == 1
            _check_file(handle)

    assert _files_after_a_sweep(striker) == count


def _strike_until_ended(striker: Striker, handles: list[TaskHandle]) -> list[TaskInfo]:
    while any(not _seen(handle).state.is_terminal for handle in handles):
        time.sleep(striker.rng.uniform(0.05, 0.4))  # the moment of a kill, not a wait for something
        striker.strike()
    return [_seen(handle) for handle in handles]


def _seen(handle: TaskHandle) -> TaskInfo:
    """Return what the store says of a task; it may have been killed just now."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return handle.info()
        except StoreUnavailableError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def _check_file(handle: TaskHandle) -> None:
    (file,) = handle.files().values()
    assert file.sha256 == hashlib.sha256(rows_of(handle.id)).hexdigest()
    assert file.read_bytes() == rows_of(handle.id)


def _files_after_a_sweep(striker: Striker) -> int:
    """Return how many files there are when nothing is left that belongs to nobody."""
    with closing(TaskClient(striker.url, settings=striker.settings, accept_unknown_names=True)) as client:
        files = FilesOfStore(client.store, Plugins(striker.settings), striker.settings)
        sweeper = Sweeper(client.store, files)
        sweeper.sweep()
        return sum(len(list(files.area.files(folder))) for folder in sweeper.folders())
