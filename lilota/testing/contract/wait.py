"""The contract of `wait_for_change`: a hint that is never late for long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial

import pytest

from lilota.adding.waiters import Waiters
from lilota.completing import as_completed
from lilota.contract import TaskStore
from lilota.handles import TaskHandle
from lilota.models import LogLine, Outcome, TaskState
from lilota.testing.contract.harness import (
    DEADLINE_SECONDS,
    ContractFixtures,
    ContractRunner,
    add_ended,
    add_one,
    add_running,
    in_threads,
    poll,
    update,
)

Change = Callable[[], object]


def prepare_release(store: TaskStore, runner: ContractRunner) -> Change:
    """A runner gives back what it holds."""
    add_running(store, runner)
    return partial(store.release, runner.id)


def prepare_rescue(store: TaskStore, runner: ContractRunner) -> Change:
    """A claim of a dead runner is taken back."""
    add_running(store, runner)
    runner.expire()
    return store.rescue


#: What happens -> prepares it, and returns the change itself.
CHANGES: Mapping[str, Callable[[TaskStore, ContractRunner], Change]] = {
    "a task is added": lambda store, _: partial(add_one, store),
    "a task ends": lambda store, runner: partial(runner.finish, add_running(store, runner)),
    "a task waits again": lambda store, runner: partial(
        runner.finish, add_running(store, runner), Outcome(state=TaskState.PENDING)
    ),
    "a running task is to be cancelled": lambda store, runner: partial(store.cancel, add_running(store, runner).id),
    "a pending task is cancelled": lambda store, _: partial(store.cancel, add_one(store)),
    "a task is retried": lambda store, runner: partial(store.retry, add_ended(store, runner, TaskState.FAILED).id),
    "release": prepare_release,
    "rescue": prepare_rescue,
}


class WaitContract(ContractFixtures):
    """What whoever waits can rely on."""

    def test_without_a_change_the_time_runs_out(self, store: TaskStore) -> None:
        """A store may say "perhaps" now and then, but an idle one says "no" soon."""
        poll(lambda: not store.wait_for_change(0.01), "An answer that nothing has changed")

    def test_a_wait_of_no_time_returns(self, store: TaskStore) -> None:
        """0 seconds ask without waiting."""
        assert store.wait_for_change(0) in (True, False)

    @pytest.mark.parametrize("prepare", CHANGES.values(), ids=CHANGES.keys())
    def test_a_change_between_two_waits_is_noticed_by_the_second(
        self, store: TaskStore, runner: ContractRunner, prepare: Callable[[TaskStore, ContractRunner], Change]
    ) -> None:
        """Whoever works between two waits misses nothing that others did meanwhile."""
        change = prepare(store, runner)
        # What was prepared may count as a change: wait until the store is quiet, and has heard of this thread.
        poll(lambda: not store.wait_for_change(0), "An answer that nothing has changed")

        # From another thread, so that a store which ignores its own changes is tested fairly.
        in_threads(change)

        assert store.wait_for_change(DEADLINE_SECONDS) is True

    @pytest.mark.parametrize("number", [1, 3])
    def test_every_waiting_thread_is_woken(self, store: TaskStore, number: int) -> None:
        """A change ends a wait that has begun, and one listener does not take the news from another."""
        answers: list[bool] = []
        ready = threading.Barrier(number + 1)

        def wait() -> None:
            while store.wait_for_change(0):
                pass
            ready.wait()
            answers.append(store.wait_for_change(DEADLINE_SECONDS))

        def change() -> None:
            ready.wait()
            add_one(store)

        in_threads(*[wait] * number, change)

        assert answers == [True] * number

    def test_a_task_is_followed_to_its_end(self, store: TaskStore, runner: ContractRunner) -> None:
        """By its handle: each state, progress and line, however late somebody asks."""
        handle: TaskHandle[object] = TaskHandle(add_one(store), Waiters(store))
        changes = handle.changes()
        pending = next(changes)
        claim = runner.claim_one()
        running = next(changes)
        store.commit([update(claim, progress=40.0, log_lines=(LogLine(at=1.0, text="a"),))])
        told = next(changes)
        store.commit([update(claim, log_lines=(LogLine(at=2.0, text="b"),), outcome=Outcome(state=TaskState.FAILED))])
        (ended,) = changes

        assert [change.state for change in (pending, running, told, ended)] == [
            TaskState.PENDING, TaskState.RUNNING, TaskState.RUNNING, TaskState.FAILED,
        ]  # fmt: skip
        assert told.progress_percentage == 40
        assert [[line.text for line in change.lines] for change in (told, ended)] == [["a"], ["b"]]
        assert list(as_completed([handle], DEADLINE_SECONDS)) == [handle]
