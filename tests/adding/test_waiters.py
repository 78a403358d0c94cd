"""How threads and event loops wait for tasks."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

import pytest
from observed_stores import ObservedStore
from running import until

from lilota.adding.waiters import Waiters
from lilota.client import TaskHandle
from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import StoreGoneError, StoreUnavailableError
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState


class FinishingStore(ObservedStore):
    """One that can end its tasks, too."""

    def finish(self, task_id):
        """Let a task succeed, as some runner elsewhere does."""
        self.heartbeat(RunnerInfo(id="elsewhere"))
        claims = self.claim(ClaimRequest(runner_id="elsewhere", names=("task",), limit=1000)).claims
        outcome = Outcome(state=TaskState.SUCCEEDED)
        self.commit([AttemptUpdate(id=c.id, token=c.token, outcome=outcome) for c in claims])


@pytest.fixture
def store():
    return FinishingStore()


@pytest.fixture(params=[True, False], ids=["told", "not told"])
def waiters(store, request):
    return Waiters(store, told=request.param)


def add(store, count=1):
    """Add tasks and return their ids."""
    return store.add([NewTask(name="task")] * count)


def test_a_task_that_has_ended_is_returned_at_once(store, waiters):
    """Without any wait."""
    (task_id,) = add(store)
    store.cancel(task_id)

    assert waiters.wait(task_id, 0).state is TaskState.CANCELLED


def test_the_time_limit_is_kept(store, waiters):
    """None is returned, and nothing is remembered of the wait."""
    (task_id,) = add(store)

    assert waiters.wait(task_id, 0.01) is None
    assert waiters._events == {}


def test_a_thread_wakes_up_when_the_task_ends_elsewhere(store, waiters):
    """Nobody tells; the store is looked at."""
    (task_id,) = add(store)
    found = []
    thread = threading.Thread(target=lambda: found.append(waiters.wait(task_id, 60)))
    thread.start()

    store.finish(task_id)
    thread.join(90)

    assert found[0].state is TaskState.SUCCEEDED


def test_many_tasks_are_awaited_by_one_thread(store, waiters):
    """A thousand awaited tasks cost one thread and few looks."""
    ids = add(store, 1000)
    before = threading.active_count()

    async def wait_for_all():
        waiting = asyncio.gather(*(asyncio.wrap_future(waiters.future(task_id)) for task_id in ids))
        threads = threading.active_count()
        store.finish(None)
        await waiting
        return threads

    threads = asyncio.run(asyncio.wait_for(wait_for_all(), 60))

    assert threads <= before + 1
    assert waiters._futures == {}


def test_whoever_gives_up_awaiting_leaves_nothing_behind(store, waiters):
    """The store is not asked for ever about a task that nobody waits for."""
    (task_id,) = add(store)

    async def give_up():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(waiters.future(task_id)), 0.01)

    asyncio.run(give_up())

    assert until(lambda: waiters._futures, lambda futures: not futures) == {}


class GivenUpAtTheLastMoment(Future):
    """A future that is cancelled by another thread right after somebody saw that it is not done."""

    def done(self):
        done = super().done()
        self.cancel()
        return done


def test_telling_of_a_task_whose_awaiter_gives_up_in_that_moment_is_no_error(store):
    """The engine's thread must not stumble over an event loop that cancels."""
    waiters = Waiters(store, told=True)
    waiters._futures[1] = [GivenUpAtTheLastMoment()]

    waiters.tell([1])

    assert waiters._futures == {}


@pytest.mark.parametrize("error", [StoreUnavailableError("down"), StoreGoneError("gone")])
def test_whoever_awaits_learns_that_the_store_is_gone(store, waiters, error):
    """An await does not hang for ever; the same holds for a store behind a manager."""
    (task_id,) = add(store)
    store.error = error
    future = waiters.future(task_id)

    with pytest.raises(type(error)):
        future.result(60)

    store.error = None
    again = waiters.future(task_id)
    store.finish(task_id)
    assert again.result(60) is None


def test_a_handle_can_be_awaited_from_several_loops(store, waiters):
    """Threads with an event loop each do not disturb one another."""
    (task_id,) = add(store)
    handle = TaskHandle(task_id, waiters)
    results = []

    async def wait():
        return await handle

    threads = [threading.Thread(target=lambda: results.append(asyncio.run(wait()))) for _ in range(3)]
    for thread in threads:
        thread.start()
    store.finish(task_id)
    for thread in threads:
        thread.join(60)

    assert results == [None, None, None]


def test_whoever_awaits_a_task_that_was_pruned_between_two_looks_is_woken(store, waiters, monkeypatch):
    """Not at once, but not never: when fewer tasks wait in the store than are waited for."""
    monkeypatch.setattr("lilota.adding.unserved.PATIENCE_SECONDS", 0.02)
    ended, pending = add(store, 2)
    store.cancel(ended)
    store.prune(0)

    future, other = waiters.future(ended), waiters.future(pending)

    assert future.result(60) is None
    assert not other.done()
    assert other.cancel()
