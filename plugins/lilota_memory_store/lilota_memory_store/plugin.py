"""The entry point: `memory` as a store."""

from __future__ import annotations

from lilota.errors import ConfigurationError
from lilota_memory_store.store import MemoryTaskStore


def open_memory_store(url: str) -> MemoryTaskStore:
    """Return a new store in the calling process.

    Raises:
        ConfigurationError: the URL carries something, though there is nothing to choose.
    """
    if url not in {"memory", "memory:", "memory://"}:
        raise ConfigurationError(f"The memory store takes no address and no options, but got '{url}'. Use 'memory'.")
    return MemoryTaskStore()
