"""Check whether Python, the settings, the plugins and the store are in order; `lilota doctor` prints the findings."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Final, Literal, NamedTuple

from lilota import __version__
from lilota.config import Settings, load_settings
from lilota.contract import (
    COMMANDS,
    CanBeRepaired,
    CanTellExistence,
    Commands,
    RegisteredRunner,
    StoreCapabilities,
    TaskCount,
    TaskStore,
)
from lilota.errors import ConfigurationError, FileError, LilotaError, PluginConflictError, PluginError
from lilota.modules import NOT_USED
from lilota.plugins import Plugins
from lilota.plugins.records import troubles
from lilota.registry import Registry
from lilota.serving import WAITING_STATES, Service, Serving
from lilota.stores import open_store
from lilota.texts.secrets import mask_text
from lilota.texts.shadows import shadows
from lilota.texts.words import count, duration
from lilota.workers.preparing import start_method_for
from lilota.workers.starting import remedy_for, start_process
from lilota.workers.trial import Trial, look_into_modules
from lilota.workers.use import CAN_MEASURE

#: How long a process may take to come up, on a busy machine.
_START_SECONDS: Final = 30.0


class Finding(NamedTuple):
    """What a check found.

    Attributes:
        check: which check; a stable word, for machines.
        text: what was found, and what to do about it unless it is "ok".
    """

    status: Literal["ok", "warning", "problem"]
    check: str
    text: str


def examine(
    store: str | None = None,
    *,
    load: Callable[[], Settings] | None = None,
    repair: bool = False,
    commands: Commands = COMMANDS,
) -> Iterator[Finding]:
    """Give the findings of all checks, from the ground up; what can't be checked is a problem, not an error.

    Args:
        store: its name or URL; None means the configured one. It is not made if it does not exist yet.
        load: returns the settings to be examined, with their store; without, the configured ones.
        repair: let the store mend what does not fit in its data, where it can.
        commands: what somebody types here, for the remedies.
    """
    python = f"{platform.python_implementation()} {platform.python_version()}"
    yield Finding("ok", "lilota", f"lilota {__version__}, {python} in {sys.prefix}")
    yield _start_method()
    yield _limits()
    yield from _shadows()
    try:
        settings = load() if load else load_settings(store=store)
    except ConfigurationError as error:
        yield Finding("problem", "settings", mask_text(str(error)))
        return
    try:
        yield _settings(settings)
        yield _pruning(settings, commands)
        plugins = Plugins(settings)
        yield from _plugins(plugins)
        yield from _configured_tasks(plugins)
        registry = Registry(plugins)
        yield from _modules(registry)
        with closing(open_store(settings.store, plugins=plugins)) as opened:
            if isinstance(opened, CanTellExistence) and not opened.exists():
                yield from _not_made_yet(opened.capabilities(), commands)
                yield from _waiting_tasks((), registry, Serving(()))
                return
            opened.open()
            yield _answer(opened)
            yield from _promises(opened.capabilities())
            yield from _damage(opened, commands, repair=repair)
            yield _file_area(opened, plugins, commands)
            runners = opened.runners()
            yield from _troubled_runners(runners)
            yield from _waiting_tasks(opened.counts(), registry, Serving(runners, commands))
    except LilotaError as error:
        yield Finding("problem", "store", mask_text(str(error)))


def _start_method() -> Finding:
    """Start a process as a runner does: whether one can be started is known when one was."""
    try:
        method = start_method_for(None)
        process = start_process(method, os.getpid, (), "lilota-doctor")
    except (ConfigurationError, OSError, EOFError) as error:
        text = f"No worker process can be started: {error}. {remedy_for(error)}".rstrip()
        return Finding("problem", "processes", text)
    process.join(_START_SECONDS)
    if process.exitcode is None:
        process.kill()
        text = f"A worker process did not come up within {_START_SECONDS:g} s. What does your program do when imported?"
        return Finding("problem", "processes", text)
    if process.exitcode:
        text = f"A worker process ended at once, with exit code {process.exitcode}; its error is on standard error."
        return Finding("problem", "processes", text)
    if method == "forkserver":
        return Finding("ok", "processes", "Workers are started by forkserver, within milliseconds.")
    return Finding("warning", "processes", "Workers are started by spawn, which is slower than a fork server.")


def _limits() -> Finding:
    if CAN_MEASURE:
        return Finding("ok", "limits", "Limits of memory and processor time of tasks are watched.")
    text = "This system does not tell what processes use: tasks run without their limits of memory and processor time."
    return Finding("warning", "limits", text)


def _shadows() -> Iterator[Finding]:
    """Look where a program of this folder, and its workers, look first."""
    with contextlib.suppress(FileNotFoundError):  # the folder was deleted
        found = shadows([os.getcwd(), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
        if found:
            yield Finding("warning", "files", f"{found} Until then, programs that lie beside it may fail to start.")


def _settings(settings: Settings) -> Finding:
    if "store" in settings.sources:
        return Finding("ok", "settings", f"The store is set by {settings.source_of('store')}.")
    return Finding("ok", "settings", "The store is the default, a file in this folder; LILOTA_STORE would change it.")


def _pruning(settings: Settings, commands: Commands) -> Finding:
    seconds = settings.prune_after_seconds
    if seconds is None:
        text = f"Ended tasks are kept until `{commands.line} prune`; prune_after_seconds deletes them."
        return Finding("ok", "pruning", text)
    source = settings.source_of("prune_after_seconds")
    return Finding("ok", "pruning", f"Running workers delete tasks {duration(seconds)} after their end, by {source}.")


def _plugins(plugins: Plugins) -> Iterator[Finding]:
    records = plugins.records()
    usable = sorted({f"{record.distribution} {record.version}" for record in records if record.error is None})
    yield Finding("ok", "plugins", ", ".join(usable) or "None is installed.")
    for trouble in troubles(records):
        status: Literal["ok", "problem"] = "ok" if trouble.state == "disabled" else "problem"
        yield Finding(status, "plugins", f"The {trouble.what} of {trouble.distributions} is not used: {trouble.text}")
    yield from (Finding("warning", "plugins", remark) for remark in plugins.remarks())


def _configured_tasks(plugins: Plugins) -> Iterator[Finding]:
    """Import the tasks of the configuration elsewhere, with the current folder on the path, as `lilota worker` does."""
    settings = plugins.settings
    if settings.executor != "processes" or not settings.tasks:
        return
    fine = 0
    with Trial(settings.tasks, plugins, None, [os.getcwd()]) as trial:
        for tried in trial.results():
            if tried.problem:
                text = f"{tried.problem} It is configured in {settings.source_of('tasks')}."
                yield Finding("problem", "tasks", text)
            yield from (Finding("warning", "tasks", remark) for remark in tried.remarks)
            fine += not tried.problem
    if fine:
        yield Finding("ok", "tasks", f"{count(fine, 'configured task')} can be imported.")


def _modules(registry: Registry) -> Iterator[Finding]:
    """Import the modules of the settings elsewhere, with the current folder on the path, as `lilota worker` does."""
    settings = registry.plugins.settings
    if settings.executor != "processes":
        return
    try:
        found = look_into_modules(registry, None, [os.getcwd()])
    except (OSError, EOFError):  # no process can be started, which is a finding already
        return
    for tried in found:
        if tried.problem:
            text = NOT_USED % (tried.problem, settings.source_of("modules"))
            yield Finding("problem", "modules", text)
        else:
            yield Finding("ok", "modules", f"{tried.name} declares {count(len(tried.declared), 'task')}.")
        yield from (Finding("warning", "modules", remark) for remark in tried.remarks)
    yield from (Finding("problem", "modules", conflict) for conflict in registry.conflicts())


def _answer(store: TaskStore) -> Finding:
    began = time.perf_counter()
    store.counts()
    took = time.perf_counter() - began
    return Finding("ok", "store", f"{store.capabilities().description}; answers in {duration(took)}.")


def _not_made_yet(promises: StoreCapabilities, commands: Commands) -> Iterator[Finding]:
    """Say what can be said without leaving a file where somebody has only looked."""
    made = f"The first `{commands.line} add` or `{commands.worker}` makes it."
    yield Finding("ok", "store", f"There is no {promises.description} yet. {made}")
    yield from _promises(promises)


def _promises(promises: StoreCapabilities) -> Iterator[Finding]:
    if promises.durable:
        yield Finding("ok", "durable", "What was added survives crashes and power cuts.")
    elif promises.forgets:
        yield Finding("warning", "durable", "Tasks are lost when its process ends. To keep them: sqlite:///lilota.db")
    else:
        yield Finding("warning", "durable", "What was added in the last second may be lost in a crash or a power cut.")
    if promises.multi_host:
        yield Finding("ok", "shared", "Several machines can use it together.")
    elif promises.multi_process:
        yield Finding("ok", "shared", "All processes of this machine can use it together.")
    else:
        yield Finding("warning", "shared", "Only one process can use it. To share tasks: sqlite:///lilota.db")
    for warning in promises.warnings:
        yield Finding("warning", "store", warning)


def _damage(store: TaskStore, commands: Commands, *, repair: bool) -> Iterator[Finding]:
    """Find what does not fit in the data of a store that can tell."""
    if not isinstance(store, CanBeRepaired):
        return
    damage = "; ".join(store.damage())
    if not damage:
        yield Finding("ok", "data", "The counters fit the tasks.")
    elif repair:
        store.repair()
        yield Finding("ok", "data", f"Repaired: {damage}.")
    else:
        yield Finding("problem", "data", f"{damage}. `{commands.line} doctor --repair` mends it, and loses nothing.")


def _file_area(store: TaskStore, plugins: Plugins, commands: Commands) -> Finding:
    """Use the file area, and count what is there for nobody; a folder beside the store is not made for that."""
    from lilota.files.examining import try_area  # noqa: PLC0415 - the runner's first result does not wait for it
    from lilota.files.reading import FilesOfStore  # noqa: PLC0415 - as above
    from lilota.files.sweeping import Sweeper  # noqa: PLC0415 - as above

    files = FilesOfStore(store, plugins)
    if files.settings.url is None:
        return Finding("ok", "file-area", f"Tasks can attach no files. {files.settings.refusal}")
    sweeper = Sweeper(store, files)
    try:
        where = files.area.info().description
        if plugins.settings.files is None and not sweeper.folders():
            return Finding("ok", "file-area", f"No file was attached yet; the first one makes {where}.")
        try_area(files)
        seen, nobodys = sweeper.count_nobodys()
    except (FileError, ConfigurationError, PluginError, PluginConflictError) as error:
        return Finding("problem", "file-area", mask_text(str(error)))
    left = f", {nobodys:,} of them nobody's: runners delete them, and `{commands.line} prune`" if nobodys else ""
    return Finding("ok", "file-area", f"Files can be kept in {where}. Looked at {count(seen, 'file')} of tasks{left}.")


def _troubled_runners(runners: Iterable[RegisteredRunner]) -> Iterator[Finding]:
    for runner in runners:
        service = Service.told_by(runner)
        which = f"The runner {runner.id} (process {runner.pid} on {runner.host})"
        if service.failure:
            yield Finding("problem", "runners", f"{which} failed: {mask_text(service.failure)} Restart its program.")
        if service.problem and not runner.has_expired:
            yield Finding("problem", "runners", f"{which}: {mask_text(service.problem)}")
        for trouble in service.troubles:
            yield Finding("warning", "runners", f"{which}: {mask_text(trouble)}")


def _waiting_tasks(found: Sequence[TaskCount], registry: Registry, serving: Serving) -> Iterator[Finding]:
    """Find tasks that no runner serves, and those of names unknown here of which nobody can tell."""
    waiting = [row for row in found if row.state in WAITING_STATES]
    vain = serving.complaints(waiting)
    yield from (Finding("warning", "tasks", mask_text(line)) for line in vain)
    strange = Counter[str]()
    for row in waiting:
        is_judged = serving.is_alive and serving.answer(row.name, row.queue) is not None
        if not is_judged and not registry.knows(row.name):
            strange[row.name] += row.count
    if strange:
        listed = ", ".join(f"{name!r} ({strange[name]:,})" for name in sorted(strange)[:10])
        yield Finding(
            "warning",
            "tasks",
            f"Tasks wait for names that are unknown here: {listed}. If no worker elsewhere runs them, install the "
            "package that brings them, name their modules under modules in lilota.toml, or start a worker with "
            "--task NAME=module:Class.",
        )
    if not vain and not strange:
        able = f"{count(len(registry.names()), 'task name')} can be run here"
        yield Finding("ok", "tasks", f"{count(sum(row.count for row in waiting), 'task')} waiting; {able}.")
