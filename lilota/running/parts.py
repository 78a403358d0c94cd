"""What a task runner has before it starts: the task names, its options and its store; all checked.

Apart from the runner, which begins its fork server and then imports this: so both import lilota at the same time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from keyword import iskeyword
from typing import NamedTuple, TypeVar

from lilota.adding.waiters import Waiters
from lilota.config import MOST_PLACES, Settings, recycling_problem
from lilota.contract import TaskStore
from lilota.contract.rules import check_queue
from lilota.engine.executor import ExecutorFactory
from lilota.engine.renewal import RenewalRules
from lilota.errors import ConfigurationError, InvalidInputError
from lilota.plugins import Plugins
from lilota.registry import Registry
from lilota.running.executors import RunOptions
from lilota.stores import ensure_store, is_configured
from lilota.tasks.numbers import is_whole

Limit = TypeVar("Limit", int, float)


class RunnerParts(NamedTuple):
    """What a runner consists of; `owns_store` tells whether it has opened the store itself."""

    registry: Registry
    options: RunOptions
    store: TaskStore
    owns_store: bool
    waiters: Waiters


def make_parts(
    store: TaskStore | str | None,
    *,
    settings: Settings,
    registry: Registry | None,
    executor: str | ExecutorFactory,
    number_of_processes: int | None,
    places_per_process: int | None,
    start_method: str | None,
    queues: Iterable[str] | None,
    lease_seconds: float,
    upload_modules: Iterable[str | os.PathLike[str]],
    recycle_after_tasks: int | None,
    recycle_after_seconds: float | None,
    recycle_after_mb: float | None,
    logging_level: int,
) -> RunnerParts:
    """Make them of the arguments of a `TaskRunner`; see there."""
    _check_places(places_per_process)
    registry = registry or Registry(Plugins(settings), settings)
    plugins = registry.plugins
    options = RunOptions(
        executor=plugins.executor_factory(executor) if isinstance(executor, str) else executor,
        executor_url=executor if isinstance(executor, str) else "",
        number_of_processes=number_of_processes,
        places_per_process=places_per_process or settings.places_per_process,
        start_method=start_method,
        queues=None if queues is None else _checked_queues(queues),
        lease_seconds=lease_seconds,
        upload_modules=_checked_uploads(upload_modules),
        renewal=RenewalRules(
            after_tasks=_recycling("recycle_after_tasks", recycle_after_tasks, settings.recycle_after_tasks),
            after_seconds=_recycling("recycle_after_seconds", recycle_after_seconds, settings.recycle_after_seconds),
            after_mb=_recycling("recycle_after_mb", recycle_after_mb, settings.recycle_after_mb),
        ),
        logging_level=logging_level,
        settings=settings,
    )
    opened = ensure_store(store, plugins=plugins)
    return RunnerParts(
        registry=registry,
        options=options,
        store=opened,
        owns_store=store is None or isinstance(store, str),
        waiters=Waiters(
            opened, told=True, configured=is_configured(store, settings), plugins=plugins, settings=settings
        ),
    )


def _check_places(places_per_process: object) -> None:
    if places_per_process is not None and not (is_whole(places_per_process) and 1 <= places_per_process <= MOST_PLACES):
        raise ConfigurationError(
            f"'places_per_process' must be a whole number from 1 to {MOST_PLACES:,}, not {places_per_process!r}."
        )


def _recycling(name: str, given: Limit | None, configured: Limit | None) -> Limit | None:
    """Return the argument if it was given, and else the setting."""
    problem = recycling_problem(name, given)
    if problem:
        raise ConfigurationError(f"{name!r} must be {problem}, not {given!r:.100}.")
    return configured if given is None else given


def _checked_queues(queues: Iterable[str]) -> tuple[str, ...]:
    """Return the queues that are to be served; no task could ever come from one that has no possible name."""
    if isinstance(queues, str):
        raise ConfigurationError(f"'queues' must be a list of names: write queues=[{queues!r}].")
    names = tuple(queues)
    if not names:
        raise ConfigurationError("'queues' names no queue, so that no task would run; None stands for all queues.")
    for name in names:
        if not isinstance(name, str):
            raise ConfigurationError(f"'queues' must be a list of names, and {name!r:.100} is none.")
        try:
            check_queue(name)
        except InvalidInputError as error:
            raise ConfigurationError(f"'queues' can't be used: {error}") from error
    return names


def _checked_uploads(files: Iterable[str | os.PathLike[str]]) -> tuple[str, ...]:
    """Return the whole paths of files that can be imported elsewhere, under the names that they have here."""
    if isinstance(files, str | os.PathLike):
        raise ConfigurationError(f"'upload_modules' must be a list of files: write upload_modules=[{str(files)!r}].")
    paths: dict[str, str] = {}
    for file in files:
        path = os.path.abspath(file)
        name, suffix = os.path.splitext(os.path.basename(path))
        if not os.path.isfile(path):
            raise ConfigurationError(f"'upload_modules' names {path!r}, and there is no such file.")
        if suffix != ".py" or not name.isidentifier() or iskeyword(name):
            raise ConfigurationError(
                f"'upload_modules' names {path!r}, which can't be imported: name the file like a module, as tasks.py."
            )
        if paths.setdefault(name, path) != path:
            raise ConfigurationError(f"'upload_modules' names {paths[name]!r} and {path!r}; only one can be {name!r}.")
    return tuple(paths.values())
