"""Limits of memory and of processor time, and workers that are replaced: with real processes, as a user has them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from limited_tasks import (
    REFERENCES,
    burn,
    burn_in_child,
    burn_stubbornly,
    burst,
    fill,
    fill_in_child,
    litter,
    notice,
    say,
    share,
    sleep_and_say,
    tidy,
)
from running import ended, until

from lilota import TaskRunner
from lilota.config import Settings
from lilota.models import TaskState
from lilota.workers.use import CAN_MEASURE

SETTINGS = Settings(tasks=REFERENCES)

pytestmark = pytest.mark.skipif(not CAN_MEASURE, reason="This system has no /proc: limits are not watched.")


@pytest.fixture
def runner():
    """Two processes on a memory store."""
    with TaskRunner("memory", 2, settings=SETTINGS, stop_seconds=0) as started:
        yield started


@pytest.mark.parametrize("greedy", [fill, fill_in_child, burst], ids=lambda task: task.name)
def test_a_task_that_takes_all_memory_is_ended_and_harms_nobody(runner, greedy):
    """Its error says what it used and what its limit is; what runs beside it goes on, and the runner does."""
    neighbour = runner.add(sleep_and_say.bind(3))
    until(neighbour.info, lambda info: info.state is TaskState.RUNNING)

    info = ended(runner.add(greedy.bind()))

    assert (info.state, info.attempt, info.lost_attempts) == (TaskState.FAILED, 1, 0)
    assert info.error.type == "MemoryLimitReached"
    used = re.match(r"The task used ([\d.]+ [MG]B) of memory, its limit is 200 MB\.", info.error.message).group(1)
    number, unit = used.split()
    assert (float(number) > 200) if unit == "MB" else (float(number) < 8)
    neighbour.result(60)
    assert neighbour.info().attempt == 1
    assert runner.add(say.bind(5)).result(60)[0] == 5


def test_a_task_can_notice_that_it_uses_too_much_and_end_well(runner):
    """The exception comes first, with both numbers in its text."""
    said = runner.add(notice.bind()).result(60)

    assert re.fullmatch(r"The task used \d+ MB of memory, its limit is 200 MB\.", said)


def test_memory_that_processes_share_is_counted_once(runner):
    """Eight children of one with 100 MB are no 900 MB."""
    assert runner.add(share.bind(8)).result(60) == 100_000_000


@pytest.mark.parametrize("busy", [burn, burn_in_child], ids=lambda task: task.name)
def test_a_task_that_uses_too_much_processor_time_is_ended(runner, busy):
    """What its children use counts."""
    info = ended(runner.add(busy.bind()))

    assert (info.state, info.lost_attempts) == (TaskState.FAILED, 0)
    assert info.error.type == "CpuLimitReached"
    assert re.fullmatch(r"The task used [\d.]+ s of processor time, its limit is 0.5 s\.", info.error.message)


def test_one_that_does_not_heed_it_is_ended_by_force_and_tried_again(runner):
    """As after a timeout: `max_attempts` counts, and the error says that force was needed."""
    info = ended(runner.add(burn_stubbornly.bind()))

    assert (info.state, info.attempt, info.lost_attempts) == (TaskState.FAILED, 2, 0)
    assert info.error.message.endswith("It did not end when it was asked to, and was stopped by force.")


def test_a_task_that_only_waits_uses_no_processor_time(runner):
    """Its limit is no time limit."""
    assert runner.add(sleep_and_say.bind(0.6)).result(60) > 0


def test_what_earlier_tasks_have_left_in_a_worker_is_not_blamed_on_the_next(tmp_path):
    """The worker is replaced before the task with a limit runs, and the task has lost no attempt."""
    with TaskRunner("memory", 1, settings=SETTINGS, stop_seconds=0) as runner:
        littered = runner.add(litter.bind(150)).result(60)

        handle = runner.add(tidy.bind())

        assert handle.result(60) != littered
        info = handle.info()
        assert (info.attempt, info.lost_attempts) == (1, 0)
        assert "earlier ones have left" in " ".join(line.text for line in handle.logs())


@pytest.mark.parametrize("rule", [{"recycle_after_tasks": 10}, {"recycle_after_seconds": 0.2}], ids=str)
def test_workers_are_replaced_under_load_and_nothing_is_lost_or_runs_twice(rule):
    """Each task ends once, in its first attempt; no worker runs more than it may."""
    with TaskRunner("memory", 2, settings=SETTINGS, stop_seconds=0, **rule) as runner:
        handles = [runner.add(say.bind(number)) for number in range(100)]
        told = [handle.result(120) for handle in handles]
        while len({pid for _, pid in told}) <= 2:  # a quick machine is through before they are old
            told.append(runner.add(say.bind(len(told))).result(120))
        infos = [handle.info() for handle in handles]

    assert [number for number, _ in told] == list(range(len(told)))
    assert {(info.attempt, info.lost_attempts) for info in infos} == {(1, 0)}
    pids = [pid for _, pid in told]
    assert max(map(pids.count, pids)) <= rule.get("recycle_after_tasks", len(pids))


def test_a_worker_that_has_grown_is_replaced():
    """Somebody looks after an attempt; the tasks notice nothing."""
    with TaskRunner("memory", 1, settings=SETTINGS, stop_seconds=0, recycle_after_mb=200) as runner:
        littered = runner.add(litter.bind(250)).result(60)

        def look() -> int:
            return runner.add(say.bind(1)).result(60)[1]

        assert until(look, lambda pid: pid != littered)


# --- killed by the kernel


def _own_memory_group() -> Path | None:
    """Return the folder of the control group of this process that has the memory, if there is one."""
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines() if CAN_MEASURE else ():
        _hierarchy, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return Path("/sys/fs/cgroup/memory", path.lstrip("/"))
        if not controllers and Path("/sys/fs/cgroup", path.lstrip("/"), "memory.max").exists():
            return Path("/sys/fs/cgroup", path.lstrip("/"))
    return None


@pytest.fixture
def small_group():
    """Make a control group that may use 300 MB, and return the file that lets processes in."""
    own = _own_memory_group()
    if own is None:
        pytest.skip("No control group here has the memory.")
    group = own / f"lilota-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"No control group can be made here: {error}")
    try:
        limit = next((name for name in ("memory.max", "memory.limit_in_bytes") if (group / name).exists()), None)
        if limit is None:
            pytest.skip("A new control group has no limit of memory here: it is not delegated.")
        (group / limit).write_text("300000000", encoding="utf-8")
        yield group / "cgroup.procs"
    finally:
        until(lambda: (group / "cgroup.procs").read_text(encoding="utf-8"), lambda pids: not pids)
        group.rmdir()


_IN_GROUP = """
import os, sys
from pathlib import Path

