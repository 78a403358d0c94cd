"""The hooks that plugins can implement, with where and when each is called and what happens if it raises.

A plugin is a module, named by an entry point of the group `lilota.plugins`, with functions marked `@lilota.hookimpl`.
Arguments are records, so that a hook can learn more without breaking those who implement it; an implementation names
only the arguments that it wants.

Contributing hooks are called when a runner, a client or the command line starts; one that raises disables its plugin
with a warning. In a worker process no plugin is disabled: a worker that has not all plugins of its runner runs nothing.
Observing hooks (`added`, `started`, ...) can't fail a task: what they raise is logged with the plugin's name.
The deciding hook, `lilota_before_add`, is a gate: where it fails, nothing comes through.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from lilota.contract import TaskStore
from lilota.models import Claim, JSONObject, NewTask, Outcome, TaskBase, TaskInfo

if TYPE_CHECKING:
    import click
    import pluggy

PROJECT_NAME: Final = "lilota"

_Spec = TypeVar("_Spec", bound=Callable[..., Any])

if TYPE_CHECKING:
    hookimpl: pluggy.HookimplMarker

#: Makes a store from its URL (or its bare entry-point name), without connecting yet.
StoreFactory = Callable[[str], TaskStore]


class TaskToAdd(msgspec.Struct, frozen=True, kw_only=True):
    """A task that somebody wants to add: all has been checked, and nothing is written.

    Attributes:
        new_task: what the store will get: name, queue, priority, headers and the rest.
        earlier: the tasks of the same call of `add_many` or `map` that come before it, and were let through.
        store: where they are to be added; for looking, as by `counts()`.
    """

    new_task: NewTask
    earlier: Sequence[NewTask]
    store: TaskStore

    @property
    def input(self) -> JSONObject:
        """Its input, decoded; what is done to it changes nothing."""
        return _decoded(self.new_task.input_json)

    @property
    def headers(self) -> JSONObject:
        """Its headers, decoded, with those of the plugins that were asked before."""
        return _decoded(self.new_task.headers_json or "{}")


class TasksAdded(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks that were stored by one call of `add` or `add_many`; `names[i]` is the task name of `ids[i]`."""

    ids: tuple[int, ...]
    names: tuple[str, ...]


