"""Keep all entries under their names: judge them, find the one that may be used, and load it when it is needed."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Final

from lilota.config import Settings
from lilota.errors import (
    ConfigurationError,
    InvalidTaskError,
    LilotaError,
    PluginConflictError,
    UnknownStoreError,
    UnknownTaskError,
    did_you_mean,
    listed,
)
from lilota.plugins.frozen import how_to_bundle
from lilota.plugins.loading import load_reference
from lilota.plugins.records import EXECUTORS, FILES, IN_RECORDS, KINDS, STORES, TASKS, Entry
from lilota.plugins.selection import apply_switches, settle_claims
from lilota.plugins.strangers import as_sentence, let_pass, one_line, reason_of, undisturbed
from lilota.tasks.reachability import is_frozen
from lilota.texts.shadows import shadows

logger: logging.Logger = logging.getLogger("lilota.plugins")

#: What belongs to this project: where a name comes from.
_ELSEWHERE: Final = MappingProxyType(
    {
        (STORES, "memory"): "lilota-memory-store",
        (STORES, "sqlite"): "lilota-sqlite-store",
        (STORES, "postgresql"): "lilota-postgres-store",
        (STORES, "postgres"): "lilota-postgres-store",
        (STORES, "redis"): "lilota-redis-store",
        (STORES, "rediss"): "lilota-redis-store",
        (STORES, "unix"): "lilota-redis-store",
        (STORES, "django"): "lilota-django",
        (EXECUTORS, "processes"): "lilota",
        (FILES, "file"): "lilota",
        (FILES, "django"): "lilota-django",
        **{(FILES, name): "lilota-fsspec-files" for name in ("s3", "gs", "gcs", "abfs", "az", "sftp", "smb", "fsspec")},
    }
)
_UNKNOWN: Final = MappingProxyType({STORES: UnknownStoreError, TASKS: UnknownTaskError})


class Catalog:
    """The entries that were found, and later those that hooks contribute.

    Args:
        check: raises PluginError if an entry must not be loaded here.
    """

    def __init__(self, settings: Settings, check: Callable[[Entry], None]) -> None:
        self._settings = settings
        self._check = check
        self._entries: list[Entry] = []
        self._by_name: dict[tuple[str, str], list[Entry]] = {}

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def add(self, entries: list[Entry]) -> None:
        """Take entries in, drop those whose contributor has failed since, and judge all of them.

        Raises:
            PluginConflictError: in strict mode, several distributions claim a name.
        """
        apply_switches(entries, self._settings)
        kept = [entry for entry in self._entries if entry.contributor is None or entry.contributor.state == "loaded"]
        self._entries = kept + entries
        by_name: dict[tuple[str, str], list[Entry]] = {}
        for entry in self._entries:
            by_name.setdefault((entry.pinned.group, entry.pinned.name), []).append(entry)
        self._by_name = by_name
        self._settle()

    def names(self, group: str) -> tuple[str, ...]:
        """Return the names in a group that can be used, sorted."""
        return tuple(sorted({e.pinned.name for e in self._entries if e.is_usable and e.pinned.group == group}))

    def has(self, group: str, name: str) -> bool:
        """Tell whether a name can be used."""
        return any(entry.is_usable for entry in self._by_name.get((group, name), ()))

    def knows(self, group: str, name: str) -> bool:
        """Tell whether anything of that name is installed, usable or not."""
        return (group, name) in self._by_name

    def find(self, group: str, name: str) -> Entry:
        """Return the entry that a name stands for.

        Raises:
            UnknownTaskError, UnknownStoreError, ConfigurationError: none is installed, or it is disabled.
            PluginConflictError: several distributions claim the name.
        """
        entries = self._by_name.get((group, name), [])
        for state in ("loaded", "not loaded", "failed"):  # one that failed may be mended by now
            for entry in entries:
                if entry.state == state and not entry.is_broken:
                    return entry
        raise self.refusal(group, name)

    def refusal(self, group: str, name: str) -> LilotaError:
        """Return the error that says why a name can't be used."""
        error, noun = _UNKNOWN.get(group, ConfigurationError), KINDS[group]
        entries = self._by_name.get((group, name), [])
        for entry in entries:
            if entry.state == "conflict":
                return PluginConflictError(entry.error)
        if entries:
            reasons = "; ".join(f"that of {entry.source}: {entry.error}" for entry in entries)
            return error(f"The {noun} {name!r} can't be used. {reasons}.")
        known = self.names(group)
        package = _ELSEWHERE.get((group, name))
        hint = "" if package else did_you_mean(name, known)
        return error(f"Unknown {noun} {name!r}.{hint} Installed: {listed(known)}. {_remedy(package)}")

    def load(
        self, entry: Entry, what: str, check: Callable[[object], object], error_class: type[LilotaError]
    ) -> object:
        """Import what an entry names, unless it is loaded already, and return it.

        Args:
            what: how to call it in an error: "The task 'resize' of images 1.0".
            check: returns what was imported, or raises what is wrong with it.

        Raises:
            PluginError: it must not be loaded here.
            error_class: it can't be imported, or is not what it should be.
        """
        if entry.state == "loaded":
            return entry.loaded
        self._check(entry)
        try:
            # Where the module of a task goes is where its tasks want to be.
            with contextlib.nullcontext() if entry.pinned.group == TASKS else undisturbed(what):
                entry.loaded = check(load_reference(entry.pinned.value))
        except InvalidTaskError as error:
            entry.fail(one_line(error))
            raise
        except BaseException as error:
            let_pass(error, what)
            reason = reason_of(error)
            entry.fail(reason)
            remedy = _remedy_for(error, entry)
            raise error_class(
                f"{what} can't be loaded from {entry.pinned.value!r}: {as_sentence(reason)} {remedy}"
            ) from error
        entry.state, entry.error = "loaded", None
        return entry.loaded

    def _settle(self) -> None:
        known = {entry.error for entry in self._entries if entry.state == "conflict"}
        messages = {entry.error for entry in settle_claims(self._entries, self._settings)}
        for message in sorted(filter(None, messages - known)):
            if self._settings.strict_plugins:
                raise PluginConflictError(message)
            logger.warning("%s Until then, none of them is used.", message, extra=IN_RECORDS)


def _remedy(package: str | None) -> str:
    """Say what to do about a name that nothing here brings.

    Args:
        package: what brings it, if that is known.
    """
    if package is None:
        return "Install the package that brings it."
    if is_frozen():
        return how_to_bundle(package)
    if package == "lilota":  # it is running, so what lacks is how it finds its own parts
        return "The metadata of lilota is not where lilota is: install it with pip, or take lilota-*.dist-info along."
    return f"Install the package that brings it: pip install {package}."


def _remedy_for(error: BaseException, entry: Entry) -> str:
    """Say what to do about an entry that can't be imported."""
    if is_frozen() and isinstance(error, ModuleNotFoundError):
        return how_to_bundle(entry.pinned.distribution)
    switch = f"LILOTA_DISABLE_PLUGINS={entry.pinned.group}:{entry.pinned.name}"
    remedy = f"Mend or upgrade {entry.pinned.distribution}, or turn it off with {switch}."
    return f"{shadows()} {remedy}".lstrip()
