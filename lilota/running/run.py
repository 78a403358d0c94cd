"""One start of a runner, up to its stop: the threads, the processes, and the registration in the store."""

from __future__ import annotations

import atexit
import logging
import os
import platform
import threading
import time
import weakref
from collections.abc import Iterable
from functools import partial
from typing import Final

from lilota.adding.waiters import Waiters
from lilota.contract import RunnerInfo, StoreCapabilities, TaskStore
from lilota.engine.chronicle import Chronicle
from lilota.engine.engine import Engine
from lilota.engine.executor import Executor, ExecutorCapabilities, HasNodes, RunsHere
from lilota.errors import LilotaError, StoreError, described, listed
from lilota.hookspecs import RunnerDetails
from lilota.plugins.guarded_stores import GuardedStore
from lilota.registry import Registry
from lilota.running.about import with_failure, with_service
from lilota.running.control import ControlSocket
from lilota.running.driver import Driver
from lilota.running.executors import RunOptions
from lilota.running.health import RunnerHealth, health_of
from lilota.running.housekeeping import Housekeeper
from lilota.running.lease import LeaseKeeper
from lilota.running.stacks import StackFinder
from lilota.running.sweep import FileSweep
from lilota.running.telling import Teller
from lilota.running.threads import runner_thread
from lilota.tasks.families import is_family
from lilota.texts.shadows import shadows
from lilota.workers.use import memory_with

logger: logging.Logger = logging.getLogger(__name__)

#: How long the first worker may take to come up; it imports the application.
_START_SECONDS: Final = 60.0
_START_REMEDY: Final = (
    ". Its error is printed above. Worker processes import your program: is everything that starts the runner behind "
    "`if __name__ == '__main__':`?"
)
#: How to wait no longer for a stop: in the main thread, which Ctrl-C interrupts, and in others. There, the program is
#: meant, not who reads the log; with a limit, as below a web server or `lilota worker`, it has said what it wants.
_CTRL_C: Final = "Ctrl-C gives back what runs now."
_STOP: Final = "stop(timeout_seconds=0), in another thread, gives back what runs now."
#: How long the watcher of the store waits for a change before it looks whether the runner has stopped.
_WATCH_SECONDS: Final = 1.0
#: How long the watcher of the store rests after it has noticed a change.
_WATCH_PAUSE_SECONDS: Final = 0.01
#: How long the engine may take to stop the tasks of a runner that has lost its lease.
_OBEY_SECONDS: Final = 0.2
#: How long a runner that stops waits for an engine that others' code holds up: a hook, a handler, a store, an executor.
_STUCK_SECONDS: Final = 60.0
#: How often it looks whether that is so.
_LOOK_SECONDS: Final = 1.0
#: How long a hook of a plugin may hold up the stop.
_HOOK_SECONDS: Final = 10.0
#: How long the end of the interpreter waits for workers of a runner that nobody stopped.
_EXIT_SECONDS: Final = 5.0


