"""How a runner keeps its lease, notices that it has lost it, and takes back what dead runners hold."""

from __future__ import annotations

import threading
import time

import pytest
from lilota_memory_store import MemoryTaskStore
from lilota_sqlite_store.store import SQLiteTaskStore
from runner_tasks import Wait
from running import ended, started, until

from lilota.config import Settings
from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import StoreGoneError, StoreUnavailableError
from lilota.models import NewTask, TaskState
from lilota.runner import TaskRunner
from lilota.running.lease import LeaseKeeper


class Clock:
    """The time, as the test sets it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.offset = 0.0

    def monotonic(self):
        return self.now

    def time(self):
        """The wall clock, which can be set."""
        return self.now + self.offset


class FlakyStore(MemoryTaskStore):
    """A memory store whose heartbeat or look raises while a test wants that."""

    heartbeat_error: Exception | None = None
    look_error: Exception | None = None

    def heartbeat(self, runner):
        if self.heartbeat_error is not None:
            raise self.heartbeat_error
        return super().heartbeat(runner)

    def runners(self):
        if self.look_error is not None:
            raise self.look_error
        return super().runners()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    return FlakyStore(clock=clock.time)


@pytest.fixture
def told():
    return []


@pytest.fixture
def keeper(store, clock, told):
    """A keeper with a lease of 30 seconds, whose thread does not run: the test beats."""
    runner = RunnerInfo(id="me", lease_seconds=30.0)
    keeper = LeaseKeeper(store, runner, lambda: told.append("lost"), lambda: told.append("rescued"), clock.monotonic)
    store.heartbeat(runner)
    return keeper


def test_a_lease_renewed_in_time_is_not_lost(keeper, clock, told):
    """Beat after beat, nothing happens."""
    for _ in range(10):
        clock.now += 10
        assert keeper._beat()

    assert told == []


@pytest.mark.parametrize("error", [StoreUnavailableError("down"), StoreGoneError("gone")])
def test_a_lease_that_cannot_be_renewed_is_given_up_before_it_runs_out(keeper, store, clock, told, error):
    """After two thirds of it, once; whether the store is down or the manager in front of it is gone."""
    store.heartbeat_error = error
    clock.now += 19
    assert not keeper._beat()
    before = list(told)

    clock.now += 2
    keeper._beat()
    keeper._beat()

    assert before == []
    assert told == ["lost"]


def test_a_lease_that_is_renewed_too_late_is_not_lost_while_nobody_has_taken_anything(keeper, clock, told):
    """The process was stopped, or the clock of the store was set: the runner is there to say so."""
    clock.now += 31

    keeper._beat()

    assert told == []


def test_a_lease_that_is_renewed_after_a_rescue_is_lost(keeper, store, clock, told):
    """Others have taken everything, and the store has forgotten the runner."""
    clock.now += 31
    store.rescue()

    keeper._beat()

    assert told == ["lost"]


def test_a_lost_reply_to_the_heartbeat_after_a_rescue_is_a_loss(keeper, store, clock, told):
    """The store has registered the runner anew, and said so in a reply that nobody got."""
    clock.now += 31
    store.rescue()
    store.heartbeat_error = StoreUnavailableError("the reply got lost")
    keeper._beat()
    store.heartbeat_error = None
    store.heartbeat(keeper._runner)
    before = list(told)

    keeper._beat()

    assert before == ["lost"]
    assert told == ["lost", "lost"]


def test_what_was_claimed_after_a_loss_is_stopped_too_when_the_renewal_comes_too_late(keeper, store, clock, told):
    """Between two thirds and the end of the lease the store still grants claims."""
    store.heartbeat_error = StoreUnavailableError("down")
    clock.now += 21
    keeper._beat()

    store.heartbeat_error = None
    clock.now += 10
    keeper._beat()

    assert told == ["lost", "lost"]


def test_a_renewal_after_a_loss_starts_over(keeper, store, clock, told):
    """A second outage is noticed like the first."""
    for _ in range(2):
        store.heartbeat_error = StoreUnavailableError("down")
        clock.now += 21
        keeper._beat()
        store.heartbeat_error = None
        keeper._beat()

    assert told == ["lost", "lost"]


def test_a_failing_look_costs_no_lease(keeper, store, clock, told):
    """The lease is renewed, whatever becomes of the tasks of others."""
    store.look_error = StoreUnavailableError("busy")
    for _ in range(5):
        clock.now += 10
        keeper._beat()

    assert told == []


def test_tasks_of_dead_runners_are_taken_back(keeper, store, clock, told):
    """Pending again, with a lost attempt, and the runner is told that there is work."""
    store.heartbeat(RunnerInfo(id="dead", lease_seconds=5))
    (task_id,) = store.add([NewTask(name="task")])
    store.claim(ClaimRequest(runner_id="dead", names=("task",)))
    keeper._look()
    for _ in range(3):
        assert told == []
        clock.now += 2
        keeper._look()

    assert told == ["rescued"]
    assert store.get(task_id).state is TaskState.PENDING
    assert store.get(task_id).lost_attempts == 1


@pytest.fixture
def neighbour(store, keeper):
    """Another runner in good health, which runs a task."""
    runner = RunnerInfo(id="neighbour", lease_seconds=30.0)
    store.heartbeat(runner)
    store.add([NewTask(name="task")])
    store.claim(ClaimRequest(runner_id="neighbour", names=("task",)))
    return runner


def test_a_clock_that_is_set_makes_nobody_take_anything(keeper, store, clock, told, neighbour):
    """All leases seem to have expired at once: each runner renews its own, and waits for the others to do so."""
    keeper._look()
    clock.offset += 3600

    holds = keeper._look()
    keeper._beat()
    clock.now += 9
    keeper._look()
    was_known = store.heartbeat(neighbour)

    assert not holds
    assert was_known
    assert told == []


def test_a_clock_that_is_set_back_makes_nobody_take_anything(keeper, store, clock, told, neighbour):
    """Leases seem to last longer than they do."""
    keeper._look()
    clock.offset -= 3600

    assert keeper._look()
    assert keeper._beat()
    assert store.heartbeat(neighbour)
    assert told == []


def test_who_was_stopped_together_with_others_gives_them_the_time_to_renew(keeper, store, clock, told, neighbour):
    """The whole machine stood still, and the clock that only ever rises went on."""
    clock.now += 9
    keeper._look()
    clock.now += 3600

    keeper._beat()
    keeper._look()

    assert store.heartbeat(neighbour)
    assert told == []


def test_a_runner_that_died_while_the_clock_was_set_is_noticed_all_the_same(keeper, store, clock, told, neighbour):
    """Silent for as long as its lease was."""
    keeper._look()
    clock.offset += 3600
    for _ in range(4):
        clock.now += 10
        keeper._beat()

    assert told == ["rescued"]


def test_a_runner_that_died_before_the_clock_was_set_back_is_noticed(keeper, store, clock, told, neighbour):
    """After some leases: its tasks don't wait until the clock has caught up. One that lives is left alone."""
    living = RunnerInfo(id="living", lease_seconds=30.0)
    keeper._look()
    clock.offset -= 3600
    before = []
    for _ in range(11):
        before = told.copy() if clock.now < 1080 else before
        clock.now += 10
        store.heartbeat(living)
        keeper._beat()

    assert (before, told) == ([], ["rescued"])
    assert {runner.id for runner in store.runners()} == {"me", "living"}
    assert not store.heartbeat(neighbour)


