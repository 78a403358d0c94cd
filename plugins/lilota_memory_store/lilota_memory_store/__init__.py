"""The store of lilota that lives in memory."""

from lilota_memory_store.store import MemoryTaskStore

__all__ = ["MemoryTaskStore"]
