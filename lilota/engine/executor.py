"""What the driver of the engine needs from somewhere that runs attempts.

An executor has places. In each of them it can start a worker: the process of `lilota.workers.worker`, which runs
attempts one after the other. The processes of this machine are one executor; a cluster's can be another.
The docstrings are the specification; `lilota.testing.ExecutorContract` is the same as tests.
"""

from __future__ import annotations

import enum
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from lilota.engine.events import Event
from lilota.engine.messages import ToWorker


class ExecutorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a runner wants of its executor. A plain record: as JSON it reaches other machines.

    Attributes:
        url: the name or URL that chose the executor ("processes", "dask://host:8786"); "" if a program passed the
            factory itself.
        worker_setup: what each worker of this runner has to know, a `WorkerSetup` as JSON. It holds nothing of the
            place where a worker is: `WorkerProcesses`, given these options on another machine, starts there what it
            starts here.
        number_of_processes: how many tasks the runner was asked to run at the same time. An executor whose places
            are a cluster's may have more or fewer, and says so in `places`.
        start_method: "forkserver", "spawn", or None for the first of them that a machine has.
        lease_seconds: how long after the last sign of life of the runner its tasks are left alone. An executor whose
            places are elsewhere must end what runs in a place that has not heard of its runner for two thirds of it.
        upload_modules: the paths of Python files that the runner was asked to bring to places that lack them, each a
            module of its own. The processes of this machine need none: they see the files of the runner.
    """

    url: str = ""
    worker_setup: bytes
    number_of_processes: int
    start_method: str | None = None
    lease_seconds: float
    upload_modules: tuple[str, ...] = ()


class ExecutorCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What an executor can promise.

    Attributes:
        description: where attempts run, for people.
        forced_kill: `kill` ends a worker and all that its task started, whatever the task does. Without it, a task
            that ignores its time limit or its cancellation goes on, and keeps its place.
        captured_output: what a worker printed last comes with its death.
        way_seconds: about how long a message to a worker and its answer take. A worker gets so much more work ahead,
            so that it need not wait for the next; and so much later an attempt counts as one that takes long.
        may_overlap: for a moment there may be more workers than `places`: one that is to be replaced may go on until
            the one that replaces it is up. Without it, a place is empty in between.
    """

    description: str
    forced_kill: bool = True
    captured_output: bool = True
    way_seconds: float = 0.0
    may_overlap: bool = False


@runtime_checkable
class Executor(Protocol):
    """Somewhere that runs attempts, for one start of a runner.

    The engine gives each worker a number, which it never uses a second time. It speaks to a worker in messages
    (`lilota.engine.messages`), and hears of it by the events of `wait` alone.

    Threads: one thread at a time calls the methods; `wake`, `kill_all`, `places` and `capabilities` may be called by
    any thread at any time. No method but `wait` may take long: while one does, all workers of the runner wait.

    Failures: what happens to one worker, or to the place where it is, is its death and no exception. What a method
    raises ends the runner, which then gives back all its tasks; so raise only if nothing can run here any more.

    All workers end with the process of the runner, however that ends.
    """

    def capabilities(self) -> ExecutorCapabilities:
        """Return what this executor can promise: the same at any time."""

    def places(self) -> int:
        """Return how many workers may live at the same time now; 0 if there is no place just now.

        Without a place a runner starts all the same, says so, and takes no tasks until there is one.
        It may change at any time, and whoever notices calls `wake`. New places get workers. Where a place is lost
        with its worker, that is a death whose cause says so ("was lost: its node left the cluster"); where only the
        number falls, workers that live go on until they leave. A place that is to be taken away in good order does not
        count from the moment on at which `wait` tells that its worker is `Retiring`.
        """

    def start(self, number: int) -> None:
        """Start a worker in a free place, under a number that is new.

        Returns at once. The worker's first message is `Ready`. If it can't be started, or there is no free place any
        more, it has died: `wait` says so, with the reason as its cause, and the engine tries again later.
        """

    def send(self, number: int, message: ToWorker) -> None:
        """Send a message to a worker, also to one that is not ready yet.

        Never waits for the worker: what it does not take now is kept for it. Messages arrive whole, once, and in the
        order in which they were sent. A number that is unknown, or whose worker is gone, is ignored: the engine may not
        have heard of its death yet.
        """

    def kill(self, number: int, signal_number: signal.Signals) -> None:
        """Send a signal to a worker and to all that its task has started; to no other worker.

        Returns at once. The death, if there is one, comes by `wait`. Unknown numbers are ignored, as in `send`.
        """

    def kill_all(self) -> None:
        """Kill all workers by SIGKILL; `wait` reports each death.

        For any thread: it is the last resort of a runner that has lost its lease, while the thread that waits is
        held up by something else.
        """

    def wait(self, timeout_seconds: float | None) -> Sequence[Event]:
        """Wait until a worker has sent something or died, or `wake` was called; return what happened.

        Returns early for no reason, if need be, and empty after the time. The events of one worker come in the order in
        which they happened; those of different workers need not.

        `Died` is the last event of a worker, and comes exactly once for each that was started. Whatever the worker had
        sent before its death comes before it. When it comes, the process and all that its task had started are gone,
        because the engine lets the attempt run again elsewhere. Only what the system does not let the executor end (a
        program of another user) may live; a log line names it. Where a place can't be reached any more, its workers
        must end by themselves before that. The cause is a predicate in plain words: "was killed by signal 9 (SIGKILL)",
        "exited with code 3". A worker that sends what is no message is killed, and the cause says so.

        Args:
            timeout_seconds: None waits as long as it takes.
        """

    def wake(self) -> None:
        """Make the present `wait` return, or else the next one. For any thread, also after `close`."""

    def close(self) -> None:
        """Kill what still runs, and release everything: no process, thread, connection or file is left.

        After it, only `wake`, `kill_all` and `close` are called, and do nothing. Their deaths are told to nobody.
        """


