"""Handles come in the order in which their tasks end."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest
from lilota_memory_store import MemoryTaskStore
from observed_stores import ObservedStore

from lilota import TaskClient, as_completed
from lilota.config import Settings
from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import ConfigurationError, StoreUnavailableError, TaskFailedError, TaskNotFoundError
from lilota.models import AttemptUpdate, Outcome, TaskState
from lilota.stores import open_store

LIMIT_SECONDS = 60


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    store = ObservedStore() if request.param == "memory" else open_store(f"sqlite:///{tmp_path}/tasks.db")
    yield store
    store.close()


@pytest.fixture
def client(store):
    return TaskClient(store, settings=Settings(), accept_unknown_names=True)


def finish(client, handle, state=TaskState.SUCCEEDED):
    """End a task, as some runner elsewhere does."""
    name = handle.info().name
    client.store.heartbeat(RunnerInfo(id="elsewhere"))
    (claim,) = client.store.claim(ClaimRequest(runner_id="elsewhere", names=(name,))).claims
    assert claim.id == handle.id
    client.store.commit([AttemptUpdate(id=claim.id, token=claim.token, outcome=Outcome(state=state))])


def add(client, count):
    """Add tasks of different names, so that each can be finished for itself."""
    return [client.add(f"task{n}") for n in range(count)]


def by_for(handles, timeout_seconds=LIMIT_SECONDS, between=lambda handle: None):
    """Loop over handles as a thread does."""
    ended = []
    for handle in as_completed(handles, timeout_seconds):
        ended.append(handle)
        between(handle)
    return ended


def by_async_for(handles, timeout_seconds=LIMIT_SECONDS, between=lambda handle: None):
    """Loop over handles as a coroutine does."""

    async def loop():
        ended = []
        async for handle in as_completed(handles, timeout_seconds):
            ended.append(handle)
            await asyncio.to_thread(between, handle)
        return ended

    return asyncio.run(loop())


@pytest.fixture(params=[by_for, by_async_for], ids=["for", "async for"])
def loop(request):
    return request.param


def test_handles_come_as_their_tasks_end(client, loop):
    """First the one that has ended, then the others as they end, one after the other."""
    handles = add(client, 4)
    order = [handles[n] for n in (2, 0, 3, 1)]
    finish(client, order[0])

    def end_the_next(handle):
        behind = order[order.index(handle) + 1 :]
        if behind:
            finish(client, behind[0])

    assert loop(handles, between=end_the_next) == order


def test_a_handle_that_was_given_twice_comes_once(client, loop):
    """Also where the second one is another object."""
    (handle,) = add(client, 1)
    finish(client, handle)

    assert loop([handle, handle, client.get(handle.id)]) == [handle]


def test_nothing_is_given_of_nothing(loop):
    """Without any wait."""
    assert loop([]) == []


def test_a_handle_comes_however_its_task_ended(client, loop):
    """What became of it is raised where the result is asked for, and the others come too."""
    failed, cancelled, missing, succeeded = *add(client, 2), client.handle(99), client.add("last")
    finish(client, failed, TaskState.FAILED)
    cancelled.cancel()
    finish(client, succeeded)

    assert set(loop([failed, cancelled, missing, succeeded])) == {failed, cancelled, missing, succeeded}
    with pytest.raises(TaskFailedError):
        failed.result()
    with pytest.raises(TaskNotFoundError):
        missing.result()


def test_what_has_not_ended_in_time_is_counted(client, loop):
    """Those that have ended are given before; nobody waits for the others any more."""
    handles = add(client, 5)
    finish(client, handles[0])
    given = []

    with pytest.raises(TimeoutError, match=r"^4 of 5 tasks have not ended within 0\.05 s; they go on\.$"):
        loop(handles, 0.05, given.append)

    assert given == handles[:1]
    assert client._waiters._futures == {}


def test_handles_of_several_stores_come_together(client, loop):
    """Whichever store they are of."""
    others = TaskClient(MemoryTaskStore(), settings=Settings(), accept_unknown_names=True)
    here, there, last = client.add("here"), others.add("there"), client.add("last")
    finish(others, there)

    def end_the_next(handle):
        if handle != last:
            finish(client, here if handle == there else last)

    assert loop([last, here, there], between=end_the_next) == [there, here, last]


def test_whoever_leaves_the_loop_waits_for_nothing_more(client):
    """The store is not asked for ever about tasks that nobody waits for."""
    handles = add(client, 3)
    finish(client, handles[0])

    for _ in as_completed(handles):
        break
    gc.collect()

    assert client._waiters._futures == {}


def test_a_thousand_handles_cost_one_thread_and_few_looks():
    """However many there are: none has a thread or a question to the store of its own."""
    client = TaskClient(ObservedStore(), settings=Settings(), accept_unknown_names=True)
    handles = client.add_many([{"name": "task"}] * 1000)
    before = threading.active_count()
    loop = iter(as_completed(handles, LIMIT_SECONDS))
    handles[999].cancel()

    assert next(loop) == handles[999]
    assert threading.active_count() <= before + 1
    client.store.asked = 0
    client.store.heartbeat(RunnerInfo(id="elsewhere"))
    claims = client.store.claim(ClaimRequest(runner_id="elsewhere", names=("task",), limit=1000)).claims
    outcome = Outcome(state=TaskState.SUCCEEDED)
    client.store.commit([AttemptUpdate(id=c.id, token=c.token, outcome=outcome) for c in claims])
    assert set(loop) == set(handles[:999])
    assert client.store.asked < 500


def test_a_store_that_can_not_be_asked_is_told(loop):
    """The loop does not hang."""
    client = TaskClient(ObservedStore(), settings=Settings(), accept_unknown_names=True)
    handles = add(client, 2)
    finish(client, handles[0])

    def break_store(_handle):
        client.store.error = StoreUnavailableError("down")

    with pytest.raises(StoreUnavailableError, match="down"):
        loop(handles, between=break_store)


@pytest.mark.parametrize(("handles", "message"), [([1], "takes handles, as add"), ("17", "takes handles, as add")])
def test_what_is_no_handle_is_refused(handles, message):
    """When it is passed, and not in the loop."""
    with pytest.raises(ConfigurationError, match=message):
        as_completed(handles)


@pytest.mark.parametrize("seconds", [-1, "1", float("nan"), True])
def test_what_is_no_time_is_refused(seconds):
    """It would be never, or for ever."""
    with pytest.raises(ConfigurationError, match="'timeout_seconds' must be a number"):
        as_completed([], seconds)


def test_one_handle_is_no_list(client):
    """The sentence says how to wait for one."""
    with pytest.raises(ConfigurationError, match=r"result\(\) waits"):
        as_completed(client.add("task"))
