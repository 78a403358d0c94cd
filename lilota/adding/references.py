"""Tell stores apart by how they travel to another process: two objects that would arrive as one are the same store."""

from __future__ import annotations

from pickle import dumps  # reads nothing: nothing here unpickles

from lilota.contract import TaskStore
from lilota.errors import ConfigurationError, described


def reference_of(store: TaskStore) -> bytes:
    """Return what another process would find the store by. It may have a password in it, and is for no log.

    Raises:
        ConfigurationError: the data of the store is in this process only, or the store can't be sent.
    """
    if not _is_for_several(store):
        raise ConfigurationError(
            f"The store ({store.capabilities().description}) is for one process, and so are the handles of its tasks. "
            "Put it behind a StoreManager, or use a SQLite store."
        )
    try:
        return dumps(store)
    except Exception as error:
        raise ConfigurationError(
            f"The store {type(store).__name__} can't be sent to another process, nor can the handles of its tasks: "
            f"{described(error)}."
        ) from error


def are_same(one: TaskStore, other: TaskStore) -> bool:
    """Tell whether two objects are the same store, as two clients of one file have it."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    try:
        return reference_of(one) == reference_of(other)
    except ConfigurationError:
        return False


def _is_for_several(store: TaskStore) -> bool:
    from lilota.managed_stores import ManagedStore  # noqa: PLC0415 - 8 ms; most handles stay where they are

    # What is kept in the process of a manager is for several, whatever it says of itself there.
    return isinstance(store, ManagedStore) or store.capabilities().multi_process
