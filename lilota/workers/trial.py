"""Import tasks in a process like a worker, to say early which of them can't be used, and what modules declare."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final, NamedTuple, Self

import msgspec

from lilota.config import Settings
from lilota.errors import LilotaError, PluginError
from lilota.hookspecs import WorkerDetails
from lilota.models import JSONObject, TaskBase
from lilota.modules import import_module
from lilota.plugins import PinnedEntry, Plugins
from lilota.plugins.strangers import as_sentence, reason_of
from lilota.registry import Registry, load_class
from lilota.tasks.declared import declared_references
from lilota.tasks.describing import details_of
from lilota.tasks.options import remarks_on
from lilota.texts.secrets import mask_text
from lilota.workers.preparing import start_method_for
from lilota.workers.starting import start_process

#: How long an import may take before it is said.
_LIMIT_SECONDS: Final = 30.0
_NO_PLUGINS: Final = "can't be imported where the plugins are not those of here."


class Tried(NamedTuple):
    """What is known of a task when its class was imported, or of a module when that was.

    Attributes:
        problem: why it can't be used; "" if it can.
        remarks: what looks wrong in what can be used.
        declared: the tasks that a module has declared: name and "module:qualname".
        details: the `TaskDetails` of a task as JSON, if they were asked for.
    """

    name: str
    problem: str
    remarks: Sequence[str] = ()
    declared: Sequence[tuple[str, str]] = ()
    details: JSONObject | None = None


class Trial:
    """Imports classes elsewhere, so that neither their memory nor what they do comes here. Closing it ends it.

    Args:
        references: task name -> "module:Class"; or the name of a module, twice; or a task name -> "", to have it
            found as in a worker, and described.
        plugins: those of the runner, which prepare a process for its tasks: Django must be set up before theirs.
        start_method: how to start a process; None takes the best one.
        folders: what to add to the end of the Python path there.
        known: what a worker would know: task name -> "module:Class".
    """

    def __init__(
        self,
        references: Mapping[str, str],
        plugins: Plugins,
        start_method: str | None = None,
        folders: Sequence[str] = (),
        known: Mapping[str, str] | None = None,
    ) -> None:
        self._references = dict(references)
        self._known = dict(known or {})
        self._plugins = plugins
        self._start_method = start_method
        self._folders = tuple(folders)
        self._lock = threading.Lock()
        self._is_closed = False
        self._process: BaseProcess | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End it, from any thread; `results` then has no more."""
        with self._lock:
            self._is_closed = True
            if self._process is not None:
                self._process.kill()
                self._process.join()

    def results(self) -> Iterator[Tried]:
        """Give what came of each task, in turn. An import that ends the process, or hangs, ends no other.

        Raises:
            OSError, EOFError: no process could be started.
        """
        left = dict(self._references)
        while left and (connection := self._start(left)) is not None:
            with connection:
                for _ in range(len(left)):
                    tried = self._next(connection, next(iter(left)))
                    if tried is None:
                        return
                    del left[tried.name]
                    yield tried
                    if tried.problem and not self._is_alive():
                        break

    def _start(self, left: Mapping[str, str]) -> Connection | None:
        with self._lock:
            if self._is_closed:
                return None
            method = start_method_for(self._start_method)
            ours, theirs = multiprocessing.Pipe(duplex=False)
            with theirs:
                plugins = self._plugins
                arguments = (theirs, left, self._known, self._folders, plugins.settings, plugins.resolved())
                self._process = start_process(method, _import_all, arguments, "lilota-trial")
            return ours

    def _next(self, connection: Connection, name: str) -> Tried | None:
        """Return what came of the next task, or None if this was closed, or nothing can be said."""
        try:
            if connection.poll(_LIMIT_SECONDS):
                told = json.loads(connection.recv_bytes())
                return None if told is None else Tried(*told)
            problem = f"is still being imported after {_LIMIT_SECONDS:g} s"
        except EOFError:
            problem = "ends the process that imports it"
        return self._given_up(name, problem)

    def _given_up(self, name: str, problem: str) -> Tried | None:
        with self._lock:
            if self._is_closed or self._process is None:
                return None
            self._process.kill()
            self._process.join()
        reference = self._references[name]
        where = f", from {reference!r}" if reference else ""
        what = f"The task {name!r} {problem}{where}. What does its module"
        if reference == name:
            what = f"The module {name!r} {problem}. What does it"
        return Tried(name, f"{what} do when imported?")

    def _is_alive(self) -> bool:
        return self._process is not None and self._process.is_alive()


