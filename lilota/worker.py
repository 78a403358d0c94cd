"""The process in which tasks run.

Three threads: the main thread runs attempts one after the other; the reader takes messages from the runner; the
courier (in `outbox`) sends news. The worker never touches the store. It dies with its runner.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections import deque
from pathlib import Path
from queue import SimpleQueue
from typing import Final, assert_never

import msgspec

from lilota.attempts import call_run, run_attempt
from lilota.config import Settings
from lilota.contract import Fence
from lilota.errors import CancelRequested, RunnerStopping, StopTask, TimeoutReached
from lilota.frames import (
    Finish,
    FrameReader,
    Interrupt,
    Leaving,
    Loaded,
    Ready,
    Recall,
    Report,
    Run,
    StopReason,
    TaskOptions,
    ToWorker,
    decode_for_worker,
)
from lilota.hookspecs import AttemptDetails, WorkerDetails
from lilota.interrupts import Interrupts
from lilota.logs import LOGGER_NAME, LineHandler, OutputCapture, task_logger
from lilota.models import AttemptUpdate, Claim, JSONObject, LogLine, Outcome, TaskBase, TaskState
from lilota.outbox import Outbox
from lilota.plugins import PinnedEntry, Plugins
from lilota.registry import Registry

_STOP_ERRORS: Final[dict[StopReason, type[StopTask]]] = {
    "cancel": CancelRequested,
    "timeout": TimeoutReached,
    "shutdown": RunnerStopping,
}


class WorkerSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker needs to know to be like every other worker of its runner; travels as JSON.

    Attributes:
        references: task name -> "module:qualname" of the classes that were registered or configured.
        pinned: the plugin entries that the runner resolved; the worker looks for no others.
        capture_path: the file that takes the output of the process.
        logging_level: of the logger `lilota`; `root_level` of the root logger.
    """

    runner_id: str
    runner_pid: int
    settings: Settings
    references: dict[str, str]
    pinned: tuple[PinnedEntry, ...]
    capture_path: str
    logging_level: int
    root_level: int


def worker_main(connection: socket.socket, setup_json: bytes) -> None:
    """Be a worker until the runner says that it is enough."""
    os.setpgid(0, 0)  # a group of its own, so that the children of a task can be killed with it
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Worker(connection, msgspec.json.decode(setup_json, type=WorkerSetup)).run()


