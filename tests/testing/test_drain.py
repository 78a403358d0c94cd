"""A drain runs what waits as a runner would: inline, in a time of its own, and with the faults that a test plants."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import date

import pytest
import testing_tasks
from lilota_memory_store import MemoryTaskStore
from lilota_sqlite_store import SQLiteTaskStore
from testing_tasks import (
    Adds,
    AddTwo,
    Broken,
    CancelsItself,
    Checkpoints,
    Later,
    NotJSON,
    Stores,
    days_of_month,
    next_day,
    outputs,
)

from lilota import TaskClient
from lilota.contract import RunnerInfo
from lilota.contract.forwarding import ForwardingStore
from lilota.errors import ConfigurationError, LilotaError, StoreUnavailableError, TaskFailedError, UnknownTaskError
from lilota.models import TaskState
from lilota.tasks.declared import declare
from lilota.testing import Drain, FakeClock, ShiftedClock

CLASSES = {
    "add_two": AddTwo,
    "adds": Adds,
    "broken": Broken,
    "cancels_itself": CancelsItself,
    "checkpoints": Checkpoints,
    "later": Later,
    "not_json": NotJSON,
    "stores": Stores,
}


@pytest.fixture
def client(lilota_client, monkeypatch):
    """The client of the drain, which knows all tasks here."""
    for name, clazz in CLASSES.items():
        lilota_client.register(name, clazz)
    monkeypatch.setattr(testing_tasks, "CLIENTS", [lilota_client])
    monkeypatch.setattr(testing_tasks, "WORKED_ON", [])
    monkeypatch.setattr(testing_tasks, "SEEN", [])
    return lilota_client


def told(ran):
    """What of attempts is compared here: whose, which one, and how it ended."""
    return [(attempt.name, attempt.attempt, attempt.state) for attempt in ran]


# --- what runs


def test_what_waits_is_run_and_its_result_is_in_the_store(client, lilota_drain):
    """The test goes on as if a runner had been there."""
    handle = client.add("add_two", input={"a": 1, "b": 2})

    ran = lilota_drain()

    assert told(ran) == [("add_two", 1, TaskState.SUCCEEDED)]
    assert (ran[0].id, ran[0].output, ran[0].progress) == (handle.id, {"result": 3}, (50.0,))
    assert handle.result(timeout_seconds=0) == {"result": 3}
    assert [line.text for line in handle.logs()] == ["adding {'a': 1, 'b': 2}"]


def test_nothing_waits_nothing_runs(client, lilota_drain):
    """Also the second time."""
    assert lilota_drain() == lilota_drain(until="everything") == []


def test_the_order_is_that_of_a_runner_with_one_worker(client, lilota_drain):
    """By priority first, and what was added earlier before what came later."""
    client.add_many([{"name": "add_two", "input": {"a": n, "b": 0}, "priority": n % 2} for n in range(4)])

    assert [ran.output["result"] for ran in lilota_drain()] == [1, 3, 0, 2]


def test_what_a_task_adds_is_run_too(client, lilota_drain):
    """In the same drain, through the client that the application uses."""
    client.add("adds", input={"names": ["add_two"], "a": 2, "b": 3})

    assert told(lilota_drain()) == [("adds", 1, TaskState.SUCCEEDED), ("add_two", 1, TaskState.SUCCEEDED)]


def test_tasks_that_add_themselves_for_ever_are_an_error(client, lilota_drain):
    """The message names the task that ran last; nothing is left to a runner that is none."""
    client.add("adds", input={"names": ["adds"]})

    with pytest.raises(LilotaError, match=r"has run 20 attempts, the last of the task 20 \('adds'\), and more are due"):
        lilota_drain(at_most=20)

    assert client.runners() == []
    assert [(count.state, count.count) for count in client.counts() if count.state is not TaskState.SUCCEEDED] == [
        (TaskState.PENDING, 1)
    ]


def test_as_many_attempts_as_allowed_are_no_error(client, lilota_drain):
    """The bound is for what comes after it."""
    handles = client.add_many([{"name": "add_two", "input": {"a": n, "b": 0}} for n in range(3)])
    lilota_drain.lose_reply(handles[-1])  # its end is written in two tries

    assert len(lilota_drain(at_most=3)) == 3


def test_what_cannot_be_stored_fails_as_in_production(client, lilota_drain):
    """Input and output go through JSON."""
    client.add("not_json")

    (ran,) = lilota_drain()

    assert (ran.state, ran.error.type) == (TaskState.FAILED, "InvalidOutputError")


def test_a_task_that_looks_sees_that_it_was_cancelled(client, lilota_drain):
    """And has not succeeded then, whatever it returns: nothing says that its work is complete."""
    handle = client.add("cancels_itself")

    (ran,) = lilota_drain()

    assert ran.output == {"before": False, "after": True}
    assert handle.info().state is TaskState.CANCELLED


def test_a_task_can_wait_until_the_store_has_what_it_told(client, lilota_drain):
    """Output and progress are there when it goes on."""
    client.add("stores")

    lilota_drain()

    assert testing_tasks.SEEN == [({"half": True}, 50.0)]


def test_a_task_that_nobody_knows_waits_and_the_log_says_so(client, lilota_drain, lilota_store, caplog):
    """A test that fails because nothing ran shows the reason."""
    TaskClient(lilota_store, accept_unknown_names=True).add("stranger")

    assert lilota_drain(until="everything") == []
    assert "The task 1 waits, because the client of the drain knows no 'stranger'." in caplog.text


def test_functions_run_by_their_declaration(lilota_client, lilota_drain):
    """Nobody has registered them; the result is of the type that the annotation says."""
    for function in (next_day, days_of_month):
        declare(function.name, function.task_class)  # as their module did, before the tests began
    handle = lilota_client.add(next_day.bind(day=date(2028, 2, 28)))
    lilota_client.add(days_of_month.bind(date(2028, 2, 1)))
    lilota_drain.crash(next_day)

    lost, days, again = lilota_drain()

    assert (lost.outcome.lost, lost.result, again.result, days.result) == (True, None, date(2028, 2, 29), 29)
    assert handle.result(timeout_seconds=0) == date(2028, 2, 29)


def test_lines_of_a_task_are_logged_once(client, lilota_drain, caplog):
    """In the process of the test they reach its log by themselves."""
    caplog.set_level(logging.INFO)
    client.add("add_two", input={"a": 1, "b": 2})

    lilota_drain()

    assert [record.getMessage() for record in caplog.records if record.name == "lilota.tasks.add_two"] == [
        "adding {'a': 1, 'b': 2}"
    ]


# --- time


def test_a_retry_runs_when_its_time_has_come(client, lilota_drain):
    """Not before: a drain without more lets no time pass."""
    handle = client.add("broken")

    assert told(lilota_drain()) == [("broken", 1, TaskState.PENDING)]
    assert lilota_drain() == []
    assert told(lilota_drain(until="everything")) == [
        ("broken", 2, TaskState.PENDING),
        ("broken", 3, TaskState.FAILED),
    ]
    with pytest.raises(TaskFailedError, match="no good"):
        handle.result(timeout_seconds=0)


def test_time_passes_without_waiting(client, lilota_drain, lilota_clock):
    """What is due within it runs in the order of its instants, and the clock stands at its end."""
    began = lilota_clock()
    for hours in (3, 1, 2):
        client.add("add_two", input={"a": hours, "b": 0}, delay_seconds=hours * 3600)

    ran = lilota_drain(for_seconds=2 * 3600)

    assert [attempt.output["result"] for attempt in ran] == [1, 2]
    assert 2 * 3600 <= lilota_clock() - began < 3 * 3600
    assert [attempt.output["result"] for attempt in lilota_drain(until="everything")] == [3]


def test_a_task_that_always_comes_back_does_so_as_long_as_time_passes(client, lilota_drain):
    """Every 30 seconds in the first two minutes, the very first included."""
    client.add("later")

    ran = lilota_drain(for_seconds=140)

    assert {attempt.attempt for attempt in ran} == {1}
    assert len(ran) == 5


def test_a_day_longer_than_the_lease_takes_nothing_from_the_drain(client, lilota_drain):
    """The runner of the drain is alive, however far the clock jumps."""
    client.add("add_two", input={"a": 1, "b": 1}, delay_seconds=30 * 86_400)

    assert told(lilota_drain(until="everything")) == [("add_two", 1, TaskState.SUCCEEDED)]


def test_the_instants_in_the_store_are_of_its_own_clock():
    """A clock that stands still gives the same instants in each run of a test."""
    clock = FakeClock(1_000_000)
    client = TaskClient(MemoryTaskStore(clock))
    client.register("add_two", AddTwo)
    handle = client.add("add_two", input={"a": 1, "b": 2}, delay_seconds=60)

    Drain(client, clock)(until="everything")

    info = handle.info()
    assert [instant.timestamp() for instant in (info.created_at, info.run_at)] == [1_000_000, 1_000_060]
    assert info.started_at == info.finished_at
    assert info.started_at.timestamp() == pytest.approx(1_000_060, abs=0.001)


def test_without_the_clock_of_the_store_what_is_due_runs_and_time_cannot_pass(tmp_path):
    """As with a database, whose clock is its own."""
    with TaskClient(f"sqlite:///{tmp_path / 'tasks.db'}") as client:
        client.register("broken", Broken)
        client.add("broken")
        drain = Drain(client)

        assert told(drain()) == [("broken", 1, TaskState.PENDING)]
        with pytest.raises(ConfigurationError, match=r"pass it, Drain\(client, clock\)"):
            drain(until="everything")


def test_any_store_in_memory_can_be_drained_in_its_own_time():
    """Also one that the application has opened; a second drain of it goes on from there."""
    client = TaskClient("memory")
    client.register("later", Later)
    client.add("later")

    assert [len(Drain(client)(for_seconds=50)) for _ in range(2)] == [2, 2]


def test_a_database_with_a_clock_that_can_be_moved_is_drained_like_memory(tmp_path):
    """Time, deaths and lost replies are the same with any store."""
    clock = ShiftedClock()
    client = TaskClient(SQLiteTaskStore(str(tmp_path / "tasks.db"), clock=clock))
    client.register("broken", Broken)
    handle = client.add("broken")
    drain = Drain(client, clock)
    drain.crash(handle)
    drain.lose_reply(handle, times=4)

    ran = drain(until="everything")

    assert [(attempt.attempt, attempt.outcome.lost) for attempt in ran] == [(1, True), (2, False), (3, False)]
    assert handle.info().state is TaskState.FAILED
    client.store.close()


def test_a_clock_that_is_not_that_of_the_store_is_an_error():
    """Else it would be asked again and again."""
    client = TaskClient(MemoryTaskStore())
    client.register("add_two", AddTwo)
    client.add("add_two", input={"a": 1, "b": 1}, delay_seconds=60)

    with pytest.raises(LilotaError, match=r"The task 1 \('add_two'\) is due by the clock of this drain, and"):
        Drain(client, FakeClock(time.time()))(until="everything")


@pytest.mark.parametrize(
    "asked",
    [{"until": "later"}, {"until": "everything", "for_seconds": 3}, {"for_seconds": -1}, {"for_seconds": float("inf")}],
)
def test_a_time_that_makes_no_sense_is_refused(lilota_drain, asked):
    """Before anything runs."""
    with pytest.raises(ConfigurationError, match="for_seconds"):
        lilota_drain(**asked)


# --- faults


def test_a_crash_loses_the_attempt_and_keeps_what_it_had_stored(client, lilota_drain):
    """All that the task did is done, and it goes on from its output."""
    handle = client.add("checkpoints", input={"items": ["a", "b"]})
    lilota_drain.crash("checkpoints")

    lost, again = lilota_drain()

    assert (lost.state, lost.outcome.lost, lost.error.type) == (TaskState.PENDING, True, "WorkerDied")
    assert (again.state, again.attempt, again.output) == (TaskState.SUCCEEDED, 2, {"done": ["a", "b"]})
    assert testing_tasks.WORKED_ON == ["a", "b"]
    assert handle.info().lost_attempts == 1


def test_what_a_crashed_task_returned_is_lost(client, lilota_drain):
    """The runner never heard of it."""
    handle = client.add("add_two", input={"a": 1, "b": 2}, max_lost_attempts=1)
    lilota_drain.crash(handle)

    (lost,) = lilota_drain()

    assert (lost.state, lost.output, lost.result) == (TaskState.FAILED, None, None)
    assert handle.info().output_json is None
    assert "The worker process died, as the test had ordered." in handle.info().error.message


def test_too_many_crashes_fail_the_task_as_the_engine_would(client, lilota_drain):
    """The third is the last one that a task may lose, unless it says otherwise."""
    handle = client.add("add_two", input={"a": 1, "b": 2})
    lilota_drain.crash(handle, times=5)

    ran = lilota_drain()

    assert [attempt.state for attempt in ran] == [TaskState.PENDING, TaskState.PENDING, TaskState.FAILED]
    assert handle.info().error.message == ("The worker died 3 times; the last time it died, as the test had ordered.")


def test_a_crash_can_strike_in_the_middle_of_an_attempt(client, lilota_drain):
    """What comes behind the call of `set_output` does not happen, and no task mistakes it for an error."""
    client.add("checkpoints", input={"items": ["a", "b", "c"]})
    lilota_drain.crash("checkpoints", times=2, after_outputs=1)

    ran = lilota_drain()

    assert [attempt.output["done"] for attempt in ran] == [["a"], ["a", "b"], ["a", "b", "c"]]
    assert [attempt.outcome.lost for attempt in ran] == [True, True, False]
    assert testing_tasks.WORKED_ON == ["a", "b", "c"]


def test_a_crash_leads_out_of_a_coroutine_too(lilota_client, lilota_drain):
    """It is the loop of the attempt that ends."""
    declare(outputs.name, outputs.task_class)
    lilota_client.add(outputs.bind(3))
    lilota_drain.crash(outputs, after_outputs=2)

    lost, again = lilota_drain()

    assert (lost.outcome.lost, lost.output) == (True, {"count": 2})
    assert (again.state, again.output) == (TaskState.SUCCEEDED, {"count": 3})


def test_a_crash_strikes_the_task_that_is_meant(client, lilota_drain):
    """By its handle one task, by a name the next ones of that name."""
    first, second, third = client.add_many([{"name": "add_two", "input": {"a": 1, "b": n}} for n in range(3)])
    lilota_drain.crash(second)
    lilota_drain.crash("add_two")

    lilota_drain()

    assert [handle.info().lost_attempts for handle in (first, second, third)] == [1, 1, 0]


def test_a_lost_reply_ends_the_task_once(client, lilota_drain, monkeypatch):
    """The runner writes again, is refused, and finds its own write; what it was granted unknowingly runs, too."""
    first, second = client.add_many([{"name": "checkpoints", "input": {"items": [item]}} for item in "ab"])
    lilota_drain.lose_reply(first, times=2)

    ran = lilota_drain()

    assert told(ran) == [("checkpoints", 1, TaskState.SUCCEEDED)] * 2
    assert testing_tasks.WORKED_ON == ["a", "b"]
    assert [handle.info().state for handle in (first, second)] == [TaskState.SUCCEEDED] * 2
    assert second.info().token > first.info().token  # it was granted twice


def test_a_lost_reply_is_warned_of_as_in_a_runner(client, lilota_drain, caplog):
    """It is the exchange of a runner that notices and repairs it."""
    lilota_drain.lose_reply(client.add("add_two", input={"a": 1, "b": 2}))

    lilota_drain()

    assert "1 update(s) are kept and written later" in caplog.text
    assert "The store answers again." in caplog.text


def test_a_fault_for_a_task_that_there_is_not_is_refused(client, lilota_drain):
    """A misspelt name would make a test pass for nothing."""
    with pytest.raises(UnknownTaskError, match="Did you mean 'broken'"):
        lilota_drain.crash("brokn")
    with pytest.raises(ValueError, match="'times' must be a whole number, at least 1, not 0"):
        lilota_drain.lose_reply("broken", times=0)
    with pytest.raises(ValueError, match="'after_outputs' must be at least 1, not 0"):
        lilota_drain.crash("broken", after_outputs=0)


# --- around it


def test_a_store_that_cannot_be_used_is_an_error_and_not_waited_for(client, lilota_store):
    """A runner would be patient; a test wants to know."""

    class Away(ForwardingStore):
        def commit(self, updates, request=None):
            raise StoreUnavailableError("away")

    drain = Drain(TaskClient(Away(lilota_store), registry=client.registry))
    client.add("add_two", input={"a": 1, "b": 2})

    with pytest.raises(StoreUnavailableError, match="away"):
        drain()


def test_hooks_that_observe_attempts_are_told(client, lilota_drain, monkeypatch):
    """As by a runner: after the store has accepted the end."""
    observed = []
    plugins = client.registry.plugins
    monkeypatch.setattr(plugins, "has", lambda _hook: True)
    monkeypatch.setattr(plugins, "observe", lambda hook, **_record: observed.append(hook))
    handle = client.add("add_two", input={"a": 1, "b": 2})
    lilota_drain.lose_reply(handle)

    lilota_drain()

    assert observed == [
        "lilota_tasks_added",
        "lilota_attempt_started",
        "lilota_attempt_progress",
        "lilota_attempt_finished",
    ]


def test_the_runner_of_a_drain_leaves_nothing_behind(client, lilota_drain, lilota_store):
    """Neither in the list of runners, nor in the way of another one."""
    client.add("add_two", input={"a": 1, "b": 2})
    lilota_drain()

    assert lilota_store.runners() == []
    assert lilota_store.heartbeat(RunnerInfo(id="next", lease_seconds=1)) is False


def test_a_drain_works_in_another_thread(client, lilota_drain):
    """So a test that is a coroutine can drain without holding up its loop."""
    client.add("add_two", input={"a": 1, "b": 2})

    assert told(asyncio.run(asyncio.to_thread(lilota_drain))) == [("add_two", 1, TaskState.SUCCEEDED)]


def test_a_drain_of_its_own_needs_no_pytest():
    """It has a store in memory, a clock and a client."""
    drain = Drain()
    drain.client.register("broken", Broken)
    drain.client.add("broken")

    assert [attempt.attempt for attempt in drain(until="everything")] == [1, 2, 3]
