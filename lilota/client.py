"""Add tasks, look at them, and wait for them: all that a program needs that runs no tasks itself."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence, Sized
from datetime import timedelta
from functools import cached_property, partial
from itertools import repeat
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from lilota.adding.new_tasks import AddOptions, checked_arguments, new_task
from lilota.adding.waiters import Waiters
from lilota.closing import Closing
from lilota.config import Settings, load_settings, with_arguments
from lilota.contract import RegisteredRunner, StoreCapabilities, TaskCount, TaskStore
from lilota.contract.ids import check_id, read_id
from lilota.errors import ConfigurationError, InvalidInputError, UnknownTaskError
from lilota.handles import TaskHandle
from lilota.hookspecs import TasksAdded
from lilota.models import TERMINAL_STATES, FileRef, JSONObject, NewTask, Source, TaskBase, TaskInfo
from lilota.plugins import Plugins
from lilota.registry import Registry
from lilota.stores import ensure_store, is_configured
from lilota.tasks.functions import BoundTask, FunctionTask
from lilota.tasks.names import check_name

if TYPE_CHECKING:
    from concurrent.futures import Future

    from lilota.bulk import Fates
    from lilota.changes import Changes, Heard
    from lilota.finding import TaskFilter
    from lilota.foresight import Estimate
    from lilota.mapping import Mapped
    from lilota.statistics import NameStats

T = TypeVar("T")

#: `TaskHandle` has a module of its own, and is found here too, where its users have always imported it.
__all__ = ["TaskClient", "TaskHandle"]


class TaskClient(Closing):
    """Adds tasks to a store and finds them again. Thread-safe.

    Args:
        store: a store, its name or its URL; None takes the configured one.
        registry: which names exist; None finds the installed and configured ones.
        settings: what to use instead of the configuration of the environment, if there is no registry.
        accept_unknown_names: also add tasks that only other processes know.
        files: the URL of the file area in which files of tasks are; None takes the configured one, or else what goes
            with the store.
        ref_keys: the keys of references of tasks: the first signs, all are valid; None takes the configured ones.
        waiters: who waits for ends in this store, where that is shared with a runner.

    Opens the store, so a program learns when it starts that it can't be used. In an event loop, make it by
    `await asyncio.to_thread(TaskClient)`, or before the loop begins, and call what asks the store in the same way.

    Raises:
        StoreError: the store can't be opened; nothing is left open.
        PluginError, ConfigurationError: as for `open_store`.
    """

    def __init__(
        self,
        store: TaskStore | str | None = None,
        *,
        registry: Registry | None = None,
        settings: Settings | None = None,
        accept_unknown_names: bool = False,
        files: str | None = None,
        ref_keys: Sequence[str] | None = None,
        waiters: Waiters | None = None,
    ) -> None:
        if registry is None:
            settings = settings or load_settings()
            registry = Registry(Plugins(settings), settings)
        self.registry = registry
        self.store: TaskStore = ensure_store(store, plugins=registry.plugins)
        self._owns_store = store is None or isinstance(store, str)
        self._accept_unknown_names = accept_unknown_names
        configured = is_configured(store, registry.plugins.settings)
        self._waiters = waiters or Waiters(
            self.store,
            configured=configured,
            plugins=registry.plugins,
            settings=with_arguments(registry.plugins.settings, files=files, ref_keys=ref_keys),
        )
        self.store.open()

    def close(self) -> None:
        """Close the store, if this client opened it."""
        if self._owns_store:
            self.store.close()

    @overload
    def register(self, name: str, clazz: type[TaskBase] | FunctionTask[..., Any]) -> None: ...
    @overload
    def register(self, name: FunctionTask[..., Any]) -> None: ...
    def register(self, name: Any, clazz: Any = None) -> None:
        """Make a task name known to this client, as `TaskRunner.register` does."""
        self.registry.register(name, clazz)

    def get(self, task_id: int) -> TaskHandle[Any]:
        """Return the handle of a task that was added before, perhaps by another process.

        Raises:
            TaskNotFoundError: the store has no such task.
        """
        self.store.get(task_id)
        return self.handle(task_id)

    def handle(self, task_id: int | str) -> TaskHandle[Any]:
        """Return the handle of a task by its id, or the id as text, as it comes from a URL, without asking the store.

        Raises:
            TaskNotFoundError: it can't be the id of a task.
        """
        return TaskHandle(check_id(read_id(task_id)), self._waiters)

    def by_ref(self, ref: str, max_age_seconds: float | None = None) -> TaskHandle[Any]:
        """Return the handle of a task by its reference, `TaskHandle.ref`, without asking the store.

        Args:
            max_age_seconds: how old the reference may be; None takes it at any age.

        Raises:
            UnknownReferenceError: it was not signed with a key of this application, was changed, or is too old. It is
                a TaskNotFoundError, as is what the handle raises when the task is gone: answer both alike.
            ConfigurationError: no key is set, or itsdangerous is not installed.
        """
        return self.handle(self._waiters.references.id_in(ref, max_age_seconds))

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
        name: str | BoundTask[Any],
        description: str = "",
        input: JSONObject | None = None,
        *,
        connection: object | None = None,
        **options: Unpack[AddOptions],
    ) -> TaskHandle[Any]:
        """Add a task. When this returns, a durable store has it for good.

        Args:
            name: a registered, configured, installed or declared task name; or the call of a function with `@task`,
                `make_report.bind(month="march")`, which has its input and knows the type of its result.
            input: what the task finds in `self.task_info.input`; must be a JSON object.
            connection: a connection of the application's to the database of the store. Then the task exists exactly
                if the transaction on it commits; until then, its handle raises TaskNotFoundError.
            options: `run_at`, `delay_seconds`, `priority`, `queue`, `max_lost_attempts`, `headers`, `owner`; see
                `AddOptions`.

        Raises:
            UnknownTaskError, InvalidInputError: nothing was added.
            InvalidTaskError: the function can't be a task; nothing was added.
            ConfigurationError: the store can't use such a connection, or an option; nothing was added.
            TaskRefusedError, PluginError: a plugin does not let it through, or failed to decide; nothing was added.
        """
        if isinstance(name, BoundTask):
            known, decoders = self._name_of_call(name, input), (name.task.result_of,)
            return self._store_tasks(
                [new_task(self.registry, known, description, name, **options)], connection, decoders
            )[0]
        self._check_name(name)
        return self._store_tasks([new_task(self.registry, name, description, input, **options)], connection)[0]

    @overload
    def add_many(self, tasks: Iterable[BoundTask[T]], *, connection: object | None = None) -> list[TaskHandle[T]]: ...
    @overload
    def add_many(
        self, tasks: Iterable[Mapping[str, Any] | BoundTask[Any]], *, connection: object | None = None
    ) -> list[TaskHandle[Any]]: ...
    def add_many(
        self, tasks: Iterable[Mapping[str, Any] | BoundTask[Any]], *, connection: object | None = None
    ) -> list[TaskHandle[Any]]:
        """Add several tasks in one write, all or none.

        Args:
            tasks: for each one the call of a function, `resize.bind(photo="sea.jpg")`, or the arguments of `add` by
                name: `{"name": "resize", "input": {...}}`, `{"name": resize.bind(...), "priority": 5}`.
            connection: as for `add`, for all of them.

        Raises:
            UnknownTaskError, InvalidInputError: nothing was added.
            ConfigurationError: the store can't use such a connection; nothing was added.
        """
        arguments = [checked_arguments(task) for task in tasks]
        named = [task["name"] for task in arguments]
        calls = any(isinstance(name, BoundTask) for name in named)
        if calls:
            arguments = [self._with_name(task) for task in arguments]
        names = [task["name"] for task in arguments]
        # One look for each name; what is no text may not be hashable, and is refused.
        for name in dict.fromkeys(names) if all(isinstance(name, str) for name in names) else names:
            self._check_name(name)
        new = [new_task(self.registry, **task) for task in arguments]
        return self._store_tasks(new, connection, map(_decoder_of, named) if calls else None)

    @overload
    def map(
        self,
        name: FunctionTask[..., Coroutine[Any, Any, T]],
        inputs: Iterable[object],
        *,
        at_once: int = 100,
        ordered: bool = True,
        progress: bool = False,
        **options: Unpack[AddOptions],
    ) -> Mapped[T]: ...
    @overload
    def map(
        self,
        name: FunctionTask[..., T],
        inputs: Iterable[object],
        *,
        at_once: int = 100,
        ordered: bool = True,
        progress: bool = False,
        **options: Unpack[AddOptions],
    ) -> Mapped[T]: ...
    @overload
    def map(
        self,
        name: str,
        inputs: Iterable[JSONObject | None],
        *,
        at_once: int = 100,
        ordered: bool = True,
        progress: bool = False,
        **options: Unpack[AddOptions],
    ) -> Mapped[Any]: ...
    def map(
        self,
        name: str | FunctionTask[..., Any],
        inputs: Iterable[Any],
        *,
        at_once: int = 100,
        ordered: bool = True,
        progress: bool = False,
        **options: Unpack[AddOptions],
    ) -> Mapped[Any]:
        """Give the results of a task for many inputs: by `for`, or by `async for`.

            for result in client.map("resize", ({"path": path} for path in paths), at_once=500): ...
            for result in client.map(resize, paths, at_once=500): ...

        Nothing is added before the first result is asked for.

        Args:
            name: the name of the task, or a function with `@task`; then results have the type that it returns.
            inputs: the input of each task; for a function the arguments by name in a dict, by position in a tuple, or
                else its one argument. They may be endless, and are read as there is room; in `async for`, in a thread.
            at_once: how many tasks are added at most of which the result was not given yet.
            ordered: give the results in the order of the inputs; otherwise each as it comes.
            progress: show a bar on standard error.
            options: as for `add`, for all of them.

        Returns:
            An iterator that raises the error of a task that did not succeed in its place; see `Mapped`.

        Raises:
            UnknownTaskError, ConfigurationError: nothing can be added.
        """
        from lilota.mapping import Mapped, call_of, checked_at_once  # noqa: PLC0415 - start-up stays quick

        store, given = self._store_tasks, inputs
        if isinstance(name, FunctionTask):
            store = partial(self._store_tasks, decoders=repeat(name.result_of))
            given = map(partial(call_of, name), inputs)
            name = self._name_of(name)
        self._check_name(name)
        checked_at_once(at_once)
        bar = None
        if progress:
            from lilota.progress_bars import Bar  # noqa: PLC0415 - it imports rich

            bar = Bar(name, len(inputs) if isinstance(inputs, Sized) else None)
        new_tasks = (new_task(self.registry, name, input=each, **options) for each in given)
        return Mapped(store, new_tasks, at_once=at_once, ordered=ordered, bar=bar)

    def upload(
        self,
        source: Source,
        *,
        name: str | None = None,
        media_type: str | None = None,
        expires_after: timedelta = timedelta(days=7),
    ) -> FileRef:
        """Put a file where workers find it, and return what stands for it in the input of a task.

            photo = client.upload("sea.jpg")
            client.add(resize.bind(photo=photo))

        A task opens it by `TaskContext.open_file`. It is kept until the day on which it expires is over, and as long
        as a task has not ended that was added with it by then.

        Args:
            source: the path of a file, or a stream of bytes, which is read from where it stands to its end.
            name: as for `TaskContext.attach`, and so is `media_type`.

        Raises:
            InvalidFileError, FileAreaError: as for `TaskContext.attach`.
        """
        from lilota.files.uploads import upload  # noqa: PLC0415 - start-up stays quick

        return upload(self._waiters.files, source, name, media_type, expires_after)

    def find(
        self, *, limit: int | None = None, estimates: bool = False, **wanted: Unpack[TaskFilter]
    ) -> Iterator[TaskInfo]:
        """Give the tasks that match, the newest first, read page by page as they are asked for.

        Args:
            limit: how many at most; None gives all.
            estimates: each has `TaskInfo.estimate`, when it may start and end; the store is asked once for a page.
            wanted: `states`, `names`, `queues`, `owner`, `since`, `before`, `error`; see `TaskFilter`. Without, all
                tasks match.

        Raises:
            ConfigurationError: a condition can't be used, or the store keeps no owners.
        """
        from lilota.finding import find_tasks  # noqa: PLC0415 - start-up stays quick

        found = find_tasks(self.store, limit=limit, **wanted)
        return self._waiters.estimator.foreseen_of_many(found) if estimates else found

    def counts(self, *, owner: str | None = None) -> list[TaskCount]:
        """Return how many tasks of each name in each queue are in which state, without those that are 0.

        Args:
            owner: count the tasks of this owner only.

        Raises:
            ConfigurationError: it can't be an owner, or the store keeps none.
        """
        from lilota.finding import count_tasks  # noqa: PLC0415 - start-up stays quick

        return count_tasks(self.store, owner)

    def runners(self) -> list[RegisteredRunner]:
        """Return the runners that the store knows, those included whose lease has expired."""
        return self.store.runners()

    def changes_behind(self, heard: Mapping[int, Heard], *, estimates: bool = False) -> Future[Changes]:
        """Return a future of what happens to some of these tasks next, for pages that follow many.

            heard = dict.fromkeys(ids, Heard(lines=None))
            changes = client.changes_behind(heard).result()     # or: await asyncio.wrap_future(...)
            heard |= {task_id: heard[task_id].with_change(change) for task_id, change in changes.items() if change}

        Its result has the tasks of which more is known now, by id: all new lines with the newest state, or None where
        there is no such task. So whoever is slow hears less often, and misses nothing. However many wait, one thread
        looks for all of them, with one question to the store each time, and a second one for log lines.

        Args:
            heard: how much of each task is known already; `Heard(lines=None)` leaves its log alone. To follow one task,
                `TaskHandle.changes` is simpler.
            estimates: as for `TaskHandle.changes`, for all of them.

        The future raises StoreError if the store can't be asked. Cancel it to listen no longer.
        """
        return self._waiters.news.behind(dict(heard), estimates=estimates)

    def stats(self, *, limit: int = 10_000, **wanted: Unpack[TaskFilter]) -> list[NameStats]:
        """Return by name how many tasks succeeded, failed and were cancelled, and how long they took.

        Args:
            limit: only this many tasks are looked at, those with the highest ids of all that have ended and match.
            wanted: as for `find`.

        Raises:
            ConfigurationError: a condition can't be used.
        """
        from lilota.finding import find_tasks  # noqa: PLC0415 - start-up stays quick
        from lilota.statistics import stats_of  # noqa: PLC0415 - start-up stays quick

        if wanted.get("states") is None:
            wanted["states"] = TERMINAL_STATES
        return stats_of(find_tasks(self.store, limit=limit, brief=True, **wanted))

    def estimates(self, tasks: Iterable[TaskInfo]) -> dict[int, Estimate]:
        """Return by id when tasks may start and end, and how many are before each: what a page of many tasks shows.

            tasks = list(client.find(owner="user-17", limit=50))
            estimates = client.estimates(tasks)

        Those that have ended are not in it. However many tasks there are, it asks a few questions, and none again that
        the store has answered within the last second.

        Args:
            tasks: as they were read a moment ago.
        """
        return self._waiters.estimator.estimates(tasks)

    def cancel(self, task_ids: int | Iterable[int] | None = None, **wanted: Unpack[TaskFilter]) -> Fates:
        """Cancel tasks by id or by a filter: pending ones at once, running ones by asking them to end.

        Which tasks they are is fixed at the beginning, and each is dealt with once. One that has ended meanwhile is
        counted as unchanged, and stops nothing; `TaskHandle.cancel` tells of one task how it had ended.

        Args:
            wanted: as for `find`. Without states, all that have not ended are meant.

        Returns:
            How many were cancelled, asked to end, left as they are, and missing.

        Raises:
            ConfigurationError: there are neither ids nor a filter, or both, or it can't be used; nothing was done.
            StoreUnavailableError: the store went away. The message says how many had been cancelled; the same call
                goes on with the others.
        """
        from lilota.bulk import CANCEL, act_on_all  # noqa: PLC0415 - start-up stays quick

        return act_on_all(self.store, CANCEL, task_ids, **wanted)

    def retry(self, task_ids: int | Iterable[int] | None = None, **wanted: Unpack[TaskFilter]) -> Fates:
        """Run failed or cancelled tasks again, by id or by a filter, with all their attempts.

        As `cancel`, which see. Without states, those that failed are meant. `TaskHandle.retry` raises where a task
        can't be retried; this counts it as unchanged.
        """
        from lilota.bulk import RETRY, act_on_all  # noqa: PLC0415 - start-up stays quick

        return act_on_all(self.store, RETRY, task_ids, **wanted)

    def _with_name(self, task: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the arguments of `add` with the name and the input of the call that may stand for the name."""
        call = task["name"]
        if not isinstance(call, BoundTask):
            return task
        return {**task, "name": self._name_of_call(call, task.get("input")), "input": call}

    def _name_of_call(self, call: BoundTask[Any], input: JSONObject | None) -> str:
        """Return the name under which the function of a call is a task here."""
        if input is not None:
            raise InvalidInputError(f"{call!r} has its input already: leave out input=.")
        name = self._name_of(call.task)
        if ":" in name:  # it may be one of a family, which not every store can give
            self._check_name(name)
        return name

    def _name_of(self, function: FunctionTask[..., Any]) -> str:
        if self._accept_unknown_names and not self.registry.knows(function.name):
            return function.name
        return self.registry.name_of(function)

    def _store_tasks(
        self,
        tasks: list[NewTask],
        connection: object | None = None,
        decoders: Iterable[Callable[[TaskInfo], Any] | None] | None = None,
    ) -> list[TaskHandle[Any]]:
        plugins = self.registry.plugins
        if tasks and plugins.has("lilota_before_add"):
            from lilota.adding.deciding import let_through  # noqa: PLC0415 - few programs have a plugin that decides

            tasks = let_through(tasks, plugins, self.store)
        for task in tasks:
            if task.headers_json is not None:
                self._require_for(task.headers_json)
            if task.owner is not None:
                self._require("owners", "leave out owner=")
        ids = self.store.add(tasks, connection=connection) if tasks else []
        if ids and plugins.has("lilota_tasks_added"):
            added = TasksAdded(ids=tuple(ids), names=tuple(task.name for task in tasks))
            plugins.observe("lilota_tasks_added", added=added)
        if decoders is None:
            return [TaskHandle(task_id, self._waiters) for task_id in ids]
        return [TaskHandle(task_id, self._waiters, decode) for task_id, decode in zip(ids, decoders, strict=False)]

    def _require_for(self, headers_json: str) -> None:
        """Refuse headers that the store would not keep, or what they ask for and it can't do."""
        from lilota.contract.rules import forgets_input  # noqa: PLC0415 - few tasks have headers

        self._require("headers", "leave out what travels in headers: terms, headers=, and Secret[...]")
        if forgets_input(headers_json):
            self._require("forgetting", "leave out keep_input=False")

    def _require(self, ability: str, remedy: str) -> None:
        """Refuse what the store would lose without a word, being older than it."""
        if ability not in self._capabilities.supports:
            raise ConfigurationError(
                f"The store ({self._capabilities.description}) does not support {ability}; nothing was added. "
                f"Upgrade its package, or {remedy}."
            )

    @cached_property
    def _capabilities(self) -> StoreCapabilities:
        return self.store.capabilities()

    def _check_name(self, name: str) -> None:
        if self._accept_unknown_names:
            check_name(name, UnknownTaskError)
        elif self.registry.check(name) != name:
            self._require("families", f"register the name {name!r} itself")


def _decoder_of(named: str | BoundTask[Any]) -> Callable[[TaskInfo], Any] | None:
    """Return what makes the result of a task that was added by a call of a function; by name, it is as JSON has it."""
    return named.task.result_of if isinstance(named, BoundTask) else None