class StackWay(enum.Enum):
    """How a worker is asked for its stacks, from the gentlest way on; who shall go on is asked in their order.

    Attributes:
        MESSAGE: it answers by itself, for all of its threads.
        SIGNAL: from outside, also while C code keeps the interpreter from answering, for the thread that takes the
            signal alone, which is that of the task if it can.
        FORCE: from outside, for all threads. Those that move meanwhile may bring the worker down, so it is for one that
            is killed next, or answers in no other way.
    """

    MESSAGE = enum.auto()
    SIGNAL = enum.auto()
    FORCE = enum.auto()


@runtime_checkable
class ShowsStacks(Protocol):
    """What an executor may be able to do besides: tell where its workers are in their Python code.

    One without it works as well; then `lilota stack` says that it can't, and what is killed leaves no stack.
    """

    def ask_for_stack(self, number: int, way: StackWay) -> None:
        """Have a worker write the stacks of its threads, in the form of `faulthandler`, in place of those before.

        Returns at once. Called as `send` is, and unknown numbers are ignored as there. When the worker dies, `Died`
        brings the stacks that it wrote last.
        """

    def stack(self, number: int) -> tuple[int, str] | None:
        """Return the process of a worker and what it has written so far since it was asked; None if it is gone.

        Called as `send` is.
        """


@runtime_checkable
class MeasuresWorkers(Protocol):
    """What an executor may be able to do besides: tell what its workers use, of memory and of processors.

    Without it the limits of tasks (`max_memory_mb`, `max_cpu_seconds`) and `recycle_after_mb` have no effect; the
    runner says so in its log and in `lilota runners`.
    """

    def measure(self, number: int, exact_above_bytes: int) -> None:
        """Look what a worker and all that its task has started use; `wait` tells it as `Measured`.

        Returns at once. Called as `send` is, and unknown numbers are ignored as there; some times per second while an
        attempt runs that has a limit, and else not.

        Args:
            exact_above_bytes: processes may share memory. What each of them has is added up, which counts that
                several times, unless the sum is above this: then each counts its share, which takes longer to find out.
        """


@runtime_checkable
class RunsHere(Protocol):
    """What an executor may be able to do besides: tell which processes of this machine its workers are.

    Without it a runner tells how much memory it takes itself, and nothing of its workers.
    """

    def pids(self) -> Sequence[int]:
        """Return the process ids of the workers that live; any thread may ask."""


@runtime_checkable
class HasNodes(Protocol):
    """What an executor may be able to do besides: tell on which nodes its places and its workers are.

    One without it works as well; then nothing is said of nodes, as all is on the machine of the runner.
    """

    def node(self, number: int) -> str:
        """Return the name of the node where a worker is, for people: "tcp://10.0.0.7:4001 (gpu7)"; "" if unknown.

        Called as `send` is, when the worker has told its first message, and for one that had none when it has died.
        """

    def nodes(self) -> Mapping[str, int]:
        """Return how many of the `places` are on which node, by the names of `node`; any thread may ask."""


@runtime_checkable
class FollowsDemand(Protocol):
    """What an executor may be able to do besides: have more places when there is more to do, and fewer when not.

    How many there are is its own decision: it gets to know what the decision needs.
    """

    def note_demand(self, busy: int, *, more_waits: bool) -> None:
        """Hear how many workers have something to run, and whether all have while more waits.

        Called as `send` is, and in each round of the engine: it must only remember.
        """


#: Makes an executor, when a runner starts. It may connect; what can't be used is a `ConfigurationError`.
ExecutorFactory = Callable[[ExecutorOptions], Executor]
