"""Start worker processes, talk to them, and notice when one dies.

The engine decides; this does it. Each worker has a connection of its own and no lock is shared with it, so a worker
that is killed in the middle of a write leaves nothing but half a frame and the end of the stream. Writes never block:
what a worker does not take at once waits here.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import socket
import sys
import threading
import uuid
import weakref
from collections.abc import Generator, Iterator
from multiprocessing.process import BaseProcess
from typing import Final, cast

import msgspec

from lilota.contract import redacted
from lilota.engine.events import Died, Event, Measured, Received, WorkerUse
from lilota.engine.executor import ExecutorCapabilities, ExecutorOptions, StackWay
from lilota.engine.messages import Leaving, ShowStack, ToWorker
from lilota.errors import ConfigurationError
from lilota.texts.stacks import STACKS_LIMIT_BYTES
from lilota.workers.capture import last_lines, open_capture_file
from lilota.workers.families import Family, signal_all
from lilota.workers.frames import FrameError, FrameReader, decode_for_runner, encode
from lilota.workers.oom_kills import OomKills
from lilota.workers.preparing import prepare, start_method_for
from lilota.workers.process_table import named
from lilota.workers.setup import EXIT_CONNECTION_LOST, setup_decoder, worker_main
from lilota.workers.stacks import STACK_SIGNALS
from lilota.workers.starting import remedy_for, start_process
from lilota.workers.use import CAN_MEASURE, use_of

logger: logging.Logger = logging.getLogger(__name__)

#: What the selector says of the pipe that `wake` writes to.
_WAKE: Final = "wake"


class WorkerEnd:
    """The runner's end of one worker process."""

    def __init__(
        self, number: int, process: BaseProcess, family: Family, connection: socket.socket, files: tuple[int, int]
    ) -> None:
        self.number = number
        self.process = process
        self.family = family
        self.connection = connection
        self.capture_file: int = files[0]
        self.stack_file: int = files[1]
        self.is_leaving: bool = False
        self.frames: FrameReader = FrameReader()
        self.unsent: bytearray = bytearray()
        self.fault = ""
        self.was_killed: bool = False
        self.last_use: WorkerUse | None = None
        self.death_watch: int = _open_death_watch(process)