class Worker:
    """One worker process."""

    def __init__(self, connection: socket.socket, setup: WorkerSetup) -> None:
        self._connection = connection
        self._setup = setup
        self._details = WorkerDetails(runner_id=setup.runner_id, pid=os.getpid())
        self._queue: deque[Claim] = deque()
        self._wake_up: SimpleQueue[None] = SimpleQueue()
        self._finishing = False
        self._word_left: tuple[Fence, StopReason] | None = None
        self._capture = OutputCapture(Path(setup.capture_path))
        self._interrupts = Interrupts()
        self._outbox = Outbox(connection.sendall, self._capture, self._interrupts)
        self._install_logging()
        self._plugins = Plugins(setup.settings, pinned=setup.pinned)
        self._registry = Registry.from_references(setup.references, self._plugins)
        self._loaded: dict[str, type[TaskBase]] = {}
        threading.Thread(target=self._read, name="lilota-reader", daemon=True).start()
        self._threads = threading.active_count()
        self._home = os.getcwd()

    def run(self) -> None:
        """Run attempts until there are no more to come, or until a task has left its marks on the process."""
        self._plugins.observe("lilota_worker_started", worker=self._details)
        self._outbox.tell(Ready(os.getpid()))
        marks = None
        while marks is None:
            try:
                claim = self._queue.popleft()
            except IndexError:
                if self._finishing:
                    break
                self._wake_up.get()
                continue
            marks = self._run_one(claim)
        self._leave(marks)

    def _run_one(self, claim: Claim) -> str | None:
        """Run one attempt, report it, and return what is wrong with this process afterwards, if anything."""
        current = self._outbox.begin(claim)
        if self._word_left is not None and self._word_left[0] == current.fence:
            self._interrupt(*self._word_left)
        outcome = self._guarded_attempt(claim)
        if current.cancelled and current.saw_cancelled and outcome.state is TaskState.SUCCEEDED:
            outcome = Outcome(state=TaskState.CANCELLED)  # it looked, saw, and returned early
        marks = self._find_marks()
        if marks:
            self._outbox.line(_notice(f"The worker process is replaced, because the task {marks}."))
        self._outbox.finish(outcome, more_follows=bool(self._queue) and not marks)
        return marks

    def _guarded_attempt(self, claim: Claim) -> Outcome:
        """Run the attempt with the door open for interrupts; one that comes as the door closes counts too."""
        logger = task_logger(claim.name)
        try:
            try:
                self._interrupts.open()
                return run_attempt(claim, self._load, self._outbox, logger, self._call)
            finally:
                self._interrupts.close()
        except RunnerStopping:
            return Outcome(state=TaskState.PENDING, spends_attempt=False)
        except StopTask:
            return Outcome(state=TaskState.CANCELLED)

    def _load(self, name: str) -> type[TaskBase]:
        task_class = self._loaded.get(name)
        if task_class is None:
            with self._interrupts:
                task_class = self._loaded[name] = self._registry.resolve(name)
                self._outbox.tell(Loaded(name, _options(task_class)))
        return task_class

    def _call(self, task: TaskBase) -> JSONObject | None:
        if not self._plugins.has("lilota_run_attempt"):
            return call_run(task)
        return self._plugins.run_attempt(AttemptDetails(task_info=task.task_info, task=task), task.run)

    def _find_marks(self) -> str | None:
        """Say what the last task did to the process that its neighbours must not feel, or return None."""
        if threading.active_count() != self._threads:
            left = threading.active_count() - self._threads
            return f"left {left} thread{'s' * (left != 1)} behind"
        if not self._capture.is_intact():
            return "closed or replaced the standard output"
        if not self._interrupts.is_installed() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
            return "changed signal handlers"
        if _current_folder() != self._home:
            return "changed the working folder"
        return None

    def _leave(self, marks: str | None) -> None:
        """End this process; what did not start goes back."""
        self._return_queued()
        self._plugins.observe("lilota_worker_stopping", worker=self._details)
        self._outbox.tell(Leaving())
        if marks:
            os._exit(0)  # threads that a task left would keep the interpreter alive

    # --- the reader thread

    def _read(self) -> None:
        frames = FrameReader()
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        runner = _watch_process(self._setup.runner_pid, poll)
        while True:
            ready = dict(poll.poll())
            data = b"" if runner in ready else self._receive()
            if not data:
                self._die_with_runner()
            for body in frames.feed(data):
                self._obey(decode_for_worker(body))

    def _receive(self) -> bytes:
        try:
            return self._connection.recv(262_144)
        except OSError:
            return b""  # the task closed the descriptor: the connection is as lost as if the runner were gone

    def _obey(self, message: ToWorker) -> None:
        match message:
            case Run(claims):
                self._queue.extend(claims)
                self._wake_up.put(None)
            case Interrupt(fence, reason):
                self._interrupt(fence, reason)
            case Recall():
                self._return_queued()
            case Finish():
                self._finishing = True
                self._wake_up.put(None)
            case _:
                assert_never(message)

    def _interrupt(self, fence: Fence, reason: StopReason) -> None:
        # Between the queue and its start an attempt is in neither place: leave word, then look again.
        self._word_left = fence, reason
        current = self._outbox.interrupt(fence)
        if current is None:
            self._end_queued(fence, reason)
        elif reason != "cancel" or not current.saw_cancelled:
            # A task that looks at `self.cancelled` ends itself where it likes; the runner's patience has a limit.
            self._interrupts.request(_STOP_ERRORS[reason])

    def _end_queued(self, fence: Fence, reason: StopReason) -> None:
        for claim in list(self._queue):
            if (claim.id, claim.token) == fence and self._remove_queued(claim):
                again = reason == "shutdown"
                state = TaskState.PENDING if again else TaskState.CANCELLED
                outcome = Outcome(state=state, spends_attempt=not again)
                self._outbox.append(AttemptUpdate(id=claim.id, token=claim.token, outcome=outcome))
                self._outbox.flush()

    def _remove_queued(self, claim: Claim) -> bool:
        try:
            self._queue.remove(claim)
        except ValueError:
            return False  # it started in this very moment
        return True

    def _return_queued(self) -> None:
        returned = []
        while self._queue:
            try:
                returned.append(self._queue.pop())
            except IndexError:
                break
        self._outbox.tell(Report(returned=tuple((claim.id, claim.token) for claim in reversed(returned))))

    def _die_with_runner(self) -> None:
        """Kill this process and all that its task started; nobody is left to report to."""
        Path(self._setup.capture_path).unlink(missing_ok=True)
        os.killpg(0, signal.SIGKILL)

    def _install_logging(self) -> None:
        root = logging.getLogger()
        root.handlers = [LineHandler(self._outbox.line)]
        root.setLevel(self._setup.root_level)
        logging.getLogger(LOGGER_NAME).setLevel(self._setup.logging_level)
        logging.captureWarnings(capture=True)


def _options(task_class: type[TaskBase]) -> TaskOptions:
    return TaskOptions(
        timeout_seconds=task_class.timeout_seconds,
        kill_after_seconds=task_class.kill_after_seconds,
        max_attempts=task_class.max_attempts,
        max_lost_attempts=task_class.max_lost_attempts,
        backoff=task_class.backoff,
    )


def _notice(text: str) -> LogLine:
    return LogLine(at=time.time(), text=text, level=logging.WARNING, source="lilota", logger=LOGGER_NAME)


def _current_folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def _watch_process(pid: int, poll: select.poll) -> int | None:
    """Make `poll` report the end of a process, where the system can; return the descriptor.

    The end of the connection says the same, but not as long as a fork of the runner holds the other end open.
    """
    if sys.platform != "linux":
        return None
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return None
    poll.register(descriptor, select.POLLIN)
    return descriptor
