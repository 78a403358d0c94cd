"""Turn what a contributing hook returned into entries like those from metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from lilota.plugins.records import STORES, TASKS, Entry
from lilota.tasks.checks import check_task_class
from lilota.tasks.names import check_name


def contributed_entries(hook_name: str, plugin: Entry, given: object) -> list[Entry]:
    """Return an entry for each task or store that a plugin contributed.

    Raises:
        LilotaError, TypeError: what it gave is not what the hook asks for.
    """
    group, check = _CONTRIBUTING[hook_name]
    if given is None:
        return []
    if not isinstance(given, Mapping):
        raise TypeError(f"{hook_name} must return a mapping of names, not {type(given).__name__}")
    return [_entry(plugin, hook_name, group, check_name(name), check(plugin, name, given[name])) for name in given]


def as_list(plugin: Entry, given: object) -> list[object]:
    """Return what a hook gave that contributes a list.

    Raises:
        TypeError: it gave something else.
    """
    if given is None:
        return []
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        raise TypeError(f"a hook of {plugin.source} must return a list, not {type(given).__name__}")
    return list(given)


def as_factory(found: object) -> object:
    """Return what can make a store or an executor.

    Raises:
        TypeError: it can't be called.
    """
    if not callable(found):
        raise TypeError(f"it must be named by a callable that makes one, not by {type(found).__name__}")
    return found


def _as_task(plugin: Entry, name: str, found: object) -> object:
    return check_task_class(found, f"The task {name!r} of {plugin.source}")


def _as_store(_plugin: Entry, _name: str, found: object) -> object:
    return as_factory(found)


_CONTRIBUTING: Final[Mapping[str, tuple[str, Callable[[Entry, str, object], object]]]] = {
    "lilota_tasks": (TASKS, _as_task),
    "lilota_stores": (STORES, _as_store),
}


def _entry(plugin: Entry, hook_name: str, group: str, name: str, thing: object) -> Entry:
    value = f"{plugin.pinned.value}:{hook_name}()"
    pinned = replace(plugin.pinned, group=group, name=name, value=value, folder="")
    return Entry(pinned=pinned, state="loaded", loaded=thing, contributor=plugin)
