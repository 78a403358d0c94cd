"""Open stores by name or URL, and give the seed's names `StoreManager` and `MemoryTaskStore` their home."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Final

from lilota.config import Settings, load_settings
from lilota.contract import TaskStore, redacted
from lilota.errors import ConfigurationError, PluginError, UnknownStoreError
from lilota.plugins import Plugins
from lilota.texts.patterns import Pattern

if TYPE_CHECKING:
    from lilota_memory_store import MemoryTaskStore

    from lilota.managed_stores import StoreManager

__all__ = ["MemoryTaskStore", "StoreManager", "TaskStore", "ensure_store", "is_configured", "open_store", "redacted"]

_SCHEME: Final = Pattern(r"[a-z][a-z0-9+.\-]*", re.IGNORECASE)
_METHODS: Final = tuple(name for name in vars(TaskStore) if not name.startswith("_"))


def open_store(
    name_or_url: str | None = None, *, settings: Settings | None = None, plugins: Plugins | None = None
) -> TaskStore:
    """Return a handle to a store. It connects when it is first used.

    Args:
        name_or_url: the entry-point name of a store ("memory"), or a URL with that name as its scheme
            ("sqlite:///tasks.db"); None means the configured store.
        settings: what to use instead of the configuration of the environment.
        plugins: what is installed; None means to look now.

    Raises:
        UnknownStoreError: no usable store has that name; the message lists those that have.
        PluginConflictError: several distributions claim the name.
        PluginError: the store's package is broken.
        ConfigurationError: the store can't use the URL.
    """
    plugins = plugins or Plugins(settings or load_settings())
    address = plugins.settings.store if name_or_url is None else name_or_url
    store = plugins.make_store(_scheme_of(address, plugins), address)
    if not isinstance(store, TaskStore):
        raise PluginError(
            f"The store of {redacted(address)!r} is not complete: {_missing(store)}. Upgrade its package."
        )
    return store


def ensure_store(store: TaskStore | str | None, *, plugins: Plugins | None = None) -> TaskStore:
    """Return a store for what a caller passed as one: a store, a name or URL, or None for the configured one.

    Raises:
        ConfigurationError: it is nothing of these.
        StoreError, PluginError: as for `open_store`.
    """
    if store is None or isinstance(store, str):
        return open_store(store, plugins=plugins)
    if isinstance(store, type):
        raise ConfigurationError(f"The store must be an instance, not the class itself: pass {store.__name__}().")
    if not isinstance(store, TaskStore):
        raise ConfigurationError(
            f"The store must be a store, its name or its URL, not {type(store).__name__}: {_missing(store)}."
        )
    if "multiprocessing.managers" in sys.modules:  # or nobody can have one of a manager's
        from lilota.managed_stores import as_managed  # noqa: PLC0415 - it imports all that managers need

        return as_managed(store)
    return store


def is_configured(store: TaskStore | str | None, settings: Settings) -> bool:
    """Tell whether what a caller passed as a store is the one that the environment or a file of settings names."""
    return "store" in settings.sources and (store is None or store == settings.store)


def _scheme_of(address: str, plugins: Plugins) -> str:
    scheme, separator, _ = address.partition("://")
    if separator and _SCHEME.compiled.fullmatch(scheme):
        return scheme.lower()
    installed = plugins.store_names()
    if address in installed:
        return address
    name, colon, _ = address.partition(":")
    if colon and name.lower() in installed:
        raise UnknownStoreError(
            f"The URL of a store has a colon and two slashes after its name: '{name.lower()}://...'."
        )
    if _looks_like_path(address):
        path = address.replace("\\", "/")
        raise UnknownStoreError(
            f"{redacted(address)!r} is a path, not the name or URL of a store. "
            f"For a SQLite file write {redacted(f'sqlite:///{path}')!r}."
        )
    return name.lower()


def _looks_like_path(address: str) -> bool:
    is_drive = re.match(r"[A-Za-z]:[\\/]", address) is not None
    return is_drive or "\\" in address or "/" in address or address.lower().endswith((".db", ".sqlite", ".sqlite3"))


def _missing(store: object) -> str:
    return "it lacks " + ", ".join(f"{name}()" for name in _METHODS if not hasattr(store, name))


def __getattr__(name: str) -> object:
    """Import when they are first asked for: managers, which take 8 ms, and the memory store, a package of its own."""
    if name == "StoreManager":
        from lilota.managed_stores import StoreManager  # noqa: PLC0415 - as just said

        return StoreManager
    if name != "MemoryTaskStore":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    try:
        from lilota_memory_store import MemoryTaskStore  # noqa: PLC0415 - another package, which imports this one
    except ImportError as error:
        raise ImportError(
            f"MemoryTaskStore can't be imported: {error}. Install it with: pip install lilota-memory-store",
            name="lilota_memory_store",
        ) from error
    return MemoryTaskStore
