"""Stores in the process of a manager of `multiprocessing`, for other processes: `lilota.stores` has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from multiprocessing.managers import BaseManager, BaseProxy

from lilota.contract import TaskStore
from lilota.contract.forwarding import Answer, Arguments, ForwardingStore
from lilota.contract.rules import refuse_connection
from lilota.errors import StoreGoneError
from lilota.models import NewTask


class StoreManager(BaseManager):
    """A process that keeps a store for other processes: multiprocessing's `BaseManager` under a name of its own.

    >>> StoreManager.register("Store", MemoryTaskStore)  # doctest: +SKIP
    """


def as_managed(store: TaskStore) -> TaskStore:
    """Return a store that says what it means when the process of its manager has ended, if it has one."""
    return ManagedStore(store) if isinstance(store, BaseProxy) else store


class ManagedStore(ForwardingStore):
    """The store behind a proxy, whose methods raise StoreGoneError when the manager's process has ended.

    Without this, every call would raise what the broken connection happens to raise.
    """

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        """Add tasks; see `TaskStore.add`. A connection can't be sent to the process of the store."""
        refuse_connection("A store in the process of a StoreManager", connection)
        return self.forward(self.target().add, tasks)

    def forward(
        self, method: Callable[Arguments, Answer], *arguments: Arguments.args, **keywords: Arguments.kwargs
    ) -> Answer:
        """Call a method of the store behind the proxy."""
        try:
            return method(*arguments, **keywords)
        except (EOFError, ConnectionError, FileNotFoundError) as error:
            raise StoreGoneError(
                "The process of the StoreManager that holds the tasks has ended, and its tasks with it. Start a "
                "new manager and a new runner; to keep tasks over the end of a process, use a SQLite store."
            ) from error
