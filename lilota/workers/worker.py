"""The process in which tasks run.

Two threads: the main thread runs attempts one after the other; the courier (in `outbox`) sends news and takes messages
while a task runs. The worker never touches the store. It dies with its runner.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from math import inf
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, Never, assert_never

from lilota import __version__
from lilota.contract import Fence
from lilota.engine.messages import (
    Finish,
    Interrupt,
    Lacking,
    Leaving,
    Loaded,
    Ready,
    Recall,
    Report,
    RunClaims,
    ShowStack,
    StopReason,
    Stored,
    ToWorker,
    Unfit,
)
from lilota.errors import (
    LilotaError,
    PluginError,
    StopTask,
    UnknownTaskError,
)
from lilota.hookspecs import AttemptDetails, WorkerDetails
from lilota.models import AttemptUpdate, Claim, Outcome, TaskBase, TaskState
from lilota.modules import import_modules
from lilota.plugins import Plugins
from lilota.plugins.delays import remarked_if_overdue
from lilota.registry import Registry
from lilota.tasks.limits import MESSAGE_LIMIT
from lilota.tasks.options import TaskOptions
from lilota.texts.words import size
from lilota.workers.assignments import Assignments
from lilota.workers.attempts import (
    ClassLackingError,
    ForAnotherWorkerError,
    no_class,
    not_begun,
    outcome_of,
    run_attempt,
    run_shared_attempt,
)
from lilota.workers.capture import OutputCapture
from lilota.workers.children import Children
from lilota.workers.current import RunningAttempt, stop_error
from lilota.workers.descriptions import storable
from lilota.workers.descriptors import out_of_reach
from lilota.workers.families import MARK_VARIABLE
from lilota.workers.forks import ForksEndHere
from lilota.workers.guard import Guard
from lilota.workers.inbox import Inbox
from lilota.workers.interrupts import Interrupts
from lilota.workers.logs import LineHandler, install_handler, notice, task_logger
from lilota.workers.outbox import Outbox
from lilota.workers.process_table import named
from lilota.workers.setup import EXIT_CONNECTION_LOST, WorkerSetup
from lilota.workers.stacks import Stacks
from lilota.workers.surroundings import Surroundings
from lilota.workers.use import own_memory_bytes

if TYPE_CHECKING:
    from lilota.files.attaching import FileKeeper
    from lilota.workers.coroutines import CoroutineRun
    from lilota.workers.sessions import Session

#: How a worker exits that has not what its runner has; it has said what.
EXIT_UNFIT: Final = 78
#: What a task left running may take so long to end when it is asked by SIGTERM, at most.
_PATIENCE_SECONDS: Final = 1.0


def be_worker(connection: socket.socket, setup: WorkerSetup) -> None:
    """Be a worker until the runner says that it is enough.

    The first thing that comes over the connection are two files: for what the worker prints, and for its stacks.
    """
    # A session of its own: what a task starts can be killed with it, and has no terminal on which to ask anybody.
    os.setsid()
    _set_signals()
    _data, (capture_file, stack_file), _flags, _address = socket.recv_fds(connection, 1, 2)
    os.environ[MARK_VARIABLE] = setup.mark
    Worker(connection, setup, OutputCapture(capture_file), Stacks(stack_file)).run()


def _set_signals() -> None:
    """Let only SIGTERM and stronger end this process, and have the programs that tasks start find all as usual."""
    # A program inherits what is blocked and what is ignored, but no handler.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, _leave_to_the_runner)


def _leave_to_the_runner(_number: int, _frame: FrameType | None) -> None:
    """Take a SIGINT that somebody sends to all processes of a service: the runner decides what it means."""


class Worker:
    """One worker process."""

    def __init__(self, connection: socket.socket, setup: WorkerSetup, capture: OutputCapture, stacks: Stacks) -> None:
        self._connection = socket.socket(fileno=out_of_reach(connection.detach()))
        self._setup = setup
        self._details = WorkerDetails(runner_id=setup.runner_id, pid=os.getpid())
        self._finishing = False
        self._interrupts = Interrupts()
        self._guard = Guard(self._interrupts)
        self._capture = capture
        self._stacks = stacks
        self._inbox = Inbox(self._connection, setup.runner_pid, self._obey, self._die_with_runner, self._die_alone)
        self._outbox = Outbox(self._send, self._inbox.look, capture, self._guard)
        self._assignments = Assignments(self._begin)
        self._handler = LineHandler(self._outbox.line)
        self._collect_logs()
        with self._remarked_if_overdue("What its plugins do to be loaded"):
            self._plugins = self._load_plugins()
        self._registry = Registry.from_references(setup.references, self._plugins)
        self._loaded: dict[str, type[TaskBase]] = {}
        self._has_run_one = False
        self._forks_end_here = ForksEndHere()
        self._files: FileKeeper | None = None
        self._session: Session | None = None
        self._coroutine: CoroutineRun | None = None
        self._children = Children()
        #: What a task left must be gone before the next step against its attempt is due.
        self._patience_seconds: dict[str, float] = {}
        os.register_at_fork(after_in_child=self._detach_fork)
        self._surroundings = Surroundings(capture, self._interrupts, stacks, self._collect_logs)

    def run(self) -> None:
        """Run attempts until there are no more to come, or until a task has left its marks on the process."""
        with self._remarked_if_overdue("What plugins do in lilota_worker_started"):
            self._plugins.observe("lilota_worker_started", worker=self._details)
        with self._remarked_if_overdue("What modules of tasks do when they are imported"):
            import_modules(self._setup.modules)
        self._outbox.printed()
        self._remember()
        self._outbox.tell(Ready(os.getpid()))
        marks = None
        while marks is None:
            attempt = self._assignments.start_next()
            self._tell_of_expired()
            if attempt is not None:
                marks = self._run_many(attempt) if self._leaves_room(attempt) else self._run_one(attempt)
            elif self._finishing:
                break
            else:
                self._outbox.rest()
                self._inbox.wait()
        self._leave(marks)

    def _load_plugins(self) -> Plugins:
        """Load the plugins of the runner. Without one of them nothing may run here: it may stand for a transaction."""
        try:
            _check_version(self._setup.lilota_version)
            return Plugins(self._setup.settings, pinned=self._setup.pinned)
        except PluginError as error:
            self._outbox.printed()
            self._outbox.tell(Unfit(os.getpid(), _reason(error)))
            os._exit(EXIT_UNFIT)  # threads that a plugin has started would keep the interpreter alive

    def _remarked_if_overdue(
        self, what: str, then: Callable[[], None] = lambda: None
    ) -> contextlib.AbstractContextManager[None]:
        def remark(text: str) -> None:
            self._outbox.line(notice(text))
            then()

        return remarked_if_overdue(f"{what} in the worker process {self._details.pid}", remark)

    def _leave_overdue(self) -> None:
        """Say that this process leaves, though a plugin holds it up: the runner ends who says so and stays."""
        self._outbox.tell(Leaving())

    # --- one attempt

    def _begin(self, claim: Claim) -> RunningAttempt:
        attempt = self._outbox.begin(claim)
        attempt.drive = self._run_coroutine
        attempt.file_keeper = self._file_keeper
        return attempt

    def _tell_of_expired(self) -> None:
        """Tell of what has waited here for another one to end, until it was too late to begin."""
        for claim, too_late in self._assignments.take_expired():
            self._outbox.append(not_begun(claim, too_late))

    def _file_keeper(self) -> FileKeeper:
        """Return what keeps the files of all attempts here; the file area is opened with the first file."""
        if self._files is None:
            from lilota.files.attaching import file_keeper  # noqa: PLC0415 - most tasks attach none

            setup = self._setup
            self._files = file_keeper(
                self._plugins, setup.settings, setup.store, setup.host, around=self._surroundings.threads_meant
            )
        return self._files

    def _run_one(self, attempt: RunningAttempt) -> str | None:
        """Run one attempt, report it, and return what is wrong with this process afterwards, if anything."""
        outcome = self._heeding_stop(attempt, self._guarded_attempt(attempt))
        self._has_run_one = True
        marks = self._put_right(attempt.marks, self._patience_seconds.get(attempt.claim.name, _PATIENCE_SECONDS))
        self._outbox.finish(outcome, more_follows=self._assignments.has_more() and not marks)
        return marks

    def _heeding_stop(self, attempt: RunningAttempt, outcome: Outcome) -> Outcome:
        if attempt.saw_stop and attempt.stop_reason is not None and outcome.state is TaskState.SUCCEEDED:
            # It looked, saw that it should end, and returned: nothing says that its work is complete.
            return self._stopped(attempt.claim, attempt.stop_error())
        return outcome

    def _put_right(self, marks: str | None, patience_seconds: float) -> str | None:
        """Put back what was changed, end what was left, and return what is wrong with this process, if anything.

        Args:
            marks: what is known to be wrong.
        """
        marks = self._surroundings.restore() or marks
        left = self._children.end_left(patience_seconds)
        if left is not None:
            marks = marks or left.marks
            if left.ended:
                self._outbox.line(notice(f"The task left processes running, which were ended: {named(left.ended)}."))
        if marks:
            self._outbox.line(notice(f"The worker process is replaced, because the task {marks}."))
        return marks

    # --- attempts that run at once

    def _leaves_room(self, attempt: RunningAttempt) -> bool:
        """Tell whether others may run beside an attempt; its class is imported to know that."""
        if self._setup.places_per_process == 1:
            return False
        self._try_to_load(attempt)
        return self._loaded.get(attempt.claim.name, no_class()).concurrent

    def _try_to_load(self, attempt: RunningAttempt) -> None:
        """Import the class of an attempt before it is run; what comes out of that is how it will end."""
        try:
            try:
                self._interrupts.open(attempt.claim.fence)
                self._load(attempt.claim.name, attempt)
            finally:
                self._interrupts.close()
        except BaseException as error:  # noqa: BLE001 - an import may raise anything
            attempt.load_error = error

    def _run_many(self, first: RunningAttempt) -> str | None:
        """Run an attempt, and others beside it, until none is left; return what is wrong with this process then."""
        from lilota.workers.sessions import Session  # noqa: PLC0415 - most tasks need no asyncio

        session = Session(self._run_shared, self._join, self._end_shared, self._outbox.line)
        self._outbox.share(first)
        self._session = session
        try:
            with self._outbox.watched(session.look):
                session.run(first)
        finally:
            self._session = None
        return self._put_right(session.marks, _PATIENCE_SECONDS)

    def _join(self) -> RunningAttempt | None:
        """Begin the next attempt beside those that run, None if there is none that leaves room for them."""
        while (claim := self._assignments.next_claim()) is not None:
            name = claim.name
            error = None
            if name not in self._loaded:
                try:
                    self._import(name)
                except BaseException as raised:  # noqa: BLE001 - an import may raise anything
                    error = raised
            if error is None and not self._loaded[name].concurrent:
                if self._assignments.take_back_one(claim):
                    self._outbox.tell(Report(returned=(claim.fence,)))
                continue
            attempt = self._assignments.join(claim)
            self._tell_of_expired()
            if attempt is not None:
                attempt.load_error = error
                self._outbox.share(attempt)
                return attempt
        return None

    async def _run_shared(self, attempt: RunningAttempt, as_stop: Callable[[BaseException], BaseException]) -> Outcome:
        claim = attempt.claim
        logger = task_logger(claim.name)
        logger.disabled = False  # as for one that runs alone
        return await run_shared_attempt(
            claim, lambda name: self._load(name, attempt), attempt, logger, self._await, as_stop=as_stop
        )

    async def _await(self, task: TaskBase) -> object:
        with self._forks_end_here:
            return await self._plugins.run_shared_attempt(AttemptDetails(task_info=task.task_info, task=task))

    def _end_shared(self, attempt: RunningAttempt, end: Outcome | BaseException) -> None:
        if not isinstance(end, Outcome):
            end = outcome_of(end, attempt.claim, self._loaded.get(attempt.claim.name, no_class()))
        self._assignments.leave(attempt)
        self._outbox.finish(self._heeding_stop(attempt, end), more_follows=True, attempt=attempt)

    def _guarded_attempt(self, attempt: RunningAttempt) -> Outcome:
        """Run the attempt with the door open for an exception; one that comes in the doorway counts too."""
        claim = attempt.claim
        logger = task_logger(claim.name)
        logger.disabled = False  # `logging.config` disables loggers that it does not know
        outcome = None
        try:
            try:
                self._interrupts.open(claim.fence)
                outcome = run_attempt(claim, lambda name: self._load(name, attempt), attempt, logger, self._call)
            finally:
                self._interrupts.close()
        except StopTask as stop:
            return outcome or self._stopped(claim, stop)
        return outcome

    def _run_coroutine(self, attempt: RunningAttempt, coroutine: Coroutine[Any, Any, object]) -> object:
        """Run what a coroutine function has returned; what ends it comes by its event loop, and not by a signal."""
        from lilota.workers.coroutines import CoroutineRun  # noqa: PLC0415 - most tasks need no asyncio

        run = self._coroutine = CoroutineRun(coroutine, attempt.note)
        attempt.stop_coroutine = run.stop
        self._interrupts.close()
        if attempt.stop_reason is not None:  # told while the loop was made: the door may have been shut before it
            run.stop(attempt.stop_error)
        try:
            return run.run(self._patience_seconds[attempt.claim.name])
        finally:
            self._coroutine = None
            attempt.marks = run.marks

    def _stopped(self, claim: Claim, stop: StopTask) -> Outcome:
        return outcome_of(stop, claim, self._loaded.get(claim.name, no_class()))

    def _load(self, name: str, attempt: RunningAttempt) -> type[TaskBase]:
        task_class = self._loaded.get(name)
        if attempt.load_error is not None:
            raise attempt.load_error
        if task_class is None:
            task_class = self._import(name)
        attempt.is_loading = False
        if task_class.max_memory_mb is not None or task_class.max_cpu_seconds is not None:
            self._prepare_limited(task_class, attempt)
        return task_class

    def _prepare_limited(self, task_class: type[TaskBase], attempt: RunningAttempt) -> None:
        """Have the runner watch an attempt; leave it to another worker, if earlier ones have left this one too large.

        Too large is what has half of the memory that it may use: the task would be blamed for what others have done.
        """
        limit_bytes = (task_class.max_memory_mb or inf) * 1_000_000
        used = own_memory_bytes() if self._has_run_one else 0
        if used > limit_bytes / 2:
            attempt.marks = f"may use {size(limit_bytes)}, and earlier ones have left {size(used)} in use"
            raise ForAnotherWorkerError(attempt.marks)
        self._outbox.tell_of_start(attempt)

    def _import(self, name: str) -> type[TaskBase]:
        with self._interrupts:
            task_class = self._loaded[name] = self._resolve(name)
            options = TaskOptions.of(task_class)
            self._patience_seconds[name] = min(_PATIENCE_SECONDS, options.kill_after_seconds / 2)
            self._outbox.tell(Loaded(name, options))
            self._remember()
        return task_class

    def _resolve(self, name: str) -> type[TaskBase]:
        """Return the class of a task of which the runner knows that there is one."""
        try:
            return self._registry.resolve(name)
        except (UnknownTaskError, PluginError) as error:
            # The package was upgraded or taken away below the runner, or contributes less here than there.
            self._outbox.tell(Lacking(name, _reason(error)))
            raise ClassLackingError(name) from error

    def _remember(self) -> None:
        """Take what the imports so far have changed for how things should be, but for who decides of a SIGINT."""
        signal.signal(signal.SIGINT, _leave_to_the_runner)
        self._surroundings.remember()
        self._children.remember()

    def _call(self, task: TaskBase) -> object:
        """Run the task. A fork that it makes, and that comes out of it here, ends here."""
        with self._forks_end_here:
            return self._plugins.run_attempt(AttemptDetails(task_info=task.task_info, task=task))

    def _leave(self, marks: str | None) -> None:
        """End this process; what did not start goes back."""
        self._outbox.tell(Report(returned=self._assignments.take_back_all()))
        with self._remarked_if_overdue("What plugins do in lilota_worker_stopping", self._leave_overdue):
            self._plugins.observe("lilota_worker_stopping", worker=self._details)
        self._children.end_all(_PATIENCE_SECONDS)
        self._outbox.printed()
        self._outbox.tell(Leaving())
        if marks:
            os._exit(0)  # threads that a task left would keep the interpreter alive

    # --- messages, in whichever thread has taken them

    def _obey(self, message: ToWorker) -> None:
        match message:
            case RunClaims(claims):
                self._assignments.add(claims)
                session = self._session
                if session is not None:
                    session.wake()
            case Interrupt(fence, reason, words):
                self._stop(fence, reason, words)
            case Recall():
                self._outbox.tell(Report(returned=self._assignments.take_back_queued()))
            case Stored(fence, number):
                self._assignments.note_stored(fence, number)
            case ShowStack():
                with contextlib.suppress(OSError):  # the task closed the file; nobody is told what is not there
                    self._stacks.write()
            case Finish():
                self._finishing = True
            case _:
                assert_never(message)

    def _stop(self, fence: Fence, reason: StopReason, words: str) -> None:
        match self._assignments.stop(fence, reason, words):
            case Claim() as claim:
                outcome = outcome_of(stop_error(reason, words), claim, no_class())
                self._outbox.append(AttemptUpdate(id=claim.id, token=claim.token, outcome=outcome))
            case RunningAttempt() as attempt if attempt.takes_exception():
                if attempt.stop_coroutine is not None:
                    attempt.stop_coroutine(attempt.stop_error)
                else:
                    self._interrupts.request(fence, attempt.stop_error)

    # --- the connection

    def _send(self, frame: bytes) -> None:
        try:
            self._connection.sendall(frame)
        except ConnectionError:
            self._die_with_runner()
        except OSError as error:
            self._die_alone(error)

    def _die_with_runner(self) -> Never:
        """Kill this process and all that its task started; nobody is left to report to."""
        try:
            with contextlib.suppress(OSError):  # the task has used up the descriptors, say
                self._children.kill_all()
            os.killpg(self._details.pid, signal.SIGKILL)
        finally:
            os._exit(1)  # the task has moved this process to another group

    def _die_alone(self, error: OSError) -> Never:
        """End this process, which can't be heard any more; the runner says why."""
        self._capture.note(f"The worker process can't reach its runner any more: {error}")
        os._exit(EXIT_CONNECTION_LOST)

    def _detach_fork(self) -> None:
        """Make a fork of this process a stranger: it does not speak for the worker, nor die as one."""
        self._interrupts.close()
        self._guard.detach_fork()
        for owner_of_loop in (self._session, self._coroutine):
            if owner_of_loop is not None:
                owner_of_loop.detach_fork()
        self._connection.close()
        if signal.getsignal(signal.SIGINT) is _leave_to_the_runner:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _collect_logs(self) -> None:
        install_handler(self._handler, self._setup.root_level, self._setup.logging_level)


def _check_version(of_runner: str) -> None:
    if of_runner != __version__:
        raise PluginError(
            f"The runner is of lilota {of_runner}, its worker process of lilota {__version__}. Restart the runner, and "
            "let both see the same installation."
        )


def _reason(error: LilotaError) -> str:
    return storable(str(error))[:MESSAGE_LIMIT]
