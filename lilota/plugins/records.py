"""The records of installed entries: what the outside sees of them, and what is kept inside."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterable, Iterator
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from lilota.plugins.strangers import as_sentence

STORES: Final = "lilota.stores"
TASKS: Final = "lilota.tasks"
EXECUTORS: Final = "lilota.executors"
FILES: Final = "lilota.files"
MODULES: Final = "lilota.plugins"
#: No group of entry points: what the setting `modules` names. `lilota plugins` lists it beside these.
TASK_MODULES: Final = "modules"
#: Group -> what an entry of it is, for people.
KINDS: Final = MappingProxyType(
    {
        STORES: "store",
        TASKS: "task",
        EXECUTORS: "executor",
        FILES: "file area",
        MODULES: "plugin",
        TASK_MODULES: "module",
    }
)

#: Marks a log line that says what `Plugins.records()` and `Plugins.remarks()` say, too.
IN_RECORDS: Final = MappingProxyType({"is_in_records": True})

PluginState = Literal["not loaded", "loaded", "failed", "disabled", "conflict"]


class _Named(msgspec.Struct, frozen=True, kw_only=True):
    """What is in the metadata."""

    group: str
    name: str
    value: str
    distribution: str
    version: str


class PluginRecord(_Named, frozen=True, kw_only=True):
    """One entry as of the moment it was asked for.

    Attributes:
        group: "lilota.stores", "lilota.tasks", "lilota.executors", "lilota.files" or "lilota.plugins"; "modules" for
            what the setting of that name has, which no distribution brings.
        name: the scheme of the store, executor or file area, or the name of the task or plugin.
        value: what the entry names, "package.module:object"; a task or store that a hook contributed
            has "package.module:hook()".
        distribution, version: the installed package that brings it.
        error: why it can't be used, or None.
        hooks: the hooks that a loaded plugin implements.
        remark: what looks like a mistake in a plugin that can be used, or None.
    """

    state: PluginState
    error: str | None = None
    hooks: tuple[str, ...] = ()
    remark: str | None = None

    @property
    def kind(self) -> str:
        """What it is, for people: "store", "task", "executor", "file area", "plugin" or "module"."""
        return KINDS[self.group]

    @property
    def trouble(self) -> str:
        """Why it can't be used, and what to do about it, in sentences; "" if it can."""
        return "" if self.error is None else _with_remedy(self.error, self)


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one entry, or in the same way with several: all that claim one name.

    Attributes:
        what: the kind and the name: "store shelf".
        distributions: the packages that bring it.
        text: what is wrong, and what to do about it.
    """

    state: PluginState
    what: str
    distributions: str
    text: str


class PinnedEntry(_Named, frozen=True, kw_only=True):
    """An entry that a runner resolved, for its worker processes to use as it is.

    Attributes:
        folder: where its metadata is, "" if that is not a folder. The name of the folder has the version in it.
    """

    folder: str = ""


class Entry(msgspec.Struct, kw_only=True, eq=False):
    """An entry and what has become of it.

    Attributes:
        is_broken: the metadata has it in a way that can't be used, so there is nothing to load.
        loaded: the object that it names, once it is loaded.
        contributor: the plugin whose hook contributed it; None for one that comes from an entry point.
    """

    pinned: PinnedEntry
    state: PluginState = "not loaded"
    error: str | None = None
    hooks: tuple[str, ...] = ()
    is_broken: bool = False
    remark: str | None = None
    loaded: object = None
    contributor: Entry | None = None

    @property
    def is_usable(self) -> bool:
        return self.state in {"not loaded", "loaded"}

    @property
    def owner(self) -> str:
        """The distribution in the one spelling by which distributions are compared."""
        return normalized(self.pinned.distribution)

    @property
    def source(self) -> str:
        """The distribution and its version, for people."""
        return f"{self.pinned.distribution} {self.pinned.version}"

    def fail(self, error: str) -> None:
        self.state, self.error, self.loaded, self.remark = "failed", error, None, None

    def record(self) -> PluginRecord:
        """Return what the outside may know."""
        named = {name: getattr(self.pinned, name) for name in _Named.__struct_fields__}
        return PluginRecord(**named, state=self.state, error=self.error, hooks=self.hooks, remark=self.remark)


def troubles(records: Iterable[PluginRecord]) -> list[Trouble]:
    """Return why entries can't be used, each reason once."""
    alike: dict[tuple[str, str, str, PluginState], list[PluginRecord]] = {}
    for record in records:
        if record.error is not None:
            alike.setdefault((record.group, record.name, record.error, record.state), []).append(record)
    return [
        Trouble(
            state=state,
            what=f"{KINDS[group]} {name}",
            distributions=", ".join(record.distribution for record in found),
            text=_with_remedy(error, found[0]),
        )
        for (group, name, error, state), found in alike.items()
    ]


def _with_remedy(error: str, record: PluginRecord) -> str:
    """Say what to do about an entry that failed; the other reasons have their remedy."""
    if record.state != "failed" or record.group == TASK_MODULES:
        return error
    is_named = record.group == MODULES and record.value
    return (
        f"{as_sentence(error)} Mend or upgrade {record.distribution}, or turn it off with "
        f"LILOTA_DISABLE_PLUGINS={record.name if is_named else record.distribution}"
    )


@contextlib.contextmanager
def shown_otherwise() -> Iterator[None]:
    """Hold back the log lines that records and remarks say, too, for who shows all of these."""
    logger = logging.getLogger("lilota.plugins")
    logger.addFilter(_is_not_in_records)
    try:
        yield
    finally:
        logger.removeFilter(_is_not_in_records)


def _is_not_in_records(record: logging.LogRecord) -> bool:
    return not getattr(record, "is_in_records", False)


def normalized(distribution: str) -> str:
    """Return the name of a distribution in the spelling that packaging compares: lower case, dashes."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
