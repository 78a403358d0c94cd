"""The suite passes on a store that keeps the contract."""

from __future__ import annotations

import pytest
from lilota_memory_store import MemoryTaskStore

from lilota.testing import StoreContract


class TestMemoryStore(StoreContract):
    """Every test passes, or is skipped because the store lives in one process."""

    @pytest.fixture
    def store(self):
        return MemoryTaskStore()
