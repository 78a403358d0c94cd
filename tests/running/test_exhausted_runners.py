"""A runner that has no descriptors or no memory left goes on when there are some again, or fails loudly."""

from __future__ import annotations

import pytest
from programs import Program

BEGIN = """
import os, resource, sys, time
from runner_tasks import Crash, Hash, Sleep
from exhausting_tasks import Long
from lilota.config import Settings
from lilota.errors import LilotaError
from lilota.runner import TaskRunner

def until(is_right):
    deadline = time.monotonic() + 60
    while not is_right():
        assert time.monotonic() < deadline
        time.sleep(0.05)

def has_run(handle):
    try:
        info = handle.info()
    except (MemoryError, LilotaError):  # who looks has no memory left either
        return False
    return info.lost_attempts or info.state.is_terminal

if __name__ == "__main__":
    runner = TaskRunner("sqlite:///tasks.db", 2, settings=Settings())
    for clazz in (Crash, Hash, Sleep, Long):
        runner.register(clazz.__name__, clazz)
    runner.start()
    runner.add("Hash", input={"text": "a"}).result(60)
"""

DESCRIPTORS = """
    asleep = runner.add("Sleep")
    until(lambda: asleep.info().reported_progress)
    pid = asleep.info().pid
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    held = []
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    os.kill(pid, 9)  # another worker can't be started just now
    time.sleep(2)
    for descriptor in held:
        os.close(descriptor)
"""

MEMORY = """
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 40 * 2**20, hard))
    long = [runner.add("Long") for _ in range(4)]
    until(lambda: runner.failure or all(map(has_run, long)))
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
"""

END = """
    if runner.failure is None:
        print(runner.add("Hash", input={"text": "b"}).result(60))
        print("goes on")
        runner.stop(timeout_seconds=0)
    else:
        try:
            runner.add("Hash", input={"text": "b"})
        except LilotaError as error:
            print("fails loudly", error)
    sys.stdout.flush()
    os._exit(0)
"""


@pytest.mark.parametrize("trouble", [DESCRIPTORS, MEMORY], ids=["descriptors", "memory"])
def test_a_runner_that_is_out_of_something_goes_on_afterwards_or_fails_loudly(tmp_path, trouble):
    """It neither hangs nor goes on without anybody knowing that it does nothing."""
    program = Program(tmp_path, BEGIN + trouble + END)

    assert program.wait() == 0, program.output
    assert "goes on" in program.output or "fails loudly" in program.output
    assert program.left_alive() == {}