@pytest.mark.usefixtures("looks_often")
def test_a_runner_renews_its_lease_as_soon_as_the_store_takes_it_for_expired():
    """It does not wait for a third of its lease: meanwhile it would get no task, and could lose what it has."""
    clock = Clock()
    store = FlakyStore(clock=clock.time)
    keeper = LeaseKeeper(store, RunnerInfo(id="me", lease_seconds=3600.0), lambda: None, lambda: None)
    keeper.start()
    clock.offset += 7200

    until(lambda: store.runners()[0].has_expired, lambda expired: not expired)
    keeper.stop()


def test_the_thread_renews_the_lease_again_and_again():
    """With a lease of 0.3 seconds, the store still counts the runner as alive after several of them."""
    store = FlakyStore()
    keeper = LeaseKeeper(store, RunnerInfo(id="me", lease_seconds=0.3), lambda: None, lambda: None)
    beats = []
    original = store.heartbeat
    store.heartbeat = lambda runner: beats.append(1) or original(runner)

    keeper.start()
    until(lambda: len(beats), lambda count: count >= 8)
    keeper.stop()

    assert not keeper._thread.is_alive()


@pytest.fixture
def looks_often(monkeypatch):
    """Do not wait seconds from look to look."""
    monkeypatch.setattr("lilota.running.lease._RESCUE_SECONDS", 0.05)