class WorkerProcesses:
    """The executor `processes`: all worker processes of one runner on this machine; see `Executor`.

    Raises:
        ConfigurationError: there is no such start method, or the URL says more than "processes".
    """

    def __init__(self, options: ExecutorOptions) -> None:
        if options.url not in {"", "processes"}:
            raise ConfigurationError(f"The executor is {redacted(options.url)!r}; write 'processes', without a URL.")
        self._method = start_method_for(options.start_method)
        self._number_of_processes = options.number_of_processes
        self._setup = setup_decoder.decode(options.worker_setup)
        self._workers: dict[int, WorkerEnd] = {}
        self._own_events: list[Event] = []
        self._closed = False
        self._oom_kills = OomKills()
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._wake_out, self._wake_in = os.pipe()
        os.set_blocking(self._wake_in, False)
        self._selector.register(self._wake_out, selectors.EVENT_READ, _WAKE)
        _close_in_forks(self)
        prepare(self._method)

    def capabilities(self) -> ExecutorCapabilities:
        description = f"processes of this machine, started by {self._method}"
        return ExecutorCapabilities(description=description, may_overlap=True)

    def places(self) -> int:
        return self._number_of_processes

    def pids(self) -> list[int]:
        with self._lock:  # a worker that is buried meanwhile has no process any more
            return [cast("int", worker.process.pid) for worker in self._workers.values()]

    def start(self, number: int) -> None:
        try:
            worker = self._start(number)
        except (OSError, EOFError, MemoryError) as error:
            # No memory, no descriptors, the working folder was deleted, or the fork server was killed just now.
            self._report_unborn(number, error)
            return
        with self._lock:
            self._workers[number] = worker
        self._selector.register(worker.connection, selectors.EVENT_READ, worker)
        self._selector.register(worker.death_watch, selectors.EVENT_READ, worker)

    def send(self, number: int, message: ToWorker) -> None:
        worker = self._workers.get(number)
        if worker is not None:
            worker.unsent += encode(message)
            self._push(worker)

    def kill(self, number: int, signal_number: signal.Signals) -> None:
        worker = self._workers.get(number)
        if worker is not None:
            worker.was_killed |= signal_number is signal.SIGKILL
            signal_all([worker.family], signal_number)

    def ask_for_stack(self, number: int, way: StackWay) -> None:
        worker = self._workers.get(number)
        if worker is None:
            return
        os.ftruncate(worker.stack_file, 0)
        if way is StackWay.MESSAGE:
            self.send(number, ShowStack())
        elif worker.process.exitcode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # its task has become another user
                os.kill(cast("int", worker.process.pid), STACK_SIGNALS[way])

    def stack(self, number: int) -> tuple[int, str] | None:
        worker = self._workers.get(number)
        return None if worker is None else (cast("int", worker.process.pid), _written_stack(worker))

    def measure(self, number: int, exact_above_bytes: int) -> None:
        worker = self._workers.get(number)
        if worker is None:
            return
        try:
            use = use_of(cast("int", worker.process.pid), exact_above_bytes)
        except OSError as error:  # the runner has no descriptors left, say; the next look may succeed
            logger.warning("What the worker process %s uses can't be looked for: %s", worker.process.pid, error)
            return
        if use is not None or not CAN_MEASURE:
            worker.last_use = use
            self._own_events.append(Measured(number, use))
            self.wake()

    def wait(self, timeout_seconds: float | None) -> list[Event]:
        self._oom_kills.look()
        events, self._own_events = self._own_events, []
        for key, mask in self._selector.select(timeout_seconds):
            if key.data is _WAKE:
                os.read(self._wake_out, 65_536)
            elif key.data.number in self._workers:  # not buried by an earlier key of this round
                events.extend(self._serve(key.data, mask, died=key.fileobj is not key.data.connection))
        return events

    def wake(self) -> None:
        with self._lock:  # a descriptor that is closed meanwhile may be somebody else's file by now
            if self._closed:
                return
            with contextlib.suppress(BlockingIOError):  # the pipe is full of wake-ups: it will return
                os.write(self._wake_in, b"!")

    def kill_all(self) -> None:
        with self._lock:  # a worker that is buried meanwhile has no process any more
            signal_all([worker.family for worker in self._workers.values()], signal.SIGKILL)

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self.kill_all()
        for worker in list(self._workers.values()):
            self._bury(worker)
        self._selector.close()
        os.close(self._wake_out)
        os.close(self._wake_in)

    # --- one worker

    def _start(self, number: int) -> WorkerEnd:
        mark = uuid.uuid4().hex
        setup = msgspec.json.encode(msgspec.structs.replace(self._setup, runner_pid=os.getpid(), mark=mark))
        with contextlib.ExitStack() as if_it_fails:
            ours, theirs = socket.socketpair()
            if_it_fails.enter_context(ours)
            with theirs:  # the worker gets a duplicate; ours must not keep the stream open after its death
                capture_file = open_capture_file()
                if_it_fails.callback(os.close, capture_file)
                stack_file = open_capture_file()
                if_it_fails.callback(os.close, stack_file)
                socket.send_fds(ours, [b"f"], [capture_file, stack_file])
                process = start_process(self._method, worker_main, (theirs, setup), f"lilota-worker-{number}")
            if_it_fails.pop_all()
        ours.setblocking(False)
        return WorkerEnd(number, process, Family(process, mark), ours, (capture_file, stack_file))

    def _report_unborn(self, number: int, error: Exception) -> None:
        """Count a worker that could not be started as one that died, so that the engine tries again later."""
        cause = f"could not be started: {error}. {remedy_for(error)}".rstrip()
        logger.error("A worker process %s", cause)
        self._own_events.append(Died(number, cause, ""))
        self.wake()

    def _serve(self, worker: WorkerEnd, mask: int, *, died: bool) -> Iterator[Event]:
        if mask & selectors.EVENT_WRITE:
            self._push(worker)
        # What a worker sent before its death counts, so it is read before the worker is buried.
        ended = yield from self._receive(worker, until_empty=died)
        if died or ended:
            yield self._bury(worker)

    def _receive(self, worker: WorkerEnd, *, until_empty: bool) -> Generator[Event, None, bool]:
        """Yield the messages that are there; return True if there will be no more."""
        while True:
            try:
                data = worker.connection.recv(65_536)
                for body in worker.frames.feed(data):
                    message = decode_for_runner(body)
                    worker.is_leaving |= isinstance(message, Leaving)
                    yield Received(worker.number, message)
            except BlockingIOError:
                return False
            except ConnectionError:
                return True
            except FrameError as error:
                worker.fault = f"was stopped: {error}"
                return True
            except MemoryError:
                worker.fault = "was stopped, because it sent more than its runner has memory for"
                return True
            if not data:
                return True
            if not until_empty:
                return False

    def _push(self, worker: WorkerEnd) -> None:
        try:
            sent = worker.connection.send(worker.unsent)
            del worker.unsent[:sent]
        except BlockingIOError:
            pass
        except ConnectionError:
            worker.unsent.clear()  # its death will be noticed by the next wait
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.unsent else 0)
        if self._selector.get_key(worker.connection).events != wanted:
            self._selector.modify(worker.connection, wanted, worker)

    def _bury(self, worker: WorkerEnd) -> Died:
        """Make sure that a worker and what it started are gone, and say why it died."""
        with self._lock:
            del self._workers[worker.number]
        self._selector.unregister(worker.connection)
        self._selector.unregister(worker.death_watch)
        worker.connection.close()
        cause = self._cause_of_death(worker)
        # One that leaves in order has ended its children itself: it knows them better, and sooner.
        if not (worker.is_leaving and worker.process.exitcode == 0):
            _end_family(worker)
        if worker.death_watch != worker.process.sentinel:
            os.close(worker.death_watch)
        worker.process.close()
        lines = last_lines(worker.capture_file)
        os.close(worker.capture_file)
        stack = _written_stack(worker)
        os.close(worker.stack_file)
        return Died(worker.number, cause, lines, stack)

    def _cause_of_death(self, worker: WorkerEnd) -> str:
        cause = _wait_for_end(worker)
        if worker.process.exitcode == -signal.SIGKILL and not (worker.was_killed or worker.fault or self._closed):
            return self._oom_kills.cause(worker.last_use) or cause
        return cause

    def _forget_in_fork(self) -> None:
        """Close, in a fork of the runner's process, the ends whose closing tells a worker that its runner died."""
        for worker in self._workers.values():
            worker.connection.close()


