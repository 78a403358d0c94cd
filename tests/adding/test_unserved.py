"""Whoever waits for a task that no runner serves is warned, once for each name and queue."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from lilota_memory_store import MemoryTaskStore
from running import until

from lilota.adding.unserved import Lookout
from lilota.adding.waiters import Waiters
from lilota.client import TaskClient, TaskHandle
from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import StoreUnavailableError
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState
from lilota.running.about import with_service

VAIN = "is waited for in vain"


class CountingStore(MemoryTaskStore):
    """A memory store that counts how often it is asked for its runners, and for tasks; and can be away."""

    def __init__(self):
        super().__init__()
        self.asked = 0
        self.found = 0
        self.is_away = False

    def runners(self):
        self.asked += 1
        if self.is_away:
            raise StoreUnavailableError("down")
        return super().runners()

    def find(self, query):
        self.found += 1
        return super().find(query)

    def beat(self, names=("task",), queues=None):
        """Let a runner tell what it serves."""
        serves = ClaimRequest(runner_id="r", names=names, queues=queues)
        self.heartbeat(with_service(RunnerInfo(id="r"), serves, serves, places=1))

    def finish(self):
        """Let all tasks succeed, as some runner elsewhere does that tells nothing of itself."""
        self.heartbeat(RunnerInfo(id="elsewhere"))
        claims = self.claim(ClaimRequest(runner_id="elsewhere", names=("task", "other"), limit=10_000)).claims
        outcome = Outcome(state=TaskState.SUCCEEDED)
        self.commit([AttemptUpdate(id=claim.id, token=claim.token, outcome=outcome) for claim in claims])


@pytest.fixture
def store():
    return CountingStore()


@pytest.fixture
def impatient(monkeypatch):
    """Let nobody wait for five seconds."""
    for module in ("waiters", "unserved"):
        monkeypatch.setattr(f"lilota.adding.{module}.PATIENCE_SECONDS", 0.02)


def add(store, count=1, **fields):
    return store.add([NewTask(**{"name": "task", **fields})] * count)


def warnings(caplog):
    return [record for record in caplog.records if VAIN in record.getMessage()]


@pytest.fixture(params=[True, False], ids=["told", "not told"])
def waiters(store, request):
    return Waiters(store, told=request.param)


def test_a_thread_that_waits_for_nobody_is_warned_once(store, waiters, caplog, impatient):
    """It goes on waiting: a runner may be started now."""
    (task_id,) = add(store, queue="mail")
    store.beat(queues=("default",))
    with ThreadPoolExecutor(1) as others:
        result = others.submit(TaskHandle(task_id, waiters).result, 60)
        until(lambda: warnings(caplog), bool)
        asked = store.asked
        store.finish()
        assert result.result(60) is None

    (warning,) = warnings(caplog)
    assert (warning.levelno, warning.name) == (logging.WARNING, "lilota.adding.unserved")
    assert warning.getMessage() == (
        f"Task {task_id} (task) is waited for in vain. No living runner serves the queue 'mail', only 'default'. "
        "Add it to the queues of the TaskRunner in this program."
    )
    assert asked == 1


def test_those_who_await_thousands_are_warned_once_for_each_name(store, waiters, caplog, impatient):
    """By the one thread that looks for all of them."""
    ids = [*add(store, 1500), *add(store, name="other")]
    handles = [TaskHandle(task_id, waiters) for task_id in ids]
    before = threading.active_count()

    async def wait_for_all():
        waiting = asyncio.gather(*(asyncio.wrap_future(waiters.future(handle.id)) for handle in handles))
        await asyncio.to_thread(until, lambda: len(warnings(caplog)), lambda number: number == 2)
        threads = threading.active_count()
        store.finish()
        await waiting
        return threads

    threads = asyncio.run(asyncio.wait_for(wait_for_all(), 60))

    assert threads <= before + 2  # the one that looks, and the one in which this test does
    assert sorted(warning.getMessage().split("(")[1].split(")")[0] for warning in warnings(caplog)) == ["other", "task"]


def test_an_awaited_handle_warns_too(store, waiters, caplog, impatient):
    """`await` says what `result()` says."""
    (task_id,) = add(store)

    async def wait():
        waiting = asyncio.ensure_future(_awaited(TaskHandle(task_id, waiters)))
        await asyncio.to_thread(until, lambda: warnings(caplog), bool)
        store.finish()
        return await waiting

    assert asyncio.run(asyncio.wait_for(wait(), 60)) is None
    assert len(warnings(caplog)) == 1


def test_whoever_follows_a_task_is_warned_too(store, waiters, caplog, impatient):
    """Nothing would ever happen to it."""
    (task_id,) = add(store)
    changes = TaskHandle(task_id, waiters).changes()
    assert next(changes).state is TaskState.PENDING
    with ThreadPoolExecutor(1) as others:
        change = others.submit(next, changes)
        until(lambda: warnings(caplog), bool)
        store.finish()
        assert change.result(60).state.is_terminal

    assert len(warnings(caplog)) == 1


async def _awaited(handle):
    return await handle


def test_who_waits_shorter_asks_nobody(store, waiters, monkeypatch):
    """A wait costs what it cost before."""
    monkeypatch.setattr("lilota.adding.waiters.PATIENCE_SECONDS", 60.0)
    (task_id,) = add(store)

    assert waiters.wait(task_id, 0.3) is None
    assert store.asked == 0


@pytest.mark.parametrize("fields", [{"delay_seconds": 3600}, {}], ids=["not due", "served"])
def test_who_waits_for_what_will_run_is_not_warned(store, caplog, fields):
    """Neither of what is not due, nor of what a runner serves, which may be busy."""
    store.beat()
    (task_id,) = add(store, **fields)
    if fields:
        store.release("r")

    lookout = Lookout(store)
    lookout.look_at(store.get(task_id))
    lookout.look_among([task_id])

    assert warnings(caplog) == []


def test_as_long_as_all_is_served_no_task_is_read(store):
    """The runners and the counts are enough, however many are awaited."""
    store.beat()

    Lookout(store).look_among(add(store, 2000))

    assert (store.asked, store.found) == (1, 0)


def test_whoever_can_start_another_process_learns_what_to_type(tmp_path, caplog):
    """A memory store has one process only; any other may get a worker of its own."""
    with TaskClient(f"sqlite:///{tmp_path}/tasks.db") as client:
        handle = client.add("add_two_numbers")
        Lookout(client.store).look_at(handle.info())

    assert warnings(caplog)[0].getMessage().endswith("; start one with: lilota worker")


def test_a_store_that_is_away_ends_nobodys_wait(store, caplog):
    """To warn is not worth that."""
    (task_id,) = add(store)
    store.is_away = True
    lookout = Lookout(store)

    lookout.look_at(store.get(task_id))
    lookout.look_among([task_id])
    assert warnings(caplog) == []
    store.is_away = False
    lookout.look_among([task_id])

    assert len(warnings(caplog)) == 1


def test_a_warning_holds_no_escapes_and_no_secrets(store, caplog):
    """Names come from whoever adds tasks, and end on terminals."""
    store.heartbeat(RunnerInfo(id="r", lease_seconds=0, about_json='{"failure": "\\u001b[2J password=hush"}'))
    (task_id,) = add(store, name="\x1b[2J\u202etask")

    Lookout(store).look_at(store.get(task_id))

    assert not {"\x1b", "\u202e"} & set(caplog.text)
    assert "hush" not in caplog.text
