"""The task runner: register task classes, start, add tasks, stop."""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import os
import platform
import secrets
import threading
import weakref
from collections.abc import Iterable, Mapping
from datetime import datetime
from multiprocessing import cpu_count
from types import TracebackType
from typing import Any, ClassVar, Final, Self

from lilota.client import TaskClient, TaskHandle
from lilota.config import Settings, load_settings
from lilota.contract import RunnerInfo, TaskStore
from lilota.driver import Driver
from lilota.engine import Engine
from lilota.errors import ConfigurationError, LilotaError, RunnerStateError, StoreError
from lilota.hookspecs import RunnerDetails
from lilota.lease import LeaseKeeper
from lilota.logs import LOGGER_NAME, LOGGING_FORMATTER_DEFAULT
from lilota.models import JSONObject, TaskBase
from lilota.plugins import Plugins
from lilota.processes import WorkerProcesses
from lilota.registry import Registry
from lilota.stores import ensure_store
from lilota.telling import Teller
from lilota.waiters import Waiters
from lilota.worker import WorkerSetup

logger = logging.getLogger(__name__)

#: How long the first worker may take to come up; it imports the application.
_START_SECONDS: Final = 60.0
#: How long the end of the interpreter waits for workers of a runner that nobody stopped.
_EXIT_SECONDS: Final = 5.0


