"""The memory store keeps the contract, in its own process and behind a manager."""

from __future__ import annotations

import pytest
from lilota_memory_store import MemoryTaskStore

from lilota.contract import CanTellOldestDue
from lilota.stores import StoreManager
from lilota.testing import StoreContract


class TestMemoryStore(StoreContract):
    """In the process of its caller."""

    @pytest.fixture
    def store(self):
        return MemoryTaskStore()

    def test_it_has_what_a_store_may_leave_out(self, store):
        """The contract asks only stores that say so; this one must."""
        assert store.capabilities().supports >= {"families", "headers"}
        assert isinstance(store, CanTellOldestDue)


StoreManager.register("Store", MemoryTaskStore)


@pytest.fixture(scope="module")
def manager():
    """One process with a manager for all tests of this module."""
    with StoreManager() as manager:
        yield manager


class TestMemoryStoreBehindManager(StoreContract):
    """In a process of its own, as the README uses it."""

    model_examples = 15

    @pytest.fixture
    def store(self, manager):
        return manager.Store()