@pytest.mark.usefixtures("looks_often")
def test_tasks_of_a_dead_runner_do_not_wait_for_the_heartbeat_of_one_with_a_long_lease():
    """Each runner chooses its lease; how soon it sees the death of another does not depend on it."""
    store = FlakyStore()
    rescued = threading.Event()
    store.heartbeat(RunnerInfo(id="dead", lease_seconds=0.1))
    store.add([NewTask(name="task")])
    store.claim(ClaimRequest(runner_id="dead", names=("task",)))
    keeper = LeaseKeeper(store, RunnerInfo(id="me", lease_seconds=3600.0), lambda: None, rescued.set)

    keeper.start()
    noticed = rescued.wait(60)
    keeper.stop()

    assert noticed


def test_a_heartbeat_that_gets_no_answer_does_not_delay_the_end_of_the_lease():
    """The store takes the request and says nothing: after two thirds of the lease the tasks are stopped."""
    store = FlakyStore()
    lost, answer = threading.Event(), threading.Event()
    keeper = LeaseKeeper(store, RunnerInfo(id="me", lease_seconds=0.3), lost.set, lambda: None)
    keeper.start()

    store.heartbeat = lambda _runner: answer.wait(60)
    noticed = lost.wait(60)
    waits_still = not answer.is_set()
    answer.set()
    keeper.stop()

    assert noticed
    assert waits_still


def test_a_lease_that_is_lost_is_reported_once_while_the_store_is_away():
    """However often its age is looked at."""
    clock = Clock()
    store = FlakyStore(clock=clock.time)
    runner, lost = RunnerInfo(id="me", lease_seconds=0.3), []
    keeper = LeaseKeeper(store, runner, lambda: lost.append(1), lambda: None, clock.monotonic)
    keeper.start()
    beats = []

    def fail(_runner):
        beats.append(1)
        raise StoreUnavailableError("down")

    store.heartbeat = fail
    clock.now += 1
    until(lambda: len(beats), lambda count: count >= 10)
    keeper.stop()

    assert lost == [1]


def test_a_keeper_that_was_never_started_can_be_stopped(keeper):
    """A runner that fails to start cleans up without a second error."""
    keeper.stop()


@pytest.mark.usefixtures("looks_often")
def test_a_task_goes_on_when_the_clock_of_its_machine_is_set(tmp_path):
    """Forward by more than the lease, and back: it may run only once, and does, though the lease seemed to be over."""
    clock = Clock()
    store = SQLiteTaskStore(f"{tmp_path}/tasks.db", clock=lambda: time.time() + clock.offset)
    runner = TaskRunner(store, 1, settings=Settings())
    runner.register("wait", Wait)
    with runner:
        handle = runner.add("wait", input={"file": str(tmp_path / "go on")}, max_lost_attempts=1)
        started(handle)
        clock.offset = 3600.0
        until(lambda: store.runners()[0].has_expired, lambda expired: not expired)
        clock.offset = -3600.0
        (tmp_path / "go on").touch()
        info = ended(handle)
    store.close()

    assert (info.state, info.attempt, info.lost_attempts) == (TaskState.SUCCEEDED, 1, 0)
