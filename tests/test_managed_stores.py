"""A store behind a manager, in a process of its own: what can't be sent there is refused here."""

from __future__ import annotations

import threading

import pytest
from lilota_memory_store import MemoryTaskStore

from lilota.contract import RunnerInfo, StoredTask, TaskStore
from lilota.errors import ConfigurationError
from lilota.models import NewTask
from lilota.stores import StoreManager, ensure_store

StoreManager.register("Store", MemoryTaskStore)


@pytest.fixture(scope="module")
def manager():
    with StoreManager() as manager:
        yield manager


@pytest.fixture
def store(manager):
    return ensure_store(manager.Store())


def test_a_connection_is_refused_before_it_is_sent_to_another_process(store):
    """A real one could not even be pickled: the sentence must not be about pickling."""
    with pytest.raises(
        ConfigurationError, match=r"process of a StoreManager can.t .*; nothing was added\. Leave out connection="
    ):
        store.add([NewTask(name="task")], connection=threading.Lock())

    assert store.get_all_tasks() == []


def test_every_method_of_the_contract_is_passed_on(store):
    """Records travel both ways."""
    (task_id,) = store.add([NewTask(name="task")])
    store.heartbeat(RunnerInfo(id="runner", host="web-1"))

    assert isinstance(store, TaskStore)
    assert [runner.host for runner in store.runners()] == ["web-1"]
    assert [store.take_turn("chore", 60) for _ in range(2)] == [True, False]
    assert store.restore([StoredTask(info=store.get(task_id))]) == 0
