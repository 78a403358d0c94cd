"""A runner has as many worker processes as there are processors that it may use."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lilota.workers import processors
from lilota.workers.processors import usable_processors

needs_affinity = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system sets no affinity")


def tree(root, files):
    """Make a part of a file system, as Linux shows control groups in it."""
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


@pytest.fixture
def machine(monkeypatch):
    """A machine with 64 processors, all of which this process may use."""
    monkeypatch.setattr(processors, "_by_affinity", lambda: 64)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({}, 64, id="no Linux"),
        pytest.param({"proc/self/cgroup": "0::/\n"}, 64, id="no container"),
        pytest.param({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, 64, id="2, no quota"),
        pytest.param({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2, id="2, container"),
        pytest.param({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 2, id="a part"),
        pytest.param({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "1000 100000\n"}, 1, id="nearly none"),
        pytest.param({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "6500000 100000\n"}, 64, id="more"),
        pytest.param({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "nonsense"}, 64, id="nonsense"),
        pytest.param(
            {
                "proc/self/cgroup": "0::/system.slice/shop.service\n",
                "sys/fs/cgroup/system.slice/shop.service/cpu.max": "max 100000\n",
                "sys/fs/cgroup/system.slice/cpu.max": "300000 100000\n",
            },
            3,
            id="2, the quota of a group around it",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "9:name=systemd:/\n4:cpu,cpuacct:/a/b\n3:cpuset:/\n0::/\n",
                "sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "400000\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
            },
            4,
            id="1, the quota of a group around it",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "1:cpu:/docker/0123\n0::/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "25000\n",
            },
            2,
            id="1, container that sees its own group only",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "1:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "0\n",
            },
            64,
            id="1, no period",
        ),
    ],
)
def test_a_quota_limits_what_may_be_used(machine, tmp_path, files, expected):
    """Of control groups of version 2 and 1, the narrowest that is around the process."""
    assert usable_processors(str(tree(tmp_path, files))) == expected


@needs_affinity
def test_a_runner_counts_the_processors_when_it_starts():
    """Not when lilota is imported, nor those of the machine: the program may have been given fewer meanwhile."""
    program = """
import os
from lilota import TaskRunner
from lilota.stores import MemoryTaskStore
runner = TaskRunner(MemoryTaskStore())
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
with runner:
    print(runner._run.details.number_of_processes)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)

    assert done.stdout == "1\n", done.stderr


@needs_affinity
def test_the_command_counts_them_too():
    """`taskset` and the like are how an operator gives a worker fewer."""
    program = """
import os, signal, threading
from lilota.foreground import run_worker
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
def ready(facts):
    print(facts["processes"])
    os.kill(os.getpid(), signal.SIGTERM)
run_worker("memory", ready=ready, say=str)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)

    assert done.stdout == "1, started by forkserver\n", done.stderr
