"""Run tasks in the foreground of this process until a signal says stop: what `lilota worker` does, for any program."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import queue
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Thread
from types import FrameType
from typing import Final

from lilota.config import Settings, load_settings
from lilota.contract import TaskStore, redacted
from lilota.errors import LilotaError, RunnerStateError
from lilota.modules import NOT_USED
from lilota.plugins import Plugins
from lilota.registry import Registry
from lilota.runner import TaskRunner
from lilota.running.heartbeat_file import HeartbeatFile
from lilota.running.pulse import Pulse
from lilota.running.service_manager import ServiceManager
from lilota.texts.words import duration
from lilota.workers.preparing import start_method_for
from lilota.workers.processors import usable_processors
from lilota.workers.starting import remedy_for
from lilota.workers.trial import Trial, look_into_modules

logger: logging.Logger = logging.getLogger(__name__)

#: What asks to stop. SIGHUP comes when the terminal is closed.
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
#: How late a runner that ended by itself is noticed.
_LOOK_SECONDS: Final = 1.0


def run_worker(
    store: TaskStore | str | None = None,
    processes: int | None = None,
    *,
    ready: Callable[[Mapping[str, str]], object],
    say: Callable[[str], object],
    queues: Sequence[str] | None = None,
    grace_seconds: float = 30.0,
    lease_seconds: float = 30.0,
    start_method: str | None = None,
    executor: str | None = None,
    upload_modules: Sequence[str] = (),
    places_per_process: int | None = None,
    heartbeat_file: str | os.PathLike[str] | None = None,
    recycle_after_tasks: int | None = None,
    recycle_after_seconds: float | None = None,
    recycle_after_mb: float | None = None,
    settings: Settings | None = None,
    registry: Registry | None = None,
    service: ServiceManager | None = None,
) -> None:
    """Start a runner, and return when a signal has stopped it. Only in the main thread.

    The first signal stops in good order: running tasks have the grace period to end, and what has not ended then is
    given back, to run again later. A second signal gives back at once. A third one waits for nothing, not even for the
    store: it ends the process as if nobody had caught it, and what ran counts as lost once the lease has run out.

    Args:
        store, processes, queues, lease_seconds, start_method, executor, upload_modules, places_per_process,
            recycle_after_tasks, recycle_after_seconds, recycle_after_mb, settings, registry: see `TaskRunner`.
        ready: is called when the runner has started, with what it does, for people: label -> value.
        say: is called with each sentence about the stopping.
        grace_seconds: how long running tasks may go on after the first signal.
        heartbeat_file: a file that is younger than a few seconds as long as the runner goes on and its store answers;
            None takes the configured one.
        service: who has started this process as a service; None looks into the environment. Who starts processes
            before this looks itself: they must not inherit it.

    Raises:
        TypeError, LilotaError: as for `TaskRunner`; or the runner has ended by itself.
    """
    service = service or ServiceManager.taken_from(os.environ)
    settings = settings or (registry.plugins.settings if registry else load_settings())
    pulse = Pulse(_heartbeat_file(settings.heartbeat_file if heartbeat_file is None else heartbeat_file), service)
    registry = registry or Registry(Plugins(settings), settings)
    executor = executor or settings.executor
    processes = usable_processors() if processes is None else processes
    here = executor == "processes"
    untried = registry.references_not_imported() if here else {}
    if here:
        find_in_modules(registry, start_method)
    with stop_signals() as signals:
        runner = TaskRunner(
            store,
            processes,
            queues=queues,
            lease_seconds=lease_seconds,
            start_method=start_method,
            executor=executor,
            upload_modules=upload_modules,
            places_per_process=places_per_process,
            recycle_after_tasks=recycle_after_tasks,
            recycle_after_seconds=recycle_after_seconds,
            recycle_after_mb=recycle_after_mb,
            stop_seconds=grace_seconds,
            settings=settings,
            registry=registry,
        )
        runner.start()
        signals.take_back()
        name = ""
        trial = Trial(untried, registry.plugins, start_method)
        try:
            places = f"{processes}, started by {start_method_for(start_method)}" if here else redacted(executor)
            Thread(target=_tell_of_tasks, args=(trial, settings), name="lilota-trial", daemon=True).start()
            ready(_facts(runner, places, queues))
            pulse.ready()
            name = wait_for_signal(runner, signals, pulse)
        finally:
            trial.close()
            _stop_within(runner, signals, say, pulse, name=name, grace_seconds=grace_seconds)
    pulse.end()
    _say(say, "Stopped.")


def _heartbeat_file(path: str | os.PathLike[str] | None) -> HeartbeatFile | None:
    return None if path is None else HeartbeatFile(path, f"lilota: process {os.getpid()} on {platform.node()}\n")


def find_in_modules(registry: Registry, start_method: str | None = None) -> None:
    """Find what the modules of the settings declare, and say which can't be used; once for a registry.

    They are imported in another process: what a runner needs of them are names, and one that ends its process, or
    hangs, must end no runner.

    Raises:
        LilotaError: no process could be started.
    """
    source = registry.plugins.settings.source_of("modules")
    try:
        found = look_into_modules(registry, start_method)
    except (OSError, EOFError) as error:
        raise LilotaError(f"No process can be started to import modules: {error}. {remedy_for(error)}") from error
    for tried in found:
        if tried.problem:
            logger.error(NOT_USED, tried.problem, source)
        for remark in tried.remarks:
            logger.warning("%s", remark)
    if found:
        for conflict in registry.conflicts():
            logger.error("%s", conflict)


class StopSignals(SimpleQueue[signal.Signals]):
    """The signals that ask to stop, as they come in. Made and used in the main thread."""

    def __init__(self) -> None:
        super().__init__()
        # Who was started by nohup shall outlive the terminal.
        is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        self._numbers = [number for number in _SIGNALS if number != signal.SIGHUP or not is_ignored]

    def take_back(self) -> None:
        """Make the handlers ours, whatever plugins have set when they were imported, or C code has since."""
        for number in self._numbers:
            signal.signal(number, self._remember)

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        # SimpleQueue.put is reentrant; Event.set is not, and can deadlock in a handler.
        self.put(signal.Signals(number))


@contextlib.contextmanager
def stop_signals() -> Iterator[StopSignals]:
    """Collect the signals that ask to stop; the handlers of before come back at the end."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    received = StopSignals()
    received.take_back()
    try:
        yield received
    finally:
        for number, handler in before.items():
            if handler is not None:  # set by C code, which can't be put back from here
                signal.signal(number, handler)


