"""In which form tasks are stored, and whether this program may use a store that another one has written."""

from __future__ import annotations

from typing import Final

from lilota.errors import StoreVersionError
from lilota_redis_store.address import Address

SCHEMA_VERSION: Final = 3
#: The oldest schema version whose programs may use what this one writes.
MIN_READER: Final = 3
#: A store of this schema is read as it is. open.lua raises its numbers, so that older programs leave it alone: they
#: would make a map of the record of a task that has an owner, and prune it without what is kept beside it.
OLDEST_READABLE: Final = 2


def check_schema(version: int, min_reader: int, address: Address) -> None:
    """Raise StoreVersionError for a store that this program must leave alone."""
    if min_reader > SCHEMA_VERSION:
        raise too_new(f"{min_reader} (its own is {version})", address)
    if version < OLDEST_READABLE:
        raise StoreVersionError(
            f"{_tasks_in(address)} were written by a lilota from before its release (version {version} of the schema); "
            "this one can't read them. Copy them into another store with that one (`lilota copy`), or choose another "
            "'prefix'."
        )


def too_new(needed: str, address: Address) -> StoreVersionError:
    """Return the error for a store whose tasks need a program that knows a newer schema."""
    return StoreVersionError(
        f"{_tasks_in(address)} need a lilota that knows at least version {needed} of the schema; this one knows "
        f"{SCHEMA_VERSION}. Upgrade lilota-redis-store."
    )


def _tasks_in(address: Address) -> str:
    return f"The tasks in the Redis server {address} (prefix '{address.prefix}')"