if __name__ == "__main__":
    Path(sys.argv[1]).write_text(str(os.getpid()))
    from limited_tasks import REFERENCES, fill_without_limit, say, sleep_and_say
    from lilota import TaskRunner
    from lilota.config import Settings

    with TaskRunner("memory", 2, settings=Settings(tasks=REFERENCES), stop_seconds=0) as runner:
        greedy = runner.add(fill_without_limit.bind())
        try:
            greedy.result(60)
        except Exception:
            pass
        print(greedy.info().error.message)
        print(runner.add(say.bind(7)).result(60)[0])
        sleeping = runner.add(sleep_and_say.bind(600))
        while not sleeping.info().pid:
            pass
        os.kill(sleeping.info().pid, 9)
        while not sleeping.info().lost_attempts:
            pass
        print(sleeping.attempts()[0].error.message)
"""


def test_a_kill_of_the_kernel_is_told_apart_from_one_by_hand(small_group, tmp_path):
    """A real control group runs out of memory; afterwards somebody sends a SIGKILL."""
    program = tmp_path / "in_group.py"
    program.write_text(_IN_GROUP, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    done = subprocess.run(
        [sys.executable, program, str(small_group)],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env=environment,
        cwd=tmp_path,
    )

    by_kernel, seven, by_hand = done.stdout.splitlines() or [done.stderr, "", ""]
    assert "was killed by the kernel, because memory ran out" in by_kernel, done.stderr
    assert "its control group may use 300 MB" in by_kernel
    assert seven == "7"
    assert by_hand == f"The worker process was killed by signal {signal.SIGKILL.value} (SIGKILL)."
