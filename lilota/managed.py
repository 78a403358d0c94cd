"""A store behind a multiprocessing manager, whose end is told in plain words."""

from __future__ import annotations

from functools import wraps
from multiprocessing.managers import BaseProxy
from typing import Any

from lilota.errors import StoreGoneError


class ManagedStore:
    """Has the methods of the store behind a proxy; raises StoreGoneError when the manager's process has ended.

    Without this, every call would raise what the broken connection happens to raise.
    """

    def __init__(self, proxy: BaseProxy) -> None:
        self._proxy = proxy

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        if name.startswith("_"):
            raise AttributeError(name)  # also asked while this is unpickled, when there is no proxy yet
        method = getattr(self._proxy, name)

        @wraps(method)
        def call(*arguments: object, **keywords: object) -> object:
            try:
                return method(*arguments, **keywords)
            except (EOFError, ConnectionError, FileNotFoundError) as error:
                raise StoreGoneError(
                    "The process of the StoreManager that holds the tasks has ended, and its tasks with it. Start a "
                    "new manager and a new runner; to keep tasks over the end of a process, use a SQLite store."
                ) from error

        return call
