"""A runner as a program, for tests that kill it: `python lone_runner.py STORE`."""

from __future__ import annotations

import signal
import sys
import threading

from told_tasks import double, fail, quick_post, wait_for_file

from lilota import TaskRunner

if __name__ == "__main__":
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    runner = TaskRunner(sys.argv[1], 1, lease_seconds=1)
    for each in (double, fail, wait_for_file):
        runner.register(each)
    runner.register("lilota_notify.post", quick_post)
    with runner:
        stopping.wait()
