"""A store behind a multiprocessing manager, whose end is told in plain words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from multiprocessing.managers import BaseProxy
from typing import Any

from lilota.contract import TaskStore
from lilota.errors import ConfigurationError, StoreGoneError
from lilota.models import NewTask


class ManagedStore:
    """Has the methods of the store behind a proxy; they raise StoreGoneError when the manager's process has ended.

    Without this, every call would raise what the broken connection happens to raise.
    """

    def __init__(self, proxy: BaseProxy) -> None:
        self._proxy = proxy

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        """Add tasks; see `TaskStore.add`. A connection can't be sent to the process of the store."""
        if connection is not None:
            raise ConfigurationError(
                "A store behind a StoreManager is in another process, which can't take part in a transaction on a "
                "connection of this one; nothing was added. Leave out connection=, or use a store in the database of "
                "the application, as postgresql:// or django://."
            )
        added: list[int] = self._pass_on("add", tasks)
        return added

    def _pass_on(self, name: str, *arguments: object, **keywords: object) -> Any:  # noqa: ANN401 - any method
        """Call a method of the store behind the proxy."""
        try:
            return getattr(self._proxy, name)(*arguments, **keywords)
        except (EOFError, ConnectionError, FileNotFoundError) as error:
            raise StoreGoneError(
                "The process of the StoreManager that holds the tasks has ended, and its tasks with it. Start a "
                "new manager and a new runner; to keep tasks over the end of a process, use a SQLite store."
            ) from error


def _passed_on(name: str) -> Callable[..., object]:
    """Return a method that calls the one of the proxy."""

    def call(self: ManagedStore, *arguments: object, **keywords: object) -> object:
        return self._pass_on(name, *arguments, **keywords)

    call.__name__ = name
    call.__doc__ = getattr(TaskStore, name).__doc__
    return call


for _name in vars(TaskStore):
    if not _name.startswith("_") and _name not in vars(ManagedStore):
        setattr(ManagedStore, _name, _passed_on(_name))
