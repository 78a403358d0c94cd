"""Whether the kernel has killed a process, because memory ran out: from the counts that it keeps.

With a real control group it is tested in `tests/acceptance/test_limits.py`; here are the files of both versions of
control groups, of which a machine has one.
"""

from __future__ import annotations

import pytest

from lilota.engine.events import WorkerUse
from lilota.workers.oom_kills import OomKills


class Machine:
    """The files of a machine, and the time."""

    def __init__(self, root):
        self.root = root
        self.now = 0.0
        self.write("proc/vmstat", "nr_free_pages 17\noom_kill 0\n")

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def has_killed(self, count, events=""):
        self.write("proc/vmstat", f"nr_free_pages 17\noom_kill {count}\n")
        if events:
            self.write(events, f"oom 9\noom_kill {count}\noom_group_kill 0\n")

    def kills(self):
        return OomKills(str(self.root), lambda: self.now)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("groups", "events", "limit"),
    [
        ("0::/shop/worker\n", "sys/fs/cgroup/shop/worker/memory.events", "sys/fs/cgroup/shop/worker/memory.max"),
        ("0::/../outside\n", "sys/fs/cgroup/memory.events", "sys/fs/cgroup/memory.max"),
        (
            "9:pids:/x\n4:cpu,memory:/docker/f00\n0::/\n",
            "sys/fs/cgroup/memory/docker/f00/memory.oom_control",
            "sys/fs/cgroup/memory/docker/f00/memory.limit_in_bytes",
        ),
        (
            "4:memory:/docker/f00\n",
            "sys/fs/cgroup/memory/memory.oom_control",
            "sys/fs/cgroup/memory/memory.limit_in_bytes",
        ),
    ],
    ids=["version 2", "version 2 in a container", "version 1", "version 1 in a container"],
)
def test_a_kill_in_the_own_control_group_is_told_with_numbers(machine, groups, events, limit):
    """Whatever version it is, and wherever a container has mounted it."""
    machine.write("proc/self/cgroup", groups)
    machine.write(limit, "2000000000\n")
    machine.has_killed(3, events)
    kills = machine.kills()

    before = kills.cause(None)
    machine.has_killed(4, events)

    assert before is None
    assert kills.cause(WorkerUse(1_900_000_000, 5.0)) == (
        "was killed by the kernel, because memory ran out "
        "(it used 1.9 GB when somebody looked last; its control group may use 2 GB)"
    )


def test_each_kill_explains_one_death(machine):
    """The next one may have another cause; two at once have both this one."""
    kills = machine.kills()
    machine.has_killed(2)

    causes = [kills.cause(None) for _ in range(3)]

    assert (
        causes[0]
        == causes[1]
        == (
            "was killed by signal 9 (SIGKILL), most likely because memory ran out "
            "(the kernel killed a process for that just now)"
        )
    )
    assert causes[2] is None


def test_a_kill_of_long_ago_explains_nothing(machine):
    """Who was killed then was somebody else."""
    kills = machine.kills()
    machine.has_killed(1)
    for machine.now in (2.0, 4.0):
        kills.look()

    assert kills.cause(None) is None


def test_a_kill_that_was_just_looked_at_still_explains_a_death(machine):
    """The count may be seen before the death is."""
    kills = machine.kills()
    machine.has_killed(1)
    machine.now = 2.0
    kills.look()

    assert kills.cause(None) is not None


@pytest.mark.parametrize("limit", ["max\n", "9223372036854771712\n", ""])
def test_a_group_without_a_limit_has_none_in_the_text(machine, limit):
    """Both versions have a way to say so."""
    machine.write("proc/self/cgroup", "0::/\n")
    machine.write("sys/fs/cgroup/memory.max", limit)
    machine.has_killed(0, "sys/fs/cgroup/memory.events")
    kills = machine.kills()

    machine.has_killed(1, "sys/fs/cgroup/memory.events")

    assert kills.cause(None) == "was killed by the kernel, because memory ran out"


def test_a_system_that_keeps_no_counts_explains_nothing(tmp_path):
    """Then it stays a SIGKILL."""
    assert OomKills(str(tmp_path)).cause(None) is None