class RunnerStart:
    """One start of a runner."""

    def __init__(
        self,
        store: TaskStore,
        registry: Registry,
        waiters: Waiters,
        *,
        runner_id: str,
        options: RunOptions,
        executor: Executor,
    ) -> None:
        store = GuardedStore(store)
        capabilities = store.capabilities()
        names = registry.names()
        self.info: RunnerInfo = RunnerInfo(
            id=runner_id, lease_seconds=options.lease_seconds, host=platform.node(), pid=os.getpid()
        )
        self._executor = executor
        places = self._executor.places()
        promises = self._executor.capabilities()
        _warn_of_limits(promises)
        _warn_of_families(names, capabilities)
        self.details: RunnerDetails = RunnerDetails(
            runner_id=self.info.id,
            store=capabilities.description,
            task_store=store,
            task_names=names,
            number_of_processes=places,
        )
        self._store = store
        self._store_forgets = capabilities.forgets
        self._plugins = registry.plugins
        chronicle = Chronicle(self.info.id, self.info.host, self.info.pid, time.time)
        self._engine = Engine(
            self.info.id,
            places,
            names,
            options.queues,
            chronicle,
            places_per_worker=options.places_per_process,
            way_seconds=promises.way_seconds,
            renewal=options.renewal,
            may_overlap=promises.may_overlap,
        )
        teller = Teller(self._plugins, waiters)
        self.driver: Driver = Driver(self._engine, self._executor, store, teller, on_failure=self._note_failure)
        self._lease = LeaseKeeper(
            store,
            self.info,
            self._stop_without_lease,
            self.driver.look_again,
            introduced=self._introduced,
            on_failure=self.driver.fail,
        )
        self._control = ControlSocket(StackFinder(self._engine, self._executor, self.driver).answer)
        self._housekeeper = Housekeeper(
            store,
            options.settings.prune_after_seconds,
            new_sweep=partial(FileSweep, store, registry.plugins, options.settings, capabilities.files),
            on_failure=self.driver.fail,
        )
        self._waiters = waiters
        self._leaves_all_to_the_lease = False
        self._has_told_of_stop = False
        self._told_of_end = threading.Lock()
        self._closed = threading.Event()
        self._watcher = runner_thread("lilota-watcher", self._watch, self.driver.fail)

    @property
    def is_of_this_process(self) -> bool:
        """Whether it was started here, and not by the process of which this one is a fork."""
        return self.info.pid == os.getpid()

    def health(self) -> RunnerHealth:
        """Tell what keeps it from running tasks, if anything does; any thread may ask."""
        return health_of(self._engine, self.driver)

    def start(self) -> None:
        """Take the lease, start the threads and the first worker; see `TaskRunner.start`."""
        self._store.open()
        self._control.start()
        self._lease.start()
        self.driver.start()
        self._await_first_worker()
        self._watcher.start()
        self._housekeeper.start()
        _stop_at_exit(self)
        logger.info("lilota started (%d process(es) used)", self.details.number_of_processes)
        self._plugins.observe("lilota_runner_started", runner=self.details)

    def stop(self, timeout_seconds: float | None) -> None:
        """Wait for what runs, as long as there is patience; see `TaskRunner.stop`."""
        in_main_thread = threading.current_thread() is threading.main_thread()
        remedy = _CTRL_C if in_main_thread else _STOP if timeout_seconds is None else ""
        try:
            self._tell_of_stop()
            self.driver.stop(drain=self._store_forgets, timeout_seconds=timeout_seconds, remedy=remedy)
            self._await_engine()
        except BaseException as error:  # Ctrl-C, or what another handler of a signal raises
            try:
                # Who reads this may press Ctrl-C once more before the next line.
                cause = type(error).__name__
                logger.warning("%s: the runner gives back what runs. Once more waits for nothing.", cause)
                self.hurry()
                self._await_engine()
            except BaseException:
                self._leave_all_to_the_lease()
                raise
            raise
        finally:
            self._close()
            is_first = self._told_of_end.acquire(blocking=False)  # of several threads that wait for it
            if is_first:
                self._tell_plugins("lilota_runner_stopped")
        if is_first:
            logger.info("lilota stopped")

    def hurry(self) -> None:
        """Have a stop end now, by force; return at once."""
        self.driver.stop(drain=False, timeout_seconds=0)

    def abandon(self) -> None:
        """Stop as fast as possible, without ever raising or hanging; what ran is given back."""
        if self._closed.is_set():
            return
        self.hurry()
        if not self.driver.join(_EXIT_SECONDS):
            self._executor.kill_all()
        self._close()

    def _tell_of_stop(self) -> None:
        if not self._has_told_of_stop:
            self._has_told_of_stop = True
            self._tell_plugins("lilota_runner_stopping")

    def _tell_plugins(self, hook_name: str) -> None:
        """Let plugins know, in a thread of its own: one that does not come back must not keep the runner."""
        if not self._plugins.has(hook_name):
            return
        telling = threading.Thread(
            target=self._plugins.observe, args=(hook_name,), kwargs={"runner": self.details}, daemon=True
        )
        telling.start()
        telling.join(_HOOK_SECONDS + 1)  # by then it is overdue, and the watcher says whose it is

    def _await_engine(self) -> None:
        """Wait until the engine has ended; one that others' code holds up for good is left alone."""
        while not self.driver.join(_LOOK_SECONDS):
            if self.driver.give_up_if_stuck(_STUCK_SECONDS):
                logger.critical(
                    "%s. It is left alone; what ran is killed, and runs again after the lease.", self.driver.failure
                )
                self._leave_all_to_the_lease()
                break

    def _leave_all_to_the_lease(self) -> None:
        """Kill what runs, and ask the store nothing more: what holds up the engine would hold up this thread too."""
        self._executor.kill_all()
        self._leaves_all_to_the_lease = True

    def _close(self) -> None:
        self._closed.set()
        self._control.stop()
        self._housekeeper.stop()
        self._lease.stop(wait=not self._leaves_all_to_the_lease)
        self._waiters.note_failure(None)
        try:
            if not self._leaves_all_to_the_lease:
                self._store.release(self.info.id)
        except StoreError as error:
            logger.warning("The store could not be told that the runner stopped; its lease will run out: %s", error)
        if self._watcher.ident is not None:
            # It wakes up now, because the release changed the store. A watcher that went on would open the store again.
            self._watcher.join(timeout=2 * _WATCH_SECONDS)

    def _introduced(self, runner: RunnerInfo) -> RunnerInfo:
        engine = self._engine
        return with_service(
            runner,
            engine.serves,
            engine.takes,
            places=engine.crew.size,
            troubles=engine.troubles,
            problem=self.health().text,
            is_stopping=engine.is_stopping,
            control=self._control.address,
            nodes=self._executor.nodes() if isinstance(self._executor, HasNodes) else None,
            memory_bytes=memory_with(self._executor.pids() if isinstance(self._executor, RunsHere) else ()),
        )

    def _note_failure(self, error: BaseException, is_written: bool) -> None:
        """In the thread of the engine, which has failed: let nobody take this runner for one that works."""
        self._waiters.note_failure(error)
        self._lease.stop()
        self._leaves_all_to_the_lease = not is_written
        try:
            if is_written:
                self._store.release(self.info.id)
            # It stays registered, without a lease: `lilota runners` shows it until it is stopped, or others clear up.
            self._store.heartbeat(with_failure(self.info, error))
        except StoreError as failure:
            logger.warning("The store could not be told that the runner failed; its lease will run out: %s", failure)

    def _stop_without_lease(self) -> None:
        """Have the engine stop what runs; if it waits for a store that does not answer, do it without the engine."""
        if not self.driver.lose_lease().wait(_OBEY_SECONDS):
            self._executor.kill_all()

    def _await_first_worker(self) -> None:
        if not self.driver.settled.wait(_START_SECONDS):
            raise LilotaError(f"No worker process came up within {_START_SECONDS:g} s.")
        if self.driver.failure is not None:
            raise LilotaError(f"The runner could not start: {described(self.driver.failure)}") from self.driver.failure
        death = self._engine.crew.last_start_failure
        if not self._engine.crew.is_ready and death is not None:
            remedy = "" if death.is_explained else _START_REMEDY
            # The workers, new interpreters, may have imported files of the program's for modules of Python's own.
            said = f"No worker process could start; the last one {death.cause}{remedy} {shadows()}".rstrip()
            raise LilotaError(f"{said}\n{death.last_lines}".rstrip())

    def _watch(self) -> None:
        """Wake the engine when the store changes; polling covers what goes unnoticed."""
        while not self._closed.is_set():
            try:
                self._tell_of_delays()
                if self._store.wait_for_change(_WATCH_SECONDS):
                    self.driver.look_again()
                    # Changes often come in flocks, our own commits among them: one look is enough for many.
                    self._closed.wait(_WATCH_PAUSE_SECONDS)
            except StoreError as error:
                logger.debug("The store can't be watched just now: %s", error)
                self._closed.wait(_WATCH_SECONDS)

    def _tell_of_delays(self) -> None:
        for sentence in self._plugins.remark_overdue():
            logger.warning("%s", sentence)


def _warn_of_limits(capabilities: ExecutorCapabilities) -> None:
    if not capabilities.forced_kill:
        logger.warning("A task that does not heed its end can't be ended by force: %s.", capabilities.description)


def _warn_of_families(names: Iterable[str], capabilities: StoreCapabilities) -> None:
    families = list(filter(is_family, names))
    if families and "families" not in capabilities.supports:
        logger.warning(
            "No task of %s will run: the store (%s) gives tasks by whole names only. Upgrade its package.",
            listed(families),
            capabilities.description,
        )


def _stop_at_exit(run: RunnerStart) -> None:
    """Give back what runs when the interpreter ends and nobody has stopped the runner."""
    reference = weakref.ref(run)

    def give_back() -> None:
        alive = reference()
        # A fork of this process inherits this function; the runner stays with the process that started it.
        if alive is not None and alive.is_of_this_process:
            alive.abandon()

    atexit.register(give_back)
