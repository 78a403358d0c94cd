"""The programs of a history: one runs tasks, one adds them; both note what they ask the store and learn.

`python -c "from history.parties import main; main()" run|add STORE_URL ...`
"""

from __future__ import annotations

import argparse
import faulthandler
import itertools
import logging
import os
import signal
import time
from pathlib import Path

import msgspec

from history.recorded_tasks import TASKS
from history.recorder import FOLDER_VARIABLE, Recorder
from history.watching import WatchedStore
from lilota.config import Settings
from lilota.errors import StoreError
from lilota.foreground import stop_signals, wait_for_signal
from lilota.models import NewTask
from lilota.runner import TaskRunner
from lilota.stores import open_store

#: What a program is told as its source; workers of the runner import it too.
SOURCE = """
from history.parties import main

if __name__ == "__main__":
    main()
"""
READY = "ready"
#: How long tasks take that a program adds, in turn.
_SECONDS = (0.0, 0.0, 0.0, 0.03)


def main() -> None:
    """Be one of the parties."""
    parser = argparse.ArgumentParser()
    parser.add_argument("party", choices=("run", "add"))
    parser.add_argument("url")
    parser.add_argument("--lease-seconds", type=float, default=3.0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--batch", type=int, default=5)
    parser.add_argument("--pause-seconds", type=float, default=0.02)
    arguments = parser.parse_args()
    faulthandler.register(signal.SIGUSR1)  # whoever waits for the end of this program in vain can ask what it does
    logging.basicConfig(level=logging.INFO, format="%(relativeCreated)7d %(levelname)s %(name)s: %(message)s")
    recorder = Recorder(Path(os.environ[FOLDER_VARIABLE]), arguments.party)
    store = WatchedStore(open_store(arguments.url), recorder)
    if arguments.party == "run":
        run(store, arguments.lease_seconds, arguments.processes)
    else:
        add(store, arguments.count, arguments.batch, arguments.pause_seconds)
    store.inner.close()


def run(store: WatchedStore, lease_seconds: float, processes: int) -> None:
    """Run tasks until SIGTERM comes."""
    runner = TaskRunner(store, processes, lease_seconds=lease_seconds, settings=Settings())
    for name, clazz in TASKS.items():
        runner.register(name, clazz)
    # As `lilota worker` does it: it looks now and then. A signal that comes together with SIGCONT may go to another
    # thread, and would not wake a main thread that only waits.
    with stop_signals() as signals, runner:
        print(READY, flush=True)  # noqa: T201 - who has started this program waits for it
        wait_for_signal(runner, signals)


def add(store: WatchedStore, count: int, batch: int, pause_seconds: float) -> None:
    """Add tasks, some in each write, until so many are acknowledged; what has failed is not added again."""
    acknowledged = 0
    for number in itertools.count():
        try:
            acknowledged += len(store.add(_batch(f"{os.getpid()}-{number}", batch)))
        except StoreError as error:
            logging.getLogger(__name__).warning("Not acknowledged: %s", error)
        if acknowledged >= count:
            return
        time.sleep(pause_seconds)


def _batch(mark: str, size: int) -> list[NewTask]:
    return [new_task(f"{mark}-{part}", _SECONDS[part % len(_SECONDS)]) for part in range(size)]


def new_task(
    mark: str, seconds: float = 0.0, gate: Path | None = None, name: str = "recorded", delay_seconds: float = 0.0
) -> NewTask:
    """Return a task with a mark, that takes so long, or until there is a file."""
    known: dict[str, object] = {"mark": mark, "seconds": seconds}
    if gate is not None:
        known["gate"] = str(gate)
    text = msgspec.json.encode(known).decode()
    return NewTask(name=name, input_json=text, max_lost_attempts=50, delay_seconds=delay_seconds)