class TaskRunner:
    """Runs the tasks of a store in worker processes. A context manager: starts on entering, stops on leaving.

    Args:
        store: a store, its entry-point name or its URL; None takes the configured one.
        number_of_processes: how many tasks run at the same time.
        logging_formatter: with one (a `logging.Formatter` or its format string), the records of the logger `lilota`
            are also written to stderr while the runner is started. Without, the application's logging decides.
        logging_level: the level from which the records of tasks are kept.
        queues: the queues that are served; None means all.
        lease_seconds: how long after the death of this runner its tasks are left alone.
        start_method: "forkserver" or "spawn"; None takes the first of them that the system has.
        settings: what to use instead of the configuration of the environment.

    Raises:
        TypeError: `number_of_processes` is not a whole number.
        ConfigurationError: an argument can't be used.
        StoreError: the store can't be opened.
    """

    LOGGER_NAME: ClassVar[str] = LOGGER_NAME
    LOGGING_FORMATTER_DEFAULT: ClassVar[str] = LOGGING_FORMATTER_DEFAULT

    def __init__(
        self,
        store: TaskStore | str | None = None,
        number_of_processes: int = cpu_count(),
        logging_formatter: logging.Formatter | str | None = None,
        logging_level: int = logging.DEBUG,
        *,
        queues: Iterable[str] | None = None,
        lease_seconds: float = 30.0,
        start_method: str | None = None,
        settings: Settings | None = None,
    ) -> None:
        _check_arguments(number_of_processes, queues, lease_seconds)
        self._number_of_processes = number_of_processes
        self._formatter = (
            logging.Formatter(logging_formatter) if isinstance(logging_formatter, str) else logging_formatter
        )
        self._logging_level = logging_level
        self._queues = None if queues is None else tuple(queues)
        self._lease_seconds = lease_seconds
        self._start_method = start_method
        self._settings = settings or load_settings()
        self._plugins = Plugins(self._settings)
        self.registry = Registry(self._plugins, self._settings)
        self.store = ensure_store(store, plugins=self._plugins)
        self._owns_store = store is None or isinstance(store, str)
        self._waiters = Waiters(self.store, told=True)
        self.client = TaskClient(self.store, registry=self.registry, waiters=self._waiters)
        self._run: _Run | None = None
        self._state_lock = threading.Lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def runner_id(self) -> str | None:
        """The random id of this start of the runner, None while it is stopped."""
        return None if self._run is None else self._run.info.id

    def register(self, name: str, clazz: type[TaskBase]) -> None:
        """Give a task class the name under which it is added. Only while the runner is stopped.

        Raises:
            RunnerStateError: the runner is started.
            InvalidTaskError: the class can't be a task, or worker processes could not import it.
        """
        if self._run is not None:
            raise RunnerStateError(
                "It is not allowed to register classes after the task runner was started. "
                "Stop the runner first using the stop() method."
            )
        self.registry.register(name, clazz)

    def start(self) -> None:
        """Start the worker processes and take up work. Returns when the first worker is ready.

        Raises:
            RunnerStateError: it is started already, or this process is itself a worker that imports the program.
            StoreError: the store can't be used.
            LilotaError: no worker process could be started; the message has what it printed.
        """
        _refuse_in_importing_child()
        with self._state_lock:
            if self._run is not None:
                raise RunnerStateError("The task runner is already started")
            self._run = _Run(self)
        try:
            self._run.start()
        except BaseException:
            self._run.abandon()
            self._run = None
            raise

    def add(
        self,
        name: str,
        description: str = "",
        input: JSONObject | None = None,
        *,
        run_at: datetime | None = None,
        delay_seconds: float = 0.0,
        priority: int = 0,
        queue: str = "default",
        max_lost_attempts: int | None = None,
    ) -> TaskHandle:
        """Add a task; see `TaskClient.add`.

        Raises:
            RunnerStateError: the runner is not started.
            UnknownTaskError, InvalidInputError: nothing was added.
        """
        run = self._started("The task runner must be started first")
        handle = self.client.add(
            name,
            description,
            input,
            run_at=run_at,
            delay_seconds=delay_seconds,
            priority=priority,
            queue=queue,
            max_lost_attempts=max_lost_attempts,
        )
        run.driver.look_again()
        return handle

    def add_many(self, tasks: Iterable[Mapping[str, Any]]) -> list[TaskHandle]:
        """Add several tasks in one write; see `TaskClient.add_many`."""
        run = self._started("The task runner must be started first")
        handles = self.client.add_many(tasks)
        run.driver.look_again()
        return handles

    def stop(self, timeout_seconds: float | None = None) -> None:
        """Stop: take nothing new, wait for tasks that run, and end the worker processes.

        On a store that forgets, everything that is due is run first. On a durable one, what waits stays for the next
        start. A second call from another thread can shorten the wait of the first.

        Args:
            timeout_seconds: how long running tasks may take; then they are stopped and given back, to run again
                later. None waits as long as it takes, 0 kills at once.

        Raises:
            RunnerStateError: the runner is not started.
            LilotaError: the engine had failed; the cause is chained.
        """
        run = self._started("The task runner cannot be stopped because it was not started")
        self._plugins.observe("lilota_runner_stopping", runner=run.details)
        try:
            run.stop(timeout_seconds)
        finally:
            self._run = None
            if self._owns_store:
                self.store.close()
        if run.driver.failure is not None:
            raise LilotaError(f"The engine of the runner had failed: {run.driver.failure}") from run.driver.failure

    def _started(self, otherwise: str) -> _Run:
        if self._run is None:
            raise RunnerStateError(otherwise)
        return self._run


