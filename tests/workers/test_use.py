"""What a process and all that it has started use, as `/proc` tells it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time

import pytest

from lilota.workers import use
from lilota.workers.use import CAN_MEASURE, memory_with, own_memory_bytes, use_of

pytestmark = pytest.mark.skipif(not CAN_MEASURE, reason="This system has no /proc.")

_SHARING = """
import os, sys
held = os.urandom(100_000_000)
if all(os.fork() for _ in range(3)):  # a child forks no further
    print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def sharing():
    """Start a process with 100 MB that its descendants share with it, and return its id."""
    with subprocess.Popen(
        [sys.executable, "-c", _SHARING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.stdin.close()


def test_what_processes_share_is_counted_for_each_as_long_as_that_is_little_enough(sharing):
    """The quick sum is good enough below a bound."""
    assert use_of(sharing, 2**60).memory_bytes > 400_000_000


def test_above_that_each_counts_its_share(sharing):
    """Together they use little more than the one would alone."""
    assert 100_000_000 < use_of(sharing, 0).memory_bytes < 250_000_000


def test_processor_time_of_children_counts_while_they_run_and_when_they_are_gone():
    """What a child has used stays with who has waited for it."""
    began = use_of(os.getpid(), 2**60).cpu_seconds
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    deadline = time.monotonic() + 60
    while (while_it_runs := use_of(os.getpid(), 2**60).cpu_seconds - began) < 0.3:
        assert time.monotonic() < deadline
    busy.kill()
    busy.wait()

    # A tick less may be a matter of rounding.
    assert use_of(os.getpid(), 2**60).cpu_seconds - began >= while_it_runs - 0.01 - 1e-6


def test_a_process_that_is_gone_uses_nothing_that_could_be_told():
    """Its death is told elsewhere."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    assert use_of(process.pid, 0) is None


def test_a_process_can_tell_its_own_memory():
    """Python alone takes some."""
    assert own_memory_bytes() > 5_000_000


def test_a_runner_can_tell_its_memory_with_that_of_its_workers(sharing):
    """Of their children and theirs too; what they share is counted for each."""
    own = memory_with([])

    assert own > 5_000_000
    assert memory_with([sharing]) > own + 400_000_000


def test_a_worker_that_is_gone_has_no_memory():
    """It may end while somebody looks."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    assert memory_with([process.pid]) == pytest.approx(memory_with([]), rel=0.5)


def test_where_nothing_can_be_opened_no_memory_is_told():
    """A runner that has no descriptors left goes on, and tells it again when it has some."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        told = memory_with([])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    assert told is None
    assert memory_with([]) > 0


def test_where_the_system_does_not_tell_no_memory_is_told(monkeypatch):
    """It is no 0, which would be a number."""
    monkeypatch.setattr(use, "CAN_MEASURE", False)

    assert memory_with([]) is None
