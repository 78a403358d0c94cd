"""The task runner: register task classes, start, add tasks, stop."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, Unpack, overload

from lilota.config import LOGGER_NAME, Settings, load_settings, with_arguments
from lilota.errors import ConfigurationError, LilotaError, RunnerStateError, described
from lilota.tasks.numbers import is_number, is_whole
from lilota.tasks.reachability import is_frozen

if TYPE_CHECKING:
    import logging

    from lilota.adding.new_tasks import AddOptions
    from lilota.client import TaskClient
    from lilota.contract import TaskStore
    from lilota.engine.executor import ExecutorFactory
    from lilota.handles import TaskHandle
    from lilota.models import JSONObject, TaskBase
    from lilota.registry import Registry
    from lilota.running.health import RunnerHealth
    from lilota.running.run import RunnerStart
    from lilota.tasks.functions import BoundTask, FunctionTask

T = TypeVar("T")


class TaskRunner:
    """Runs the tasks of a store in worker processes. A context manager: starts on entering, stops on leaving.

    `async with` does so in a thread, and never blocks the event loop. The constructor opens the store, and `add` writes
    to it, which takes about as long as a commit: in an event loop that answers others meanwhile, call them by
    `asyncio.to_thread`.

    Args:
        store: a store, its entry-point name or its URL; None takes the configured one.
        number_of_processes: how many tasks run at the same time; None means one per CPU that this process may use
            when the runner starts: by its affinity, and by the quota of its container.
        places_per_process: how many coroutines of tasks with `concurrent = True` run at once in one process; None takes
            the configured number, which is 1 unless it was set. Everything else runs one at a time.
        logging_formatter: with one (a `logging.Formatter` or its format string), the records of the logger `lilota`
            are also written to stderr while the runner is started. Without, the application's logging decides.
        logging_level: the level from which the records of tasks are kept.
        queues: the queues that are served; None means all.
        lease_seconds: how long after the death of this runner its tasks are left alone.
        start_method: "forkserver" or "spawn"; None takes the first of them that the system has.
        executor: what runs the attempts: its entry-point name, its URL, or a factory; None takes the configured one.
        upload_modules: Python files that the executor brings to its places on other machines, each a module that can be
            imported there; the processes of this machine need none.
        recycle_after_tasks, recycle_after_seconds, recycle_after_mb: when a worker process is replaced: when so many
            attempts have ended in it, when it is so old, when it uses so many millions of bytes of memory after one.
            Nothing waits for that. None takes the configured number; without one, workers live as long as the runner.
        stop_seconds: how long running tasks may go on when the `with` block is left, as for `stop(timeout_seconds)`;
            None waits as long as it takes.
        files: the URL of the file area, in which files of tasks are kept; None takes the configured one, or else what
            goes with the store.
        ref_keys: the keys of references of tasks: the first signs, all are valid; None takes the configured ones.
        settings: what to use instead of the configuration of the environment.
        registry: the task names and plugins, if the program has looked for them already; None looks now.

    Raises:
        TypeError: `number_of_processes` is not a whole number.
        ConfigurationError: an argument can't be used.
        StoreError: the store can't be opened.
        PluginError: the package of the store or of the executor is broken, or several claim its name.
    """

    LOGGER_NAME: ClassVar[str] = LOGGER_NAME
    LOGGING_FORMATTER_DEFAULT: ClassVar[str] = "%(asctime)s [PID %(process)d]: [%(levelname)s] - %(message)s"

    def __init__(
        self,
        store: TaskStore | str | None = None,
        number_of_processes: int | None = None,
        logging_formatter: logging.Formatter | str | None = None,
        logging_level: int = 10,  # logging.DEBUG
        *,
        queues: Iterable[str] | None = None,
        lease_seconds: float = 30.0,
        start_method: str | None = None,
        executor: str | ExecutorFactory | None = None,
        upload_modules: Iterable[str | os.PathLike[str]] = (),
        places_per_process: int | None = None,
        recycle_after_tasks: int | None = None,
        recycle_after_seconds: float | None = None,
        recycle_after_mb: float | None = None,
        stop_seconds: float | None = None,
        files: str | None = None,
        ref_keys: Sequence[str] | None = None,
        settings: Settings | None = None,
        registry: Registry | None = None,
    ) -> None:
        _check_arguments(number_of_processes, lease_seconds)
        _check_seconds("stop_seconds", stop_seconds, least=0)
        settings = settings or (registry.plugins.settings if registry else load_settings())
        settings = with_arguments(settings, files=files, ref_keys=ref_keys)
        executor = settings.executor if executor is None else executor
        try:
            from lilota.workers.preparing import begin  # noqa: PLC0415 - 8 ms that only who makes a runner has to spend

            begin(executor, start_method)
            # Now, while the fork server imports lilota, too.
            from lilota.client import TaskClient  # noqa: PLC0415 - as just said
            from lilota.running.parts import make_parts  # noqa: PLC0415 - as just said
        except AttributeError as error:
            from lilota.texts.shadows import import_error  # noqa: PLC0415 - only who fails needs it

            raise import_error("What a runner is made of", error) from error

        parts = make_parts(
            store,
            settings=settings,
            registry=registry,
            executor=executor,
            number_of_processes=number_of_processes,
            places_per_process=places_per_process,
            start_method=start_method,
            queues=queues,
            lease_seconds=lease_seconds,
            upload_modules=upload_modules,
            recycle_after_tasks=recycle_after_tasks,
            recycle_after_seconds=recycle_after_seconds,
            recycle_after_mb=recycle_after_mb,
            logging_level=logging_level,
        )
        self.registry: Registry = parts.registry
        self.store: TaskStore = parts.store
        self.client: TaskClient = TaskClient(parts.store, registry=parts.registry, waiters=parts.waiters)
        self._options = parts.options
        self._waiters = parts.waiters
        self._owns_store = parts.owns_store
        self._stop_seconds = stop_seconds
        self._handler = _stderr_handler(logging_formatter)
        self._run: RunnerStart | None = None
        self._state_lock = threading.Lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        run = self._run
        if run is not None and not run.is_of_this_process:  # a fork that leaves the block must not stop its parent's
            return
        try:
            self.stop(self._stop_seconds)
        except BaseException:
            if run is not None and self._run is run:  # Ctrl-C came before the stop had begun
                self._abandon(run)
            raise

    async def __aenter__(self) -> Self:
        import asyncio  # noqa: PLC0415 - 15 ms; who is here has imported it

        try:
            await _in_thread(self.start)
        except asyncio.CancelledError:
            if self._run is not None:  # nobody else would stop what has started all the same
                await _in_thread(lambda: self.stop(0))
            raise
        return self

    async def __aexit__(self, *_exception: object) -> None:
        run = self._run
        if run is None or run.is_of_this_process:
            await _in_thread(lambda: self.stop(self._stop_seconds), when_cancelled=None if run is None else run.hurry)

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncIterator[None]:  # noqa: ARG002 - frameworks call it with theirs
        """Start and stop with an ASGI application: `FastAPI(lifespan=runner.lifespan)`.

        Starlette and Litestar take it as well. Where more starts and stops with the application, write `async with
        runner` in a function of your own.

        Args:
            app: the application, of which nothing is wanted.
        """
        async with self:
            yield

    @property
    def runner_id(self) -> str | None:
        """The random id of this start of the runner, None while it is stopped."""
        return None if self._run is None else self._run.info.id

    @property
    def failure(self) -> BaseException | None:
        """Why the started runner has ended by itself, or None while all is well; then `stop()` cleans up and raises."""
        return None if self._run is None else self._run.driver.failure

    def health(self) -> RunnerHealth:
        """Tell what keeps the started runner from running tasks, if anything does: for a health page of your program.

        Asks no store, and is cheap. Any thread may ask, also of a runner that is being stopped.

        Raises:
            RunnerStateError: the runner is not started.
        """
        return self._started("The task runner has no health because it was not started").health()

    @overload
    def register(self, name: str, clazz: type[TaskBase] | FunctionTask[..., Any]) -> None: ...
    @overload
    def register(self, name: FunctionTask[..., Any]) -> None: ...
    def register(self, name: Any, clazz: Any = None) -> None:
        """Give a task class, or a function with `@task`, the name under which it is added.

        A function has a name of its own, which is enough. Only while the runner is stopped.

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

        Returns at once where the executor has no place for a worker yet, as a cluster without nodes; a warning says so.

        Raises:
            RunnerStateError: it is started already, or this process is itself a worker that imports the program.
            StoreError: the store can't be used.
            LilotaError: no worker process could be started; the message has what it printed.
        """
        _refuse_in_child_of_this_program()
        with self._state_lock:
            if self._run is not None and self._run.is_of_this_process:
                raise RunnerStateError("The task runner is already started")
            run = self._run = self._new_run()
        if self._handler is not None:
            _logger().addHandler(self._handler)
        try:
            run.start()
        except BaseException:
            self._abandon(run)
            raise

    @overload
    def add(
        self,
        name: BoundTask[T],
        description: str = "",
        *,
        connection: object | None = None,
        **options: Unpack[AddOptions],
    ) -> TaskHandle[T]: ...
    @overload
    def add(
        self,
        name: str,
        description: str = "",
        input: JSONObject | None = None,
        *,
        connection: object | None = None,
        **options: Unpack[AddOptions],
    ) -> TaskHandle[Any]: ...
    def add(
        self,
        name: Any,
        description: str = "",
        input: JSONObject | None = None,
        *,
        connection: object | None = None,
        **options: Unpack[AddOptions],
    ) -> TaskHandle[Any]:
        """Add a task; see `TaskClient.add`.

        Raises:
            RunnerStateError: the runner is not started.
            LilotaError: its engine has failed; nothing was added.
            UnknownTaskError, InvalidInputError, InvalidTaskError, ConfigurationError: nothing was added.
        """
        run = self._working()
        handle: TaskHandle[Any] = self.client.add(name, description, input, connection=connection, **options)
        run.driver.look_again()
        return handle

    @overload
    def add_many(self, tasks: Iterable[BoundTask[T]], *, connection: object | None = None) -> list[TaskHandle[T]]: ...
    @overload
    def add_many(
        self, tasks: Iterable[Mapping[str, Any] | BoundTask[Any]], *, connection: object | None = None
    ) -> list[TaskHandle[Any]]: ...
    def add_many(
        self, tasks: Iterable[Mapping[str, Any] | BoundTask[Any]], *, connection: object | None = None
    ) -> list[TaskHandle[Any]]:
        """Add several tasks in one write; see `TaskClient.add_many`."""
        run = self._working()
        handles = self.client.add_many(tasks, connection=connection)
        run.driver.look_again()
        return handles

    def stop(self, timeout_seconds: float | None = None) -> None:
        """Stop: take nothing new, wait for tasks that run, and end the worker processes.

        On a store that forgets, everything that is due is run first. On a durable one, what waits stays for the next
        start. After a second, a warning of the logger `lilota` names what it waits for.

        A second call from another thread can shorten the wait of the first. So can Ctrl-C in the main thread: what runs
        is killed and given back at once, and KeyboardInterrupt raised; a further one does not wait for that either.

        Args:
            timeout_seconds: how long running tasks may take; then they are stopped and given back, to run again
                later. None waits as long as it takes, 0 kills at once.

        Raises:
            RunnerStateError: the runner is not started.
            ConfigurationError: the time can't be used; the runner goes on.
            LilotaError: the engine had failed; the cause is chained.
        """
        run = self._started("The task runner cannot be stopped because it was not started")
        _check_seconds("timeout_seconds", timeout_seconds, least=-math.inf)
        try:
            run.stop(timeout_seconds)
        except BaseException:
            self._abandon(run)
            raise
        self._forget_run()
        failure = run.driver.failure
        if failure is not None:
            raise LilotaError(f"The engine of the runner had failed: {described(failure)}") from failure

    if not TYPE_CHECKING:  # they would take any attribute for one that is there

        def __getattr__(self, name: str) -> object:
            """Say where it is what clients have: `map`, `find` and the like need no runner that is started."""
            # Not `self.client`: where the constructor has failed there is none, and it would be looked for here.
            is_of_client = not name.startswith("_") and hasattr(vars(self).get("client"), name)
            remedy = f" Write runner.client.{name}." if is_of_client else ""
            raise AttributeError(f"'TaskRunner' object has no attribute {name!r}.{remedy}", name=name, obj=self)

    def _new_run(self) -> RunnerStart:
        runner_id = os.urandom(8).hex()
        from lilota.running.executors import make_executor  # noqa: PLC0415 - it came with the parts

        executor = make_executor(self._options, self.registry, runner_id, self.store)
        try:
            # The fork server of the executor imports lilota meanwhile; and only a runner that starts needs this.
            from lilota.running.run import RunnerStart  # noqa: PLC0415 - as just said

            return RunnerStart(
                self.store,
                self.registry,
                self._waiters,
                runner_id=runner_id,
                options=self._options,
                executor=executor,
            )
        except BaseException:
            executor.close()
            raise

    def _abandon(self, run: RunnerStart) -> None:
        try:
            run.abandon()
        finally:
            self._forget_run()

    def _forget_run(self) -> None:
        self._run = None
        if self._handler is not None:
            _logger().removeHandler(self._handler)
        if self._owns_store:
            self.store.close()

    def _working(self) -> RunnerStart:
        run = self._started("The task runner must be started first", _how_to_add_here)
        if run.driver.failure is not None:
            raise LilotaError(
                f"Nothing was added, because the engine of the runner has failed: {described(run.driver.failure)}. "
                "Stop the runner, and start it again."
            ) from run.driver.failure
        return run

    def _started(self, otherwise: str, advice: Callable[[], str] = str) -> RunnerStart:
        if self._run is None or not self._run.is_of_this_process:
            raise RunnerStateError(otherwise + advice())
        return self._run


def _how_to_add_here() -> str:
    """Say how to add in a process that has no runner and needs none, such as that of a task; else return ""."""
    import multiprocessing  # noqa: PLC0415 - 6 ms that only a runner that starts has to spend

    if multiprocessing.parent_process() is None:
        return ""
    return ", and not in this child process, whose parent may have it started. Add with a lilota.TaskClient here."


def _check_arguments(number_of_processes: object, lease_seconds: float) -> None:
    if number_of_processes is not None and not is_whole(number_of_processes):
        raise TypeError("'number_of_processes' is not of type int")
    if number_of_processes is not None and number_of_processes < 1:
        raise ConfigurationError(f"'number_of_processes' must be at least 1, not {number_of_processes}.")
    if not 0.1 <= lease_seconds <= 86_400:
        raise ConfigurationError(f"'lease_seconds' must be between 0.1 and a day, not {lease_seconds!r}.")


def _check_seconds(name: str, seconds: object, *, least: float) -> None:
    if seconds is not None and not (is_number(seconds) and seconds >= least):  # no comparison holds for NaN
        raise ConfigurationError(f"{name!r} must be a number of seconds, at least 0, or None, not {seconds!r}.")


async def _in_thread(call: Callable[[], None], when_cancelled: Callable[[], object] | None = None) -> None:
    """Await a call in a thread to its very end; a cancellation is heeded after that, as no thread can be cancelled."""
    import asyncio  # noqa: PLC0415 - 15 ms; who is here has imported it

    done = asyncio.get_running_loop().run_in_executor(None, call)
    try:
        await asyncio.shield(done)
    except asyncio.CancelledError:
        if when_cancelled is not None:
            when_cancelled()
        await asyncio.wait([done])
        raise


def _refuse_in_child_of_this_program() -> None:
    """Refuse to start where a process that should work for a runner runs the program, or imports a module of tasks."""
    from lilota.plugins.loading import being_imported  # noqa: PLC0415 - it came with the parts

    module = being_imported()
    if module:
        raise RunnerStateError(
            f"The module {module!r} starts a task runner when it is imported, and worker processes import it, too. "
            "Put the code that starts the runner behind `if __name__ == '__main__':`, or into another module."
        )
    import multiprocessing  # noqa: PLC0415 - 6 ms that only a runner that starts has to spend

    if is_frozen() and any(map(_is_for_multiprocessing, sys.argv[1:])):
        raise RunnerStateError(
            "This program is frozen, and was started again to be a worker process; but it began its own work. Call "
            "multiprocessing.freeze_support() first of all behind `if __name__ == '__main__':`."
        )
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RunnerStateError(
            "A worker process imported this program, and the program started a task runner again. "
            "Put the code that starts the runner behind `if __name__ == '__main__':`."
        )


def _is_for_multiprocessing(argument: str) -> bool:
    """Tell whether an argument is one for `freeze_support()`, by which a worker or a helper of it is started."""
    return argument == "--multiprocessing-fork" or argument.removeprefix("import sys; ").startswith(
        "from multiprocessing."
    )


def _logger() -> logging.Logger:
    import logging  # noqa: PLC0415 - the fork server waits for what this module imports

    return logging.getLogger(LOGGER_NAME)


def _stderr_handler(formatter: logging.Formatter | str | None) -> logging.Handler | None:
    if formatter is None:
        return None
    import logging  # noqa: PLC0415 - as above

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(formatter) if isinstance(formatter, str) else formatter)
    return handler