class AttemptStarted(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that began to run in the worker process `pid`; `started_at` is in seconds since the epoch."""

    claim: Claim
    pid: int
    started_at: float


class AttemptProgress(msgspec.Struct, frozen=True, kw_only=True):
    """The newest percentage that an attempt reported, 0 to 100; several in quick succession come as one."""

    claim: Claim
    percentage: float


class AttemptFinished(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt whose outcome the store has accepted.

    Attributes:
        told_by_worker: False where its runner has decided the outcome, because the worker had died, was killed, or had
            not begun: nothing in the worker saw this end.
    """

    claim: Claim
    outcome: Outcome
    told_by_worker: bool = True


class RunnerDetails(msgspec.Struct, frozen=True, kw_only=True):
    """The runner that starts or stops; `store` says for people where its tasks are.

    Attributes:
        task_store: the store itself, open, for what only reads, `counts()`, `find()`, and for adding by a `TaskClient`
            of it. Ask it in a thread of your own.
    """

    runner_id: str
    store: str
    task_store: TaskStore
    task_names: tuple[str, ...]
    number_of_processes: int


class WorkerDetails(msgspec.Struct, frozen=True, kw_only=True):
    """The worker process that starts or stops."""

    runner_id: str
    pid: int


class AttemptDetails(msgspec.Struct, frozen=True, kw_only=True):
    """The attempt that a worker is about to run; `task` is the object whose `run()` will be called."""

    task_info: TaskInfo
    task: TaskBase


def __getattr__(name: str) -> object:
    """Make `hookimpl` for the first plugin: where there is none, nobody waits for pluggy to be imported."""
    if name != "hookimpl":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    import pluggy  # noqa: PLC0415 - as just said

    return globals().setdefault(name, pluggy.HookimplMarker(PROJECT_NAME))


def _decoded(text: str) -> JSONObject:
    decoded: JSONObject = msgspec.json.decode(text)
    return decoded


def called_in_workers(spec: _Spec) -> _Spec:
    """Mark a hook that worker processes call; a plugin that has none of these is not loaded there."""
    spec.__dict__["called_in_workers"] = True
    return spec


def is_called_in_workers(hook_name: str) -> bool:
    """Tell whether a hook has that mark."""
    return getattr(getattr(LilotaHooks, hook_name, None), "called_in_workers", False)


class LilotaHooks:
    """The specifications, in the order of a task's life; all of its methods are hooks."""

    @called_in_workers
    def lilota_tasks(self) -> Mapping[str, type[TaskBase]]:  # type: ignore[empty-body]  # a specification has no body
        """Contribute task classes that are only known at run time: task name -> class.

        Called in: every process that resolves task names (runner, worker, client, command line), once at start. So it
        must be quick, and give the same in each of them.
        If it raises: the plugin is disabled with a warning; its tasks are unknown. In a worker, that runs nothing.
        """

    @called_in_workers
    def lilota_stores(self) -> Mapping[str, StoreFactory]:  # type: ignore[empty-body]  # a specification has no body
        """Contribute stores that are only known at run time: URL scheme -> factory.

        Called in: a process that opens a store, once, before the first.
        If it raises: the plugin is disabled with a warning; its stores are unknown.
        """

    def lilota_cli_commands(self) -> Sequence[click.Command]:  # type: ignore[empty-body]  # a specification has no body
        """Contribute commands to `lilota`.

        Called in: the command line, for `--help` and for names that are no built-in command; a built-in command can't
        be replaced. Import what is slow inside the command.
        If it raises: the plugin is disabled with a warning; the other commands work.
        """

    def lilota_before_add(self, task: TaskToAdd) -> Mapping[str, Any] | None:
        """Decide about a task that is to be added: let it through, perhaps with more headers, or refuse it.

        To refuse, raise `lilota.errors.TaskRefusedError` with a sentence for whoever adds. What is returned is added to
        the headers, in place of those of the same keys; the next plugin sees it. Of several tasks that are added
        together, all are asked about before one is written: all are added or none.

        Called in: the process that adds, in the thread that called `add`, `add_many` or asked `map` for a result,
        before the store is written. Not for tasks that are copied or restored, nor for a retry.
        If it raises: nothing is added. `TaskRefusedError` goes to the caller as it is; anything else, and headers that
        can't be used, as a `PluginError` that names the plugin.
        """

    def lilota_tasks_added(self, added: TasksAdded) -> None:
        """Observe that tasks were stored.

        Called in: the process that added them, in the thread that called `add`, after the store acknowledged. Tasks
        that were added through a connection of the application's vanish again if its transaction rolls back.
        If it raises: logged; the tasks stay added.
        """

    def lilota_attempt_started(self, started: AttemptStarted) -> None:
        """Observe that an attempt started. Very short attempts may be told together with their end.

        Called in: the runner's process, in the thread of the engine: be quick, nothing else happens meanwhile.
        If it raises: logged.
        """

    def lilota_attempt_progress(self, progress: AttemptProgress) -> None:
        """Observe that a running attempt reported progress.

        Called in: the runner's process, in the thread of the engine.
        If it raises: logged.
        """

    def lilota_attempt_finished(self, finished: AttemptFinished) -> None:
        """Observe that an attempt ended and the store has accepted its outcome.

        An outcome with the state PENDING means that the task runs again. An attempt that another runner took over is
        not told.

        Called in: the runner's process, in the thread of the engine.
        If it raises: logged; the outcome stands.
        """

    def lilota_runner_started(self, runner: RunnerDetails) -> None:
        """Observe that a runner started. Called in: the thread that called `start`. If it raises: logged."""

    def lilota_runner_stopping(self, runner: RunnerDetails) -> None:
        """Observe that a runner is about to stop. Called in: a thread of its own. If it raises: logged.

        `stop` waits for it, but not for ever.
        """

    def lilota_runner_stopped(self, runner: RunnerDetails) -> None:
        """Observe that a runner has stopped: every outcome was told, and its workers have ended.

        It is told of each runner whose start was, unless its process ends without a `stop`.

        Called in: a thread of its own. `stop` waits for it, but not for ever.
        If it raises: logged.
        """

    @called_in_workers
    def lilota_worker_started(self, worker: WorkerDetails) -> None:
        """Observe that a worker process is ready: a good place to warm something up.

        Called in: the worker process, before its first attempt.
        If it raises: logged.
        """

    @called_in_workers
    def lilota_worker_stopping(self, worker: WorkerDetails) -> None:
        """Observe that a worker process ends in good order; one that is killed says nothing.

        Called in: the worker process.
        If it raises: logged.
        """

    @called_in_workers
    def lilota_run_attempt(self, attempt: AttemptDetails) -> JSONObject | Generator[None, Any, Any] | None:
        """Wrap the run of an attempt: implement it with `@hookimpl(wrapper=True)` as a generator that yields once.

        `yield` runs the task and gives what `run()` returned; what the generator returns takes its place. What
        `run()` raises comes out of the `yield`. Where several coroutines run at once, several are open at
        the same time, one for each.

        Called in: the worker process, in its main thread, around each attempt.
        If it raises: the attempt fails with that error, as if the task had raised it.
        """
