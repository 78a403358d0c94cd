"""What is special about the memory store."""

from __future__ import annotations

import pickle
import random
import threading

import pytest
from lilota_memory_store import MemoryTaskStore
from lilota_memory_store.heap import EntryHeap
from lilota_memory_store.ids import IdSet
from lilota_memory_store.plugin import open_memory_store

from lilota.contract import ClaimRequest, RunnerInfo, TaskQuery
from lilota.errors import ConfigurationError
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState

TASK = NewTask(name="task")


@pytest.mark.parametrize("url", ["memory", "memory:", "memory://"])
def test_url_without_an_address_opens_a_new_store(url):
    """Each call gives an empty store of its own."""
    first, second = open_memory_store(url), open_memory_store(url)

    first.add([TASK])

    assert second.get_all_tasks() == []


@pytest.mark.parametrize("url", ["memory://host", "memory:///file.db", "memory://?size=3"])
def test_url_with_an_address_is_refused(url):
    """There is nothing to choose, so whoever chooses is mistaken."""
    with pytest.raises(ConfigurationError, match="takes no address and no options"):
        open_memory_store(url)


def test_store_refuses_to_be_sent_to_another_process():
    """A copy would be another store; the message names what to use."""
    with pytest.raises(ConfigurationError, match="Put it behind a StoreManager"):
        pickle.dumps(MemoryTaskStore())


def test_store_says_that_it_forgets():
    """`lilota doctor` can warn."""
    capabilities = MemoryTaskStore().capabilities()

    assert not capabilities.durable
    assert "gone when the process" in capabilities.warnings[0]


def test_clock_decides_what_is_due():
    """A scheduled task becomes ready when the store's clock reaches it."""
    now = [1000.0]
    store = MemoryTaskStore(clock=lambda: now[0])
    store.heartbeat(RunnerInfo(id="runner", lease_seconds=100))
    (task_id,) = store.add([NewTask(name="task", delay_seconds=50)])
    request = ClaimRequest(runner_id="runner", names=("task",))

    early = store.claim(request).claims
    now[0] = 1050.0

    assert early == ()
    assert [claim.id for claim in store.claim(request).claims] == [task_id]


def test_runner_is_not_woken_by_the_outcomes_that_it_commits():
    """Its claim in the same step has seen what they made ready; other threads are woken."""
    store = MemoryTaskStore()
    store.heartbeat(RunnerInfo(id="runner"))
    request = ClaimRequest(runner_id="runner", names=("task",))
    store.add([TASK])
    (claim,) = store.claim(request).claims
    store.wait_for_change(0)

    store.commit([AttemptUpdate(id=claim.id, token=claim.token, outcome=Outcome(state=TaskState.SUCCEEDED))], request)

    assert store.wait_for_change(0) is False


def test_thread_that_ends_leaves_nothing_behind():
    """What a thread has seen is forgotten with it."""
    store = MemoryTaskStore()
    waiter = threading.Thread(target=store.wait_for_change, args=(0,))
    waiter.start()
    waiter.join()

    assert store._seen.__dict__ == {}


def test_id_set_walks_like_a_sorted_list():
    """In both directions and from any id, after any adding and removing."""
    rng = random.Random(7)
    ids, expected = IdSet(), set()
    for task_id in rng.sample(range(1, 5000), 3000):
        ids.add(task_id)
        expected.add(task_id)
    for task_id in rng.sample(sorted(expected), 2500):
        ids.remove(task_id)
        expected.remove(task_id)

    assert ids.size == len(expected)
    for start in (None, 0, 1, 255, 256, 257, 2500, 4999, 10**9):
        assert list(ids.ascending(start)) == sorted(i for i in expected if start is None or i > start)
        assert list(ids.descending(start)) == sorted((i for i in expected if start is None or i < start), reverse=True)


def test_heap_drops_stale_entries_once_they_are_many():
    """Tasks of a low priority that were cancelled don't stay in memory for ever."""
    stale = set()
    heap = EntryHeap(lambda entry: entry not in stale)
    entries = [(0, 0.0, n) for n in range(5000)]
    for entry in entries:
        heap.push(entry)
    for entry in entries[1000:]:
        stale.add(entry)
        heap.forget_one()

    assert len(heap._entries) < 3000
    assert heap.first() == entries[0]


def test_a_brief_page_has_no_values():
    """They would travel to whoever asks the store in the process of a manager."""
    store = MemoryTaskStore()
    store.add([NewTask(name="task", input_json='{"x": 1}')])

    (info,) = store.find(TaskQuery(brief=True))

    assert info.input == {}