def wait_for_signal(runner: TaskRunner, signals: StopSignals, pulse: Pulse | None = None) -> str:
    """Return the name of the first signal, or "" if the runner has ended by itself; tell meanwhile how it is."""
    while runner.failure is None:
        if pulse is not None:
            pulse.beat(runner.health())
        with contextlib.suppress(queue.Empty):
            return signals.get(timeout=pulse.interval_seconds if pulse else _LOOK_SECONDS).name
        signals.take_back()  # what is loaded late, with the store say, may bring handlers too
    return ""


def _tell_of_tasks(trial: Trial, settings: Settings) -> None:
    """Say which configured tasks can't be used. The others run all the same, so this is no reason not to start."""
    try:
        for tried in trial.results():
            if tried.problem:
                source = settings.source_of("tasks")
                logger.error("%s It is configured in %s; until that is mended, it fails.", tried.problem, source)
            for remark in tried.remarks:
                logger.warning("%s", remark)
    except (OSError, EOFError) as error:
        logger.warning("Whether the configured tasks can be imported is not known: no process was started: %s", error)


def _facts(runner: TaskRunner, places: str, queues: Sequence[str] | None) -> Mapping[str, str]:
    records = runner.registry.plugins.records()
    plugins = sorted({f"{record.distribution} {record.version}" for record in records if record.error is None})
    return {
        "store": runner.store.capabilities().description,
        "processes": places,
        "queues": ", ".join(queues or ()) or "all",
        "tasks": ", ".join(runner.registry.names()),
        "plugins": ", ".join(plugins) or "none",
    }


def _stop_within(
    runner: TaskRunner,
    signals: StopSignals,
    say: Callable[[str], object],
    pulse: Pulse,
    *,
    name: str,
    grace_seconds: float,
) -> None:
    """Stop within the grace period; a second signal, for which the main thread listens, cuts it short.

    Args:
        name: the first signal, or "" if there was none.
    """
    with ThreadPoolExecutor(2, "lilota-stopping") as other_threads:
        stopping = other_threads.submit(runner.stop, grace_seconds)
        hurried = None
        pulse.stopping(f"running tasks may go on for {duration(grace_seconds)}." if name else "see the log.")
        if name:  # said only now: it should be true when somebody reads it
            grace = f"running ones may go on for {duration(grace_seconds)}. Once more stops them now."
            _say(say, f"{name}: taking no new tasks; {grace}")
        while not stopping.done():
            with contextlib.suppress(RunnerStateError):  # it has just stopped
                pulse.beat(runner.health())
            with contextlib.suppress(queue.Empty):
                signal_ = signals.get(timeout=0.05)
                if hurried is not None:
                    _leave_at_once(signal_, say)
                _say(say, f"{signal_.name}: giving back what runs. Once more waits for nothing.")
                hurried = other_threads.submit(runner.stop, timeout_seconds=0)
    for stop in filter(None, (stopping, hurried)):
        with contextlib.suppress(RunnerStateError):  # the other one was quicker
            stop.result()


def _leave_at_once(number: signal.Signals, say: Callable[[str], object]) -> None:
    """End this process by the signal itself; worker processes end with their runner."""
    _say(say, f"{number.name}: leaving at once. What ran counts as lost when the lease has run out.")
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


def _say(say: Callable[[str], object], sentence: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may have been closed: that is what SIGHUP says
        say(sentence)