def look_into_modules(registry: Registry, start_method: str | None = None, folders: Sequence[str] = ()) -> list[Tried]:
    """Let a registry know what the modules of the settings declare, and return what came of each.

    Raises:
        OSError, EOFError: no process could be started.
    """
    modules = {name: name for name in registry.modules_not_imported()}
    if not modules:
        return []
    with Trial(modules, registry.plugins, start_method, folders) as trial:
        found = {tried.name: tried for tried in trial.results()}
    for name in modules.keys() - found.keys():  # the process lacks a plugin, as workers will, and say
        found[name] = Tried(name, f"The module {name!r} {_NO_PLUGINS}")
    problems = {tried.name: tried.problem for tried in found.values()}
    registry.take_over(problems, [declared for tried in found.values() for declared in tried.declared])
    return list(found.values())


def look_into_tasks(names: Iterable[str], registry: Registry, folders: Sequence[str] = ()) -> Iterator[Tried]:
    """Describe tasks of a registry by their names, in turn.

    Raises:
        OSError, EOFError: no process could be started.
    """
    left = dict.fromkeys(names, "")
    with Trial(left, registry.plugins, None, folders, registry.references()) as trial:
        for tried in trial.results():
            del left[tried.name]
            yield tried
    for name in left:
        yield Tried(name, f"The task {name!r} {_NO_PLUGINS}")


def _import_all(  # noqa: PLR0917 - the arguments of a process
    connection: Connection,
    references: Mapping[str, str],
    known: Mapping[str, str],
    folders: Sequence[str],
    settings: Settings,
    pinned: Sequence[PinnedEntry],
) -> None:
    """Import the classes and tell of each, in the process of the trial."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started this, and ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.dup2(2, 1)  # what modules print must not get between what the program prints for machines
    sys.path += folders
    worker = WorkerDetails(runner_id="trial", pid=os.getpid())
    try:
        plugins = Plugins(settings, pinned=pinned)
    except PluginError:  # workers that lack a plugin run nothing, and say so themselves
        connection.send_bytes(b"null")
        return
    plugins.observe("lilota_worker_started", worker=worker)
    registry = Registry.from_references(known, plugins)
    for name, reference in references.items():
        if reference == name:
            tried = _try_module(name)
        else:
            tried = _try(name, reference) if reference else _describe(name, registry)
        connection.send_bytes(json.dumps(tried).encode())
    plugins.observe("lilota_worker_stopping", worker=worker)


def _end_with_parent() -> None:
    """End this process, which may hang in an import, when the one that waits for it was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _try(name: str, reference: str) -> Tried:
    try:
        clazz = load_class(name, reference)
    except LilotaError as error:
        return Tried(name, mask_text(str(error)))
    return Tried(name, "", _remarks(name, clazz))


def _describe(name: str, registry: Registry) -> Tried:
    try:
        clazz = registry.resolve(name)
        details = msgspec.to_builtins(details_of(clazz))
    except LilotaError as error:
        return Tried(name, mask_text(str(error)))
    except Exception as error:  # noqa: BLE001 - a type of the user's may have a schema of its own
        return Tried(name, f"The task {name!r} can't be described: {as_sentence(reason_of(error))}")
    return Tried(name, "", _remarks(name, clazz), details=details)


def _remarks(name: str, clazz: type[TaskBase]) -> list[str]:
    return [f"The task {name!r}: {remark}" for remark in remarks_on(clazz)]


def _try_module(name: str) -> Tried:
    before = declared_references()
    problem = import_module(name)
    if problem:
        return Tried(name, problem)
    found = sorted(declared_references() - before)
    judged = [(declared, _try(*declared)) for declared in found]
    remarks = [remark for _, tried in judged for remark in filter(None, (tried.problem, *tried.remarks))]
    return Tried(name, "", remarks, [declared for declared, tried in judged if not tried.problem])
