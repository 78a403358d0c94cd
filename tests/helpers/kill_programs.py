"""The programs of the kill tests: one runs tasks, one adds them. `python -m kill_programs run|add URL ...`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from runner_tasks import TASKS

from lilota.client import TaskClient
from lilota.config import Settings
from lilota.plugins import Plugins
from lilota.registry import Registry
from lilota.runner import TaskRunner


def run(url: str) -> None:
    """Run tasks with a short lease until SIGTERM comes."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    runner = TaskRunner(url, 2, lease_seconds=1.0, settings=Settings())
    for name, clazz in TASKS.items():
        runner.register(name, clazz)
    with runner:
        ended.wait()


def add(url: str, log: str, count: str) -> None:
    """Add tasks of some kinds, and write each acknowledged id into the log at once, in one write that survives us."""
    registry = Registry(Plugins(Settings()), Settings())
    for name, clazz in TASKS.items():
        registry.register(name, clazz)
    descriptor = os.open(Path(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with TaskClient(url, registry=registry) as client:
        for number in range(int(count)):
            seconds = (0.0, 0.0, 0.02, 0.1)[number % 4]
            tasks = [
                {"name": "hash", "input": {"text": f"{os.getpid()}-{number}-{part}", "seconds": seconds}}
                for part in range(1 + number % 3)
            ]
            handles = client.add_many(tasks)
            os.write(descriptor, "".join(f"{handle.id}\n" for handle in handles).encode())


if __name__ == "__main__":
    {"run": run, "add": add}[sys.argv[1]](*sys.argv[2:])
