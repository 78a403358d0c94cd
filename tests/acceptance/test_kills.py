"""A hundred kills: workers, whole runners, the fork server and programs that add, at moments drawn from a seed.

`LILOTA_SEED=17 pytest tests/acceptance/test_kills.py` repeats the order of the kills; the moments are real ones. For
more kills, more runners or another, empty store: `LILOTA_KILLS=500 LILOTA_RUNNERS=20 LILOTA_KILLS_STORE=postgresql://...`.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from history.events import Added
from programs import Program, kill
from runner_tasks import TASKS
from running import started, until

from lilota.config import Settings
from lilota.runner import TaskRunner

SEED = int(os.environ.get("LILOTA_SEED", "20300101"))
KILLS = int(os.environ.get("LILOTA_KILLS", "100"))
RUNNERS = int(os.environ.get("LILOTA_RUNNERS", "2"))
_LEASE_SECONDS = 1.0


class Striker:
    """Kills one of those who use a store, again and again, and sees to it that there are as many as before."""

    def __init__(self, field) -> None:
        self.rng = random.Random(SEED)
        self.killed: Counter[str] = Counter()
        self.field = field
        for _ in range(RUNNERS):
            self._start_runner()
        self.adder = self._start_adder()

    def _start_runner(self) -> Program:
        return self.field.start_runner(lease_seconds=_LEASE_SECONDS)

    def _start_adder(self) -> Program:
        return self.field.start_adder(count=300)

    def strike(self) -> None:
        """Kill something."""
        (what,) = self.rng.choices(("worker", "runner", "fork server", "adder", "freeze"), (60, 12, 8, 15, 5))
        runner = self.rng.choice(self.field.runners)
        if what in {"worker", "fork server"}:
            if not self._kill_process_of(runner, what):
                return
        elif what == "runner":
            self.field.kill(runner)
            self._start_runner()
        elif what == "freeze":
            self._freeze(runner)
        else:
            kill(self.adder.pid)
            self.adder.wait()
        if not self.adder.is_running():
            self.adder = self._start_adder()
        self.killed[what] += 1

    def _kill_process_of(self, runner: Program, what: str) -> bool:
        """Kill a worker, or the process that starts workers and is a child of the runner; tell if there was one."""
        commands = runner.processes()
        servers = {pid for pid, text in commands.items() if "forkserver" in text and _parent(pid) == runner.pid}
        workers = {pid for pid, text in commands.items() if "forkserver" in text or "spawn_main" in text} - servers
        wanted = servers if what == "fork server" else workers
        if wanted:
            end = kill if what == "fork server" else self.field.kill_worker
            end(self.rng.choice(sorted(wanted)))
        return bool(wanted)

    def _freeze(self, runner: Program) -> None:
        """Stop a runner for two leases and let it go on: it has lost what it held, and does not know yet."""
        self.field.freeze(runner)
        threading.Timer(2 * _LEASE_SECONDS, kill, (runner.pid, signal.SIGCONT)).start()


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


@pytest.fixture
def field(make_field, tmp_path):
    """Where the kills take place: a SQLite file, unless another store is wanted."""
    return make_field(os.environ.get("LILOTA_KILLS_STORE", f"sqlite:///{tmp_path}/tasks.db"))


@pytest.mark.slow
@pytest.mark.timeout(180 + KILLS)
def test_a_hundred_kills_lose_nothing(field):
    """Each acknowledged task ends once, with the right output and within its limits; no process is left over."""
    striker = Striker(field)
    while striker.killed.total() < KILLS:
        time.sleep(striker.rng.uniform(0.02, 0.35))  # the moment of a kill, not a wait for something
        striker.strike()
    field.until(lambda: not striker.adder.is_running())

    assert field.settle() == []
    assert field.count("add", Added) > KILLS


@pytest.fixture(params=["memory", "sqlite"])
def runner(request, tmp_path):
    """A runner of this process with two workers."""
    url = "memory" if request.param == "memory" else f"sqlite:///{tmp_path}/tasks.db"
    runner = TaskRunner(url, 2, settings=Settings())
    for name, clazz in TASKS.items():
        runner.register(name, clazz)
    runner.start()
    yield runner
    runner.stop(timeout_seconds=0)


def test_a_killed_worker_is_replaced_and_its_task_runs_again(runner, tmp_path):
    """Whoever kills it: the attempt is counted as lost, the next one goes on in another process."""
    handle = runner.add("wait", input={"file": str(tmp_path / "go on")})
    victim = until(handle.info, lambda info: info.pid).pid

    os.kill(victim, signal.SIGKILL)
    (tmp_path / "go on").touch()

    assert handle.result(60) is None
    assert (handle.info().attempt, handle.info().lost_attempts) == (2, 1)
    assert handle.info().pid != victim


def test_idle_workers_that_are_killed_are_replaced(runner, tmp_path):
    """Nothing runs, nothing is lost, and the next tasks find as many workers as ever."""
    first = _two_up(runner)
    pids = {handle.info().pid for handle in _two_at_once(runner, tmp_path / "first")}

    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    _two_up(runner, besides=first)
    handles = _two_at_once(runner, tmp_path / "second")

    assert not pids & {handle.info().pid for handle in handles}
    assert len({handle.info().pid for handle in handles}) == 2


def _two_up(runner, besides=frozenset()):
    """Wait until two workers are ready, other ones than these, and return their numbers."""
    workers = runner._run._engine.crew.workers
    return until(
        lambda: {number for number, worker in tuple(workers.items()) if worker.ready} - besides, lambda up: len(up) == 2
    )


def _two_at_once(runner, file):
    """Run two tasks, of which none ends before both run."""
    handles = [runner.add("wait", input={"file": str(file)}) for _ in range(2)]
    for handle in handles:
        started(handle)
    file.touch()
    for handle in handles:
        handle.result(60)
    return handles


def test_a_task_that_may_run_once_never_runs_twice(runner, tmp_path):
    """With max_lost_attempts=1 a killed attempt is the last, and its file shows a single start."""
    file = tmp_path / "count"
    handles = [runner.add("count", input={"file": str(file)}, max_lost_attempts=1) for _ in range(20)]
    for handle in handles:
        handle.result(60)

    assert file.read_bytes() == b"." * 20


def test_neighbours_of_a_crashing_task_are_unharmed(runner):
    """Tasks queued in the same worker as one that kills it all succeed, and no more often than lost."""
    handles = []
    for number in range(40):
        handles.append(runner.add("hash", input={"text": str(number)}))
        if number % 10 == 5:
            runner.add("crash")

    results = [handle.result(60)["sha256"] for handle in handles]

    assert results == [hashlib.sha256(str(number).encode()).hexdigest() for number in range(40)]