class _Run:
    """One start of a runner, to its stop."""

    def __init__(self, runner: TaskRunner) -> None:
        self.info = RunnerInfo(
            id=secrets.token_hex(8),
            lease_seconds=runner._lease_seconds,
            host=platform.node(),
            pid=os.getpid(),
        )
        self._store = runner.store
        self._is_durable = self._store.capabilities().durable
        self._plugins = runner._plugins
        names = runner.registry.names()
        self.details = RunnerDetails(
            runner_id=self.info.id,
            store=self._store.capabilities().description,
            task_names=names,
            number_of_processes=runner._number_of_processes,
        )
        self._handler = _stderr_handler(runner._formatter)
        self._engine = Engine(self.info.id, runner._number_of_processes, names, runner._queues)
        processes = WorkerProcesses(_worker_setup(runner, self.info), runner._start_method)
        self.driver = Driver(self._engine, processes, self._store, Teller(self._plugins, runner._waiters), names)
        self._lease = LeaseKeeper(self._store, self.info, self.driver.lose_lease, self.driver.look_again)
        self._watching = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="lilota-watcher", daemon=True)

    def start(self) -> None:
        self._store.open()
        self._lease.start()
        self.driver.start()
        self._await_first_worker()
        self._watcher.start()
        _stop_at_exit(self)
        logger.info("lilota started (%d process(es) used)", self.details.number_of_processes)
        self._plugins.observe("lilota_runner_started", runner=self.details)

    def stop(self, timeout_seconds: float | None) -> None:
        self.driver.stop(drain=not self._is_durable, timeout_seconds=timeout_seconds)
        self.driver.join()
        self._close()
        logger.info("lilota stopped")

    def abandon(self) -> None:
        """Stop as fast as possible, without ever raising or hanging; what ran is given back."""
        self.driver.stop(drain=False, timeout_seconds=0)
        self.driver.join(_EXIT_SECONDS)
        self._close()

    def _close(self) -> None:
        self._watching.set()
        self._lease.stop()
        try:
            self._store.release(self.info.id)
        except (StoreError, OSError, EOFError) as error:
            logger.warning("The store could not be told that the runner stopped; its lease will run out: %s", error)
        if self._handler is not None:
            logging.getLogger(LOGGER_NAME).removeHandler(self._handler)

    def _await_first_worker(self) -> None:
        if not self.driver.settled.wait(_START_SECONDS):
            raise LilotaError(f"No worker process came up within {_START_SECONDS:g} s.")
        if self.driver.failure is not None:
            raise LilotaError(f"The runner could not start: {self.driver.failure}") from self.driver.failure
        death = self._engine.last_start_failure
        if not self._engine.is_ready and death is not None:
            raise LilotaError(
                f"No worker process could start; the last one {death.cause}. Its error is printed above. Worker "
                "processes import your program: is everything that starts the runner behind "
                f"`if __name__ == '__main__':`?\n{death.last_lines}".rstrip()
            )

    def _watch(self) -> None:
        """Wake the engine when the store changes; polling covers what goes unnoticed."""
        while not self._watching.is_set():
            try:
                if self._store.wait_for_change(1.0):
                    self.driver.look_again()
            except (StoreError, OSError, EOFError) as error:
                logger.debug("The store can't be watched just now: %s", error)
                self._watching.wait(1.0)


def _check_arguments(number_of_processes: object, queues: object, lease_seconds: float) -> None:
    if isinstance(number_of_processes, bool) or not isinstance(number_of_processes, int):
        raise TypeError("'number_of_processes' is not of type int")
    if number_of_processes < 1:
        raise ConfigurationError(f"'number_of_processes' must be at least 1, not {number_of_processes}.")
    if isinstance(queues, str):
        raise ConfigurationError(f"'queues' must be a list of names: write queues=[{queues!r}].")
    if not 0.1 <= lease_seconds <= 86_400:
        raise ConfigurationError(f"'lease_seconds' must be between 0.1 and a day, not {lease_seconds!r}.")


def _refuse_in_importing_child() -> None:
    """Refuse to start where a worker process is only importing the program: its main guard is missing."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RunnerStateError(
            "A worker process imported this program, and the program started a task runner again. "
            "Put the code that starts the runner behind `if __name__ == '__main__':`."
        )


def _worker_setup(runner: TaskRunner, info: RunnerInfo) -> WorkerSetup:
    return WorkerSetup(
        runner_id=info.id,
        runner_pid=info.pid,
        settings=runner._settings,
        references=runner.registry.references(),
        pinned=runner._plugins.resolved(),
        capture_path="",
        logging_level=runner._logging_level,
        root_level=logging.getLogger().level,
    )


def _stderr_handler(formatter: logging.Formatter | None) -> logging.Handler | None:
    if formatter is None:
        return None
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.getLogger(LOGGER_NAME).addHandler(handler)
    return handler


def _stop_at_exit(run: _Run) -> None:
    """Let the end of the interpreter give back what runs, if nobody has stopped the runner until then."""
    reference = weakref.ref(run)

    def give_back() -> None:
        alive = reference()
        if alive is not None and not alive._watching.is_set():
            alive.abandon()

    atexit.register(give_back)
