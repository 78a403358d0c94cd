"""What the tests of the suite share: an executor with workers, and all that was heard of them."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from lilota.config import Settings
from lilota.engine.events import Died, Event, Measured, Received, Retiring, WorkerUse
from lilota.engine.executor import Executor, ExecutorFactory, ExecutorOptions
from lilota.engine.messages import FromWorker, Ready, Report, RunClaims
from lilota.models import AttemptUpdate, Claim
from lilota.testing.executors.tasks import TASKS
from lilota.workers.setup import WorkerSetup

#: How long the suite waits for something that must happen, before it calls the executor broken.
DEADLINE_SECONDS = 60.0
#: How long a worker may take to come up, on a machine that may be busy.
START_SECONDS = 60.0

#: The lease of a runner that is silent for so long, where that is looked at; long enough for a busy machine.
LEASE_SECONDS = 6.0

#: What a runner asks for that has two places and knows the tasks of the suite.
OPTIONS: Final = ExecutorOptions(
    url="",
    number_of_processes=2,
    lease_seconds=30.0,
    worker_setup=msgspec.json.encode(
        WorkerSetup(
            runner_id="contract",
            settings=Settings(),
            references={name: f"{clazz.__module__}:{clazz.__qualname__}" for name, clazz in TASKS.items()},
            pinned=(),
            logging_level=logging.DEBUG,
            root_level=logging.WARNING,
        )
    ),
)

Answer = TypeVar("Answer")
Kind = TypeVar("Kind", bound=FromWorker | Retiring | Measured | Died)


class Crew:
    """An executor under test, and what was heard of its workers."""

    def __init__(self, factory: ExecutorFactory, options: ExecutorOptions = OPTIONS) -> None:
        self.factory: ExecutorFactory = factory
        self.executor: Executor = factory(options)
        self.heard: list[Event] = []

    def await_places(self) -> None:
        """Wait until there are the two places; those of a cluster may come a moment later."""

        def have_come() -> list[int]:
            places = self.executor.places()
            return [places] if places >= OPTIONS.number_of_processes else []

        if not have_come():
            self.listen(have_come, "Two places", START_SECONDS)

    def start(self, number: int) -> int:
        """Start a worker, wait until it is ready, and return its process id."""
        self.executor.start(number)
        return self.hear(number, Ready, START_SECONDS).pid

    def send(self, number: int, name: str, *ids: int, text: str = "") -> None:
        """Send attempts, each in a message of its own."""
        for task_id in ids:
            claim = Claim(id=task_id, token=1, attempt=1, name=name, input_json=json.dumps({"text": text}))
            self.executor.send(number, RunClaims((claim,)))

    def hold(self, number: int) -> list[int]:
        """Have a worker hold on to a task, and return the process ids of what this has started."""
        self.send(number, "hold", number)
        return self.children(number)

    def children(self, number: int) -> list[int]:
        """Wait until a worker says which processes its task has started, and return their ids."""
        (output,) = self.listen(lambda: [u.output_json for u in self.updates(number) if u.output_json], "its output")
        return [int(pid) for pid in json.loads(output)["children"]]

    def hear(self, number: int, kind: type[Kind], seconds: float | None = None) -> Kind:
        """Wait until a worker has said something of a kind, and return the first of that kind."""
        return self.listen(lambda: [x for x in self.said(number) if isinstance(x, kind)], kind.__name__, seconds)[0]

    def outcomes(self, number: int, count: int) -> list[AttemptUpdate]:
        """Wait for so many outcomes of a worker, and return all that there are."""

        def found() -> list[AttemptUpdate]:
            ended = [update for update in self.updates(number) if update.outcome is not None]
            return ended if len(ended) >= count else []

        return self.listen(found, f"{count} outcomes")

    def said(self, number: int) -> list[FromWorker | Retiring | Measured | Died]:
        """Return what was heard of a worker so far: its messages, its place, what it uses, and its death."""
        events = [event for event in self.heard if event.worker == number]
        return [event.message if isinstance(event, Received) else event for event in events]

    def measured(self, number: int) -> list[WorkerUse]:
        """Return what was heard so far of what a worker uses."""
        return [said.use for said in self.said(number) if isinstance(said, Measured) and said.use is not None]

    def updates(self, number: int) -> list[AttemptUpdate]:
        """Return what a worker has reported of its attempts so far."""
        return [update for said in self.said(number) if isinstance(said, Report) for update in said.updates]

    def listen(self, look: Callable[[], list[Answer]], what: str, seconds: float | None = None) -> list[Answer]:
        """Wait for events until there is something to be seen, and return it."""

        def heard() -> list[Answer]:
            self.heard += self.executor.wait(0.05)
            return look()

        return poll(heard, what, seconds)


def poll(look: Callable[[], Answer], what: str, seconds: float | None = None) -> Answer:
    """Look until there is something to be seen, and return it."""
    seconds = DEADLINE_SECONDS if seconds is None else seconds
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"{what} did not come within {seconds:g} s"
        time.sleep(0.002)
    return seen


def in_time(call: Callable[[], object], what: str) -> None:
    """Call something in another thread, which must return."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - it is raised again, in the thread of the test
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(DEADLINE_SECONDS)
    assert not thread.is_alive(), f"{what} did not return within {DEADLINE_SECONDS:g} s"
    if failures:
        raise failures[0]


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has waited for yet does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it belongs to another user
        pass
    if sys.platform != "linux":
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(*pids: int) -> None:
    """Wait until processes have ended."""
    poll(lambda: not any(is_alive(pid) for pid in pids), f"The end of the processes {pids}")
