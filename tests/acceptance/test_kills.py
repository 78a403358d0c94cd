"""A hundred kills: workers, whole runners, the fork server and programs that add, at moments drawn from a seed.

`LILOTA_SEED=17 pytest tests/acceptance/test_kills.py` repeats the order of the kills; the moments are real ones.
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
from programs import Program, kill
from runner_tasks import TASKS
from running import until

from lilota.config import Settings
from lilota.models import TaskState
from lilota.runner import TaskRunner
from lilota.stores import open_store

SEED = int(os.environ.get("LILOTA_SEED", "20300101"))
KILLS = 100
RUNNERS = 2
_LEASE_SECONDS = 1.0


class Field:
    """Where the kills take place: some runners and programs that add, each replaced when it was killed."""

    def __init__(self, folder: Path, url: str) -> None:
        self.rng = random.Random(SEED)
        self.url = url
        self.killed: Counter[str] = Counter()
        self.log = folder / "acknowledged"
        self.log.touch()
        self._folder = folder
        self.runners = [self.start("run") for _ in range(RUNNERS)]
        self.adder = self.start_adder()

    def start(self, *arguments: str) -> Program:
        """Start one of the two kinds of programs."""
        kind, *rest = arguments
        source = Path(__file__).parents[1] / "helpers" / "kill_programs.py"
        return Program(self._folder, source.read_text(), arguments=[kind, self.url, *rest])

    def start_adder(self) -> Program:
        """Start a program that adds a few hundred tasks."""
        return self.start("add", str(self.log), "100")

    def acknowledged(self) -> list[int]:
        """Return the ids of all tasks that were ever acknowledged."""
        return [int(line) for line in self.log.read_text().split("\n")[:-1]]

    def strike(self) -> None:
        """Kill something, and see to it that there is something again."""
        (what,) = self.rng.choices(("worker", "runner", "fork server", "adder", "freeze"), (60, 12, 8, 15, 5))
        place = self.rng.randrange(RUNNERS)
        if what in {"worker", "fork server"}:
            if not self._kill_process_of(self.runners[place], what):
                return
        elif what == "runner":
            kill(self.runners[place].pid)
            self.runners[place].wait()
            self.runners[place] = self.start("run")
        elif what == "freeze":
            self._freeze(self.runners[place])
        else:
            kill(self.adder.pid)
            self.adder.wait()
            self.adder = self.start_adder()
        self.killed[what] += 1

    def _kill_process_of(self, runner: Program, what: str) -> bool:
        """Kill a worker, or the process that starts workers and is a child of the runner; tell if there was one."""
        commands = runner.processes()
        servers = {pid for pid, text in commands.items() if "forkserver" in text and _parent(pid) == runner.pid}
        workers = {pid for pid, text in commands.items() if "forkserver" in text or "spawn_main" in text} - servers
        wanted = servers if what == "fork server" else workers
        if wanted:
            kill(self.rng.choice(sorted(wanted)))
        return bool(wanted)

    def _freeze(self, runner: Program) -> None:
        """Stop a runner for two leases and let it go on: it has lost what it held, and does not know yet."""
        kill(runner.pid, signal.SIGSTOP)
        threading.Timer(2 * _LEASE_SECONDS, kill, (runner.pid, signal.SIGCONT)).start()

    def end(self) -> list[Program]:
        """Stop the runners in good order and return all programs that are left."""
        for runner in self.runners:
            kill(runner.pid, signal.SIGTERM)
        return [*self.runners, self.adder]


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_hundred_kills_lose_nothing(tmp_path):
    """Each acknowledged task ends once, with the right output and within its limits; no process is left over."""
    url = f"sqlite:///{tmp_path}/tasks.db"
    field = Field(tmp_path, url)
    store = open_store(url)
    until(field.acknowledged, bool)
    while field.killed.total() < KILLS:
        time.sleep(field.rng.uniform(0.02, 0.35))  # the moment of a kill, not a wait for something
        field.strike()
    field.adder.wait()
    deadline = time.monotonic() + 90
    while _open_tasks(store):
        assert time.monotonic() < deadline, [task for task in store.get_all_tasks() if not task.state.is_terminal]
        time.sleep(0.1)
    programs = field.end()

    assert [program.wait() for program in programs[:-1]] == [0] * RUNNERS, programs[0].output
    tasks = {task.id: task for task in store.get_all_tasks()}
    store.close()
    acknowledged = field.acknowledged()
    assert len(set(acknowledged)) == len(acknowledged) > KILLS
    assert set(acknowledged) <= set(tasks)
    assert {task.state for task in tasks.values()} == {TaskState.SUCCEEDED}
    assert all(task.output == _expected(task) for task in tasks.values())
    assert all(task.attempt == task.lost_attempts + 1 for task in tasks.values())
    assert all(task.lost_attempts <= task.max_lost_attempts for task in tasks.values())
    assert [program.left_alive() for program in programs] == [{}, {}, {}]


def _open_tasks(store) -> bool:
    return any(not count.state.is_terminal for count in store.counts())


def _expected(task) -> dict[str, str]:
    return {"sha256": hashlib.sha256(task.input["text"].encode()).hexdigest()}


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


def test_a_killed_worker_is_replaced_and_its_task_runs_again(runner):
    """Whoever kills it: the attempt is counted as lost, the next one goes on in another process."""
    handle = runner.add("hash", input={"text": "a", "seconds": 0.5})
    victim = until(handle.info, lambda info: info.pid).pid

    os.kill(victim, signal.SIGKILL)

    assert handle.result(20)
    assert (handle.info().attempt, handle.info().lost_attempts) == (2, 1)
    assert handle.info().pid != victim


def test_idle_workers_that_are_killed_are_replaced(runner):
    """Nothing runs, nothing is lost, and the next tasks find as many workers as ever."""
    pids = {handle.info().pid for handle in _two_at_once(runner)}

    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    handles = _two_at_once(runner)

    assert not pids & {handle.info().pid for handle in handles}
    assert len({handle.info().pid for handle in handles}) == 2


def _two_at_once(runner):
    handles = [runner.add("sleep", input={"seconds": 0.3}) for _ in range(2)]
    for handle in handles:
        handle.result(20)
    return handles


def test_a_task_that_may_run_once_never_runs_twice(runner, tmp_path):
    """With max_lost_attempts=1 a killed attempt is the last, and its file shows a single start."""
    file = tmp_path / "count"
    handles = [runner.add("count", input={"file": str(file)}, max_lost_attempts=1) for _ in range(20)]
    for handle in handles:
        handle.result(20)

    assert file.read_bytes() == b"." * 20


def test_neighbours_of_a_crashing_task_are_unharmed(runner):
    """Tasks queued in the same worker as one that kills it all succeed, and no more often than lost."""
    handles = []
    for number in range(40):
        handles.append(runner.add("hash", input={"text": str(number)}))
        if number % 10 == 5:
            runner.add("crash")

    results = [handle.result(20)["sha256"] for handle in handles]

    assert results == [hashlib.sha256(str(number).encode()).hexdigest() for number in range(40)]
