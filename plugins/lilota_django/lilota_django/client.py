"""The client of a project's processes: one per store, shared by all threads."""

from __future__ import annotations

from functools import lru_cache

from django.core.signals import setting_changed

from lilota.client import TaskClient
from lilota.contract import CanReadNotes, TaskStore
from lilota.contract.noted import notes_reader
from lilota.stores import open_store
from lilota_django.conf import project_settings
from lilota_django.store import DjangoTaskStore


def get_client(store: str | None = None) -> TaskClient:
    """Return what adds tasks to the store of the project, and finds them again.

    It can be called at the top of a module: a store in a database of the project is looked at when it is first used.

    Args:
        store: the name or URL of another store.

    Raises:
        ConfigurationError, StoreError: the store can't be used.
    """
    return _client(store)


def get_store() -> TaskStore:
    """Return the store of the project as a handle that nobody has opened: to look at it needs no server."""
    return _store(None)


@lru_cache(maxsize=16)  # one per store; to look for plugins anew in each request would be slow
def _client(store: str | None) -> TaskClient:
    found = _store(store)
    opened_later = _OpenedLater(found.alias) if isinstance(found, DjangoTaskStore) else found
    return TaskClient(opened_later, settings=project_settings(store))


@lru_cache(maxsize=16)  # as above
def _store(store: str | None) -> TaskStore:
    return open_store(settings=project_settings(store))


@lru_cache(maxsize=16)  # what a store supports does not change, and a database is asked several things for it
def notes_reader_of(client: TaskClient) -> CanReadNotes | None:
    """Return the store of a client as what reads notes, None if it keeps none; asked once in a process.

    Raises:
        StoreError: it can't be reached.
    """
    return notes_reader(client.store)


class _OpenedLater(DjangoTaskStore):
    """Is not checked when a client is made of it: there may be no tables yet, or a coroutine may be making it."""

    def open(self) -> None:
        pass


def _forget(*, setting: str, **_: object) -> None:
    """Let tests of a project change its settings."""
    if setting in {"LILOTA", "SECRET_KEY", "SECRET_KEY_FALLBACKS"}:
        _client.cache_clear()
        _store.cache_clear()
        notes_reader_of.cache_clear()


setting_changed.connect(_forget, dispatch_uid="lilota_django.client")
