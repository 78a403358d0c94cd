"""Bring it together: find the entries, decide which may be used, and load each when it is needed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, cast

from lilota.config import Settings
from lilota.contract.forks import renew_in_forks
from lilota.engine.executor import ExecutorFactory
from lilota.errors import InvalidTaskError, LilotaError, PluginError, listed
from lilota.hookspecs import AttemptDetails, StoreFactory, is_called_in_workers
from lilota.models import TaskBase
from lilota.plugins.catalog import Catalog
from lilota.plugins.contributions import as_factory, as_list, contributed_entries
from lilota.plugins.discovery import installed, installed_version, is_still_installed
from lilota.plugins.hooks import PluginModules
from lilota.plugins.records import (
    EXECUTORS,
    FILES,
    IN_RECORDS,
    KINDS,
    MODULES,
    STORES,
    TASKS,
    Entry,
    PinnedEntry,
    PluginRecord,
)
from lilota.plugins.selection import unfit_names
from lilota.plugins.strangers import let_pass, one_line, undisturbed
from lilota.tasks.checks import check_task_class
from lilota.tasks.options import remarks_on
from lilota.texts.secrets import mask_text

if TYPE_CHECKING:
    from lilota.contract.file_areas import FileArea, FileAreaFactory

logger: logging.Logger = logging.getLogger("lilota.plugins")


class Plugins:
    """The stores, tasks, executors, file areas and hooks that installed distributions bring.

    Making one reads metadata and loads the modules of the group `lilota.plugins`; the others are imported when they
    are used.

    Args:
        settings: the switches.
        pinned: in a worker process, what `resolved()` returned in the runner's; then nothing is searched for, and no
            plugin is left out.

    Raises:
        PluginError: with `strict_plugins` or `pinned`, something is wrong with a plugin.
    """

    def __init__(self, settings: Settings, pinned: Iterable[PinnedEntry] | None = None) -> None:
        self.settings = settings
        self._modules = PluginModules(strict=settings.strict_plugins or pinned is not None)
        self._begin()
        renew_in_forks(self, Plugins._begin)
        self._asked_for_stores = False
        check = _accept if pinned is None else _check_version
        self._remarks: list[str] = []
        self._are_names_judged = pinned is not None  # by the runner, which has all entries
        entries, remarks = installed() if pinned is None else ([Entry(pinned=entry) for entry in pinned], [])
        self._catalog = Catalog(settings, check)
        # By name, so that the order of installation does not decide the order in which hooks are called either.
        self._catalog.add(sorted(entries, key=lambda entry: _order(entry.pinned)))
        self._remark(remarks)
        self._warn(_broken(self._catalog))
        for entry in self._catalog:
            if entry.pinned.group == MODULES and entry.is_usable:
                check(entry)
                self._modules.load(entry)
        self._ask("lilota_tasks")
        if not self._modules.has("lilota_stores"):  # else some names are only known when plugins are asked for stores
            self._judge_names()

    def _begin(self) -> None:
        """Make the lock, at first and in a fork of the process."""
        self._stores_lock = threading.RLock()

    def records(self) -> list[PluginRecord]:
        """Return every entry as it stands now, by group, name and distribution."""
        return sorted((entry.record() for entry in self._catalog), key=_order)

    def remarks(self) -> tuple[str, ...]:
        """Return a sentence for each thing that is wrong and belongs to no entry, such as a setting that fits none."""
        self._ask_for_stores()
        return tuple(self._remarks)

    def resolved(self) -> tuple[PinnedEntry, ...]:
        """Return what a worker process needs to use the same entries; plugins without a hook for it are left out."""
        return tuple(entry.pinned for entry in self._catalog if entry.is_usable and _concerns_workers(entry))

    def task_names(self) -> tuple[str, ...]:
        """Return the names of the tasks that can be used, sorted."""
        return self._catalog.names(TASKS)

    def has_task(self, name: str) -> bool:
        """Tell whether `name` is among `task_names()`."""
        return self._catalog.has(TASKS, name)

    def refusal(self, name: str) -> LilotaError | None:
        """Return why a task that is installed can't be used, or None if none of that name is installed."""
        return self._catalog.refusal(TASKS, name) if self._catalog.knows(TASKS, name) else None

    def load_task(self, name: str) -> type[TaskBase]:
        """Import the class of an installed task.

        Raises:
            UnknownTaskError: no distribution brings it, or it is disabled.
            PluginConflictError: several distributions claim it.
            PluginError: a worker process finds it in another version than its runner, or not at all.
            InvalidTaskError: it can't be imported, or is no task class.
        """
        entry = self._catalog.find(TASKS, name)
        what = f"The task {name!r} of {entry.source}"

        def check(loaded: object) -> type[TaskBase]:
            clazz = check_task_class(loaded, what)
            entry.remark = " ".join(remarks_on(clazz)) or None
            return clazz

        return cast("type[TaskBase]", self._catalog.load(entry, what, check, InvalidTaskError))

    def store_names(self) -> tuple[str, ...]:
        """Return the schemes of the stores that can be used, sorted."""
        self._ask_for_stores()
        return self._catalog.names(STORES)

    def store_factory(self, scheme: str) -> StoreFactory:
        """Import the factory of a store.

        Raises:
            UnknownStoreError: no distribution brings it, or it is disabled.
            PluginConflictError: several distributions claim it.
            PluginError: it can't be imported.
        """
        self._ask_for_stores()
        return cast("StoreFactory", self._load_factory(STORES, scheme))

    def make_store(self, scheme: str, address: str) -> object:
        """Call the factory of a store; whether it made one is for the caller to see.

        Raises:
            LilotaError: as for `store_factory`, or what the factory finds wrong with the address.
            PluginError: the factory raised anything else.
        """
        return self._make(STORES, scheme, address, self.store_factory(scheme))

    def make_file_area(self, scheme: str, url: str) -> FileArea:
        """Make the file area of a URL.

        Raises:
            ConfigurationError: no distribution brings it, it is disabled, or it finds the URL wrong.
            PluginConflictError: several distributions claim it.
            PluginError: it can't be imported, or is not complete.
        """
        from lilota.contract.file_areas import FileArea  # noqa: PLC0415 - most programs keep no files

        area = self._make(FILES, scheme, url, self.file_area_factory(scheme))
        if not isinstance(area, FileArea):
            lacking = [name for name in vars(FileArea) if not name.startswith("_") and not hasattr(area, name)]
            raise PluginError(f"The file area {scheme!r} is not complete: it lacks {listed(lacking)}.")
        return area

    def executor_factory(self, url: str) -> ExecutorFactory:
        """Import the factory of the executor that a name or URL stands for.

        Raises:
            ConfigurationError: no distribution brings it, or it is disabled.
            PluginConflictError: several distributions claim it.
            PluginError: it can't be imported.
        """
        return cast("ExecutorFactory", self._load_factory(EXECUTORS, url.partition(":")[0].lower()))

    def file_area_factory(self, scheme: str) -> FileAreaFactory:
        """Import the factory of a file area; raises what `executor_factory` does."""
        return cast("FileAreaFactory", self._load_factory(FILES, scheme))

    def has(self, hook_name: str) -> bool:
        """Tell whether any plugin implements a hook; cheap enough to ask for every attempt."""
        return self._modules.has(hook_name)

    def observe(self, hook_name: str, **records: object) -> None:
        """Call an observing hook of every plugin, in turn; what a plugin raises is logged and goes no further."""
        self._modules.observe(hook_name, records)

    def decide(self, hook_name: str, record: Callable[[], dict[str, object]], use: Callable[[object], None]) -> None:
        """Call a deciding hook of every plugin, in turn; see `PluginModules.decide`.

        Raises:
            TaskRefusedError: a plugin does not let the task through.
            PluginError: a plugin failed.
        """
        self._modules.decide(hook_name, record, use)

    def remark_overdue(self) -> list[str]:
        """Return a sentence for each observing hook that does not come back; to be asked now and then."""
        return self._modules.remark_overdue()

    def contributions(self, hook_name: str) -> list[tuple[PluginRecord, list[object]]]:
        """Call a hook that contributes a list, and return what each plugin gave; one that raises is disabled."""
        given = self._modules.contributions(hook_name, as_list)
        self._catalog.add([])  # what a plugin that failed just now had contributed goes with it
        return [(entry.record(), items) for entry, items in given]

    def run_attempt(self, attempt: AttemptDetails) -> object:
        """Run the task of an attempt inside what plugins wrap around it, and return what comes out."""
        return self._modules.run_attempt(attempt)

    async def run_shared_attempt(self, attempt: AttemptDetails) -> object:
        """Run the task of an attempt as `run_attempt` does, on an event loop that it shares with others."""
        return await self._modules.run_shared_attempt(attempt)

    def _make(self, group: str, scheme: str, address: str, factory: Callable[[str], object]) -> object:
        what = f"The {KINDS[group]} {scheme!r} of {self._catalog.find(group, scheme).source}"
        try:
            with undisturbed(what):
                return factory(address)
        except LilotaError:
            raise
        except BaseException as error:
            let_pass(error, what)
            raise PluginError(f"{what} can't be made: {mask_text(one_line(error))}. Mend or upgrade it.") from error

    def _load_factory(self, group: str, name: str) -> object:
        entry = self._catalog.find(group, name)
        what = f"The {KINDS[group]} {name!r} of {entry.source}"
        return self._catalog.load(entry, what, as_factory, PluginError)

    def _ask_for_stores(self) -> None:
        with self._stores_lock:
            if not self._asked_for_stores:
                self._asked_for_stores = True
                self._ask("lilota_stores")
                self._judge_names()

    def _ask(self, hook_name: str) -> None:
        """Let plugins contribute tasks or stores; these are judged like those from metadata."""
        given = self._modules.contributions(hook_name, partial(contributed_entries, hook_name))
        self._catalog.add([entry for _, entries in given for entry in entries])

    def _judge_names(self) -> None:
        """Say once which names in the settings fit nothing."""
        if not self._are_names_judged:
            self._are_names_judged = True
            self._remark(unfit_names(self._catalog, self.settings))

    def _remark(self, sentences: list[str]) -> None:
        self._remarks += sentences
        self._warn(sentences)

    def _warn(self, sentences: list[str]) -> None:
        for sentence in sentences:
            if self.settings.strict_plugins:
                raise PluginError(sentence)
            logger.warning("%s", sentence, extra=IN_RECORDS)


