"""A store behind a multiprocessing manager, whose end is told in plain words."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.managers import BaseProxy

from lilota.contract import TaskStore
from lilota.errors import StoreGoneError


class ManagedStore:
    """Has the methods of the store behind a proxy; they raise StoreGoneError when the manager's process has ended.

    Without this, every call would raise what the broken connection happens to raise.
    """

    def __init__(self, proxy: BaseProxy) -> None:
        self._proxy = proxy


def _passed_on(name: str) -> Callable[..., object]:
    """Return a method that calls the one of the proxy."""

    def call(self: ManagedStore, *arguments: object, **keywords: object) -> object:
        try:
            return getattr(self._proxy, name)(*arguments, **keywords)
        except (EOFError, ConnectionError, FileNotFoundError) as error:
            raise StoreGoneError(
                "The process of the StoreManager that holds the tasks has ended, and its tasks with it. Start a "
                "new manager and a new runner; to keep tasks over the end of a process, use a SQLite store."
            ) from error

    call.__name__ = name
    call.__doc__ = getattr(TaskStore, name).__doc__
    return call


for _name in vars(TaskStore):
    if not _name.startswith("_"):
        setattr(ManagedStore, _name, _passed_on(_name))
