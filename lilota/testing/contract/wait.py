"""The contract of `wait_for_change`: a hint that is never late for long."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from lilota.contract import TaskStore
from lilota.models import Outcome, TaskState
from lilota.testing.contract.harness import (
    ContractFixtures,
    ContractRunner,
    add_ended,
    add_one,
    add_running,
    poll,
)

#: Longer than any wait of the suite: a store that notices returns at once, one that does not fails the test.
PATIENCE_SECONDS = 5.0

Change = Callable[[], object]


def prepare_add(store: TaskStore, runner: ContractRunner) -> Change:  # noqa: ARG001 - one signature for all
    """Something was added."""
    return lambda: add_one(store)


def prepare_end(store: TaskStore, runner: ContractRunner) -> Change:
    """A task ended."""
    claim = add_running(store, runner)
    return lambda: runner.finish(claim)


def prepare_giving_back(store: TaskStore, runner: ContractRunner) -> Change:
    """A task became ready to be claimed again."""
    claim = add_running(store, runner)
    return lambda: runner.finish(claim, Outcome(state=TaskState.PENDING))


def prepare_cancel_of_running(store: TaskStore, runner: ContractRunner) -> Change:
    """The cancellation of a running task was asked for."""
    claim = add_running(store, runner)
    return lambda: store.cancel(claim.id)


def prepare_cancel_of_pending(store: TaskStore, runner: ContractRunner) -> Change:  # noqa: ARG001 - as above
    """A pending task was cancelled."""
    task_id = add_one(store)
    return lambda: store.cancel(task_id)


def prepare_retry(store: TaskStore, runner: ContractRunner) -> Change:
    """A failed task was made ready again."""
    claim = add_ended(store, runner, TaskState.FAILED)
    return lambda: store.retry(claim.id)


def prepare_release(store: TaskStore, runner: ContractRunner) -> Change:
    """A runner gave back what it held."""
    add_running(store, runner)
    return lambda: store.release(runner.id)


def prepare_rescue(store: TaskStore, runner: ContractRunner) -> Change:
    """A claim of a dead runner was taken back."""
    add_running(store, runner)
    runner.expire()
    return store.rescue


class WaitContract(ContractFixtures):
    """What whoever waits can rely on."""

    def test_without_a_change_the_time_runs_out(self, store: TaskStore) -> None:
        """A store may say "perhaps" now and then, but an idle one says "no" soon."""
        poll(lambda: not store.wait_for_change(0.01), "An answer that nothing has changed")

    def test_a_wait_of_no_time_returns(self, store: TaskStore) -> None:
        """0 seconds ask without waiting."""
        assert store.wait_for_change(0) in (True, False)

    @pytest.mark.parametrize(
        "prepare",
        [
            prepare_add,
            prepare_end,
            prepare_giving_back,
            prepare_cancel_of_running,
            prepare_cancel_of_pending,
            prepare_retry,
            prepare_release,
            prepare_rescue,
        ],
    )
    def test_a_change_between_two_waits_is_noticed_by_the_second(
        self, store: TaskStore, runner: ContractRunner, prepare: Callable[[TaskStore, ContractRunner], Change]
    ) -> None:
        """Whoever works between two waits misses nothing that others did meanwhile."""
        change = prepare(store, runner)
        # What was prepared may count as a change: wait until the store is quiet, and has heard of this thread.
        poll(lambda: not store.wait_for_change(0), "An answer that nothing has changed")

        in_another_thread(change)

        assert store.wait_for_change(PATIENCE_SECONDS) is True

    def test_a_thread_that_waits_is_woken(self, store: TaskStore) -> None:
        """A change ends a wait that has begun."""
        answers: list[bool] = []
        ready = threading.Event()

        def wait() -> None:
            while store.wait_for_change(0):
                pass
            ready.set()
            answers.append(store.wait_for_change(PATIENCE_SECONDS))

        waiter = threading.Thread(target=wait)
        waiter.start()
        ready.wait()
        add_one(store)
        waiter.join()

        assert answers == [True]

    def test_every_waiting_thread_notices(self, store: TaskStore) -> None:
        """One listener does not take the news from another."""
        answers: list[bool] = []
        ready = threading.Barrier(4)

        def wait() -> None:
            while store.wait_for_change(0):
                pass
            ready.wait()
            answers.append(store.wait_for_change(PATIENCE_SECONDS))

        waiters = [threading.Thread(target=wait) for _ in range(3)]
        for waiter in waiters:
            waiter.start()
        ready.wait()
        add_one(store)
        for waiter in waiters:
            waiter.join()

        assert answers == [True] * 3


def in_another_thread(change: Change) -> None:
    """Make a change from a thread of its own, so that a store which ignores its own changes is tested fairly."""
    thread = threading.Thread(target=change)
    thread.start()
    thread.join()
