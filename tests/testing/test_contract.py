"""The suite asks of a store what it says that it can do, and passes on one that does."""

from __future__ import annotations

from broken_stores.wrapper import StoreWrapper
from lilota_memory_store import MemoryTaskStore
from msgspec.structs import replace

from lilota.testing.check_results import CheckStatus
from lilota.testing.check_run import run_contract


class WithoutHeaders(StoreWrapper):
    """A store from before there were headers."""

    def capabilities(self):
        return replace(super().capabilities(), supports=frozenset())

    def alter_new(self, task):
        assert task.headers_json is None
        return task

    def alter_restored(self, task):
        assert task.info.headers_json is None
        return task


def test_a_store_that_keeps_no_headers_is_given_none(monkeypatch):
    """Nothing else is asked of it less: it can keep the rest of the contract."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    tests = [
        "test_any_sequence_of_calls_agrees_with_the_model",
        "test_a_restored_task_is_the_same_in_every_field",
        "test_alike_tasks_keep_every_field_that_they_were_given",
        "test_headers_are_restored",
    ]

    results = run_contract(lambda: WithoutHeaders(MemoryTaskStore()), tests=tests)

    assert {result.status for result in results} == {CheckStatus.PASSED, CheckStatus.SKIPPED}
    lacks_owners = "capabilities() does not say that this store supports owners"
    assert {result.reason for result in results} == {"", "the store keeps no headers", lacks_owners}