def _broken(entries: Iterable[Entry]) -> list[str]:
    """Say what is wrong with metadata: once for all entries of a distribution that have it."""
    found = {(entry.source, entry.error): entry for entry in entries if entry.is_broken and entry.state == "failed"}
    return [
        f"What {source} brings can't be used: {error}. Mend it, or install another version, or turn it off with "
        f"LILOTA_DISABLE_PLUGINS={entry.pinned.distribution}."
        for (source, error), entry in found.items()
    ]


def _concerns_workers(entry: Entry) -> bool:
    """Tell whether a worker needs an entry: it runs nothing elsewhere, and asks plugins for what they contribute."""
    if entry.pinned.group == MODULES:
        return any(is_called_in_workers(hook_name) for hook_name in entry.hooks)
    return entry.contributor is None and entry.pinned.group != EXECUTORS


def _accept(_entry: Entry) -> None:
    """Let an entry be loaded: this process found it itself."""


def _check_version(entry: Entry) -> None:
    """Make sure that a worker process has what the runner resolved."""
    if is_still_installed(entry.pinned):
        return
    installed = installed_version(entry.pinned.distribution)
    if installed != entry.pinned.version:
        raise PluginError(
            f"The {KINDS[entry.pinned.group]} {entry.pinned.name!r} is not as the runner found it: that has "
            f"{entry.source}, its worker process {installed or 'none'}. Restart the runner, and let both see the same "
            "installation."
        )


def _order(entry: PinnedEntry | PluginRecord) -> tuple[str, str, str]:
    return entry.group, entry.name, entry.distribution
