"""Runners delete what ended long ago, in turn and step by step."""

from __future__ import annotations

import logging
import threading

import pytest
from lilota_memory_store import MemoryTaskStore
from runner_tasks import TASKS
from running import until

from lilota.config import Settings
from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import StoreUnavailableError
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState
from lilota.runner import TaskRunner
from lilota.running.housekeeping import Housekeeper

DAY = 86_400.0


class Clock:
    """A clock that the test sets."""

    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def start():
    """Start housekeepers that are stopped after the test."""
    started = []

    def start_one(store, prune_after_seconds=DAY, every_seconds=0.01):
        housekeeper = Housekeeper(store, prune_after_seconds, every_seconds)
        housekeeper.start()
        started.append(housekeeper)
        return housekeeper

    yield start_one
    for housekeeper in started:
        housekeeper.stop()


def add_ended(store, number=1):
    """Add tasks and let them succeed, now by the store's clock."""
    ids = store.add([NewTask(name="task")] * number)
    store.heartbeat(RunnerInfo(id="before"))
    claims = store.claim(ClaimRequest(runner_id="before", names=("task",), limit=number)).claims
    store.commit(
        [AttemptUpdate(id=claim.id, token=claim.token, outcome=Outcome(state=TaskState.SUCCEEDED)) for claim in claims]
    )
    store.release("before")
    return ids


def ids_in(store):
    return [info.id for info in store.get_all_tasks()]


def test_what_ended_long_ago_is_deleted_and_the_rest_is_kept(clock, start):
    """Age counts from the end of a task; what waits is never touched."""
    store = MemoryTaskStore(clock)
    (old,) = add_ended(store)
    clock.now += DAY + 1
    (young,) = add_ended(store)
    (waiting,) = store.add([NewTask(name="task")])

    start(store)

    until(lambda: old not in ids_in(store), bool)
    assert ids_in(store) == [young, waiting]


def test_one_turn_deletes_all_that_is_due_in_steps(clock, start):
    """However many there are: the turn goes on until nothing is left."""
    store = MemoryTaskStore(clock)
    add_ended(store, 2500)
    clock.now += DAY + 1

    start(store, every_seconds=3600)

    until(lambda: ids_in(store) == [], bool)


def test_tasks_are_deleted_when_their_time_has_come(clock, start):
    """The runner goes on looking."""
    store = MemoryTaskStore(clock)
    start(store)
    ids = add_ended(store)
    assert ids_in(store) == ids

    clock.now += DAY + 1

    until(lambda: ids_in(store) == [], bool)


class Counting(MemoryTaskStore):
    """Counts how often it was pruned and how often somebody asked for a turn."""

    def __init__(self, clock):
        super().__init__(clock)
        self.prunings = 0
        self.questions = 0

    def prune(self, older_than_seconds, states=None, limit=1000):
        self.prunings += 1
        return super().prune(older_than_seconds, states, limit)

    def take_turn(self, chore, every_seconds):
        self.questions += 1
        return super().take_turn(chore, every_seconds)


def test_of_several_runners_one_prunes_at_a_time(clock, start):
    """While the time is not up, nobody does it again."""
    store = Counting(clock)

    for _ in range(4):
        start(store)

    until(lambda: store.prunings and store.questions > 12, bool)
    assert store.prunings == 1


def test_another_runner_takes_over_when_the_first_is_gone(clock, start):
    """Nobody leads: with the next turn, whoever asks does it."""
    store = Counting(clock)
    first = start(store)
    until(lambda: store.prunings == 1, bool)
    first.stop()
    start(store)

    clock.now += 60

    until(lambda: store.prunings == 2, bool)


class OutOfOrder(MemoryTaskStore):
    """Can't be written at first."""

    def __init__(self, clock):
        super().__init__(clock)
        self.failures = 2

    def prune(self, older_than_seconds, states=None, limit=1000):
        if self.failures:
            self.failures -= 1
            raise StoreUnavailableError("The disk is full.")
        return super().prune(older_than_seconds, states, limit)


def test_failure_of_the_store_is_logged_and_tried_again(clock, start, caplog):
    """Housekeeping waits; it neither stops the runner nor gives up."""
    store = OutOfOrder(clock)
    add_ended(store)
    clock.now += DAY + 1

    with caplog.at_level(logging.INFO, "lilota.running.housekeeping"):
        start(store)
        until(lambda: _pass_time(clock) and ids_in(store) == [], bool)
        until(lambda: "Pruned 1 task(s) that ended more than 86400 s ago." in caplog.messages, bool)

    assert caplog.messages[0] == "Ended tasks could not be pruned this time: The disk is full."


def _pass_time(clock):
    clock.now += 1
    return True


def test_without_an_age_everything_is_kept(clock, start):
    """The default: no thread, no deletion, no question."""
    store = Counting(clock)

    housekeeper = start(store, prune_after_seconds=None)

    housekeeper.stop()
    assert store.questions == 0
    assert "lilota-housekeeping" not in [thread.name for thread in threading.enumerate()]


def test_stopping_does_not_wait_for_the_next_turn(clock, start):
    """A runner that stops is not held up."""
    housekeeper = start(MemoryTaskStore(clock), every_seconds=3600)

    housekeeper.stop()

    assert "lilota-housekeeping" not in [thread.name for thread in threading.enumerate()]


def test_runner_prunes_if_it_is_told_to(clock):
    """The setting reaches the thread, which ends with the runner."""
    store = MemoryTaskStore(clock)
    add_ended(store)
    clock.now += DAY + 1
    runner = TaskRunner(store, 1, settings=Settings(prune_after_seconds=DAY))
    runner.register("sleep", TASKS["sleep"])

    with runner:
        until(lambda: ids_in(store) == [], bool)

    assert "lilota-housekeeping" not in [thread.name for thread in threading.enumerate()]