def _open_death_watch(process: BaseProcess) -> int:
    """Return a descriptor that becomes readable when the process ends, whoever inherited its other descriptors."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # it is gone already, or the kernel is old
            return os.pidfd_open(cast("int", process.pid))
    return process.sentinel


def _wait_for_end(worker: WorkerEnd) -> str:
    process = worker.process
    process.join(0.5)
    if process.exitcode is None:
        # Its connection ended before it did: a task closed it, or it talks nonsense.
        signal_all([worker.family], signal.SIGKILL)
        process.join(5)
        return worker.fault or describe_exit(EXIT_CONNECTION_LOST)
    return worker.fault or describe_exit(process.exitcode)


def _written_stack(worker: WorkerEnd) -> str:
    return os.pread(worker.stack_file, STACKS_LIMIT_BYTES, 0).decode(errors="backslashreplace")


def _end_family(worker: WorkerEnd) -> None:
    left = worker.family.end()
    if left:
        logger.warning(
            "The worker process %s is gone, but the system does not let lilota end what its task had started: %s",
            worker.process.pid,
            named(left),
        )


def describe_exit(code: int) -> str:
    """Say in plain words how a process ended.

    >>> describe_exit(-9)
    'was killed by signal 9 (SIGKILL)'
    >>> describe_exit(3)
    'exited with code 3'
    """
    if code == EXIT_CONNECTION_LOST:
        return "lost the connection to its runner (did the task close file descriptors?)"
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        return f"was killed by signal {-code}"
    return f"was killed by signal {-code} ({name})"


def _close_in_forks(processes: WorkerProcesses) -> None:
    reference = weakref.ref(processes)

    def forget() -> None:
        alive = reference()
        if alive is not None:
            alive._forget_in_fork()  # noqa: SLF001 - the hook belongs to the class

    os.register_at_fork(after_in_child=forget)
