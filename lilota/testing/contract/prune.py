"""The contract of `prune`: what ended goes, what lives stays."""

from __future__ import annotations

import pytest

from lilota.contract import TaskStore
from lilota.errors import TaskNotFoundError
from lilota.models import LogLine, Outcome, TaskState
from lilota.testing.contract.harness import (
    ContractFixtures,
    ContractRunner,
    add_ended,
    add_many,
    add_one,
    add_running,
    counted,
    counted_from,
    found_ids,
    poll,
    prune_all,
    update,
)


class PruneContract(ContractFixtures):
    """What a caller can rely on."""

    def test_prune_deletes_ended_tasks_and_leaves_the_others(self, store: TaskStore, runner: ContractRunner) -> None:
        """Pending, delayed and running tasks are never deleted."""
        for state in (TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED):
            add_ended(store, runner, state)
        living = [add_running(store, runner).id, add_one(store), add_one(store, delay_seconds=1000)]

        pruned = prune_all(store)

        assert pruned == 3
        assert [info.id for info in store.get_all_tasks()] == living

    def test_a_pruned_task_is_gone_from_every_answer(self, store: TaskStore, runner: ContractRunner) -> None:
        """Neither task nor log is found."""
        claim = add_running(store, runner)
        line = LogLine(at=1.0, text="gone")
        store.commit([update(claim, log_lines=(line,), outcome=Outcome(state=TaskState.SUCCEEDED))])
        prune_all(store)

        for ask in (store.get, store.logs, store.cancel, store.retry):
            with pytest.raises(TaskNotFoundError):
                ask(claim.id)
        assert found_ids(store) == []
        assert found_ids(store, ids=(claim.id,), states=(TaskState.SUCCEEDED,)) == []

    def test_counts_agree_with_the_tasks_after_prune(self, store: TaskStore, runner: ContractRunner) -> None:
        """What is gone is no longer counted."""
        add_ended(store, runner)
        add_ended(store, runner, TaskState.FAILED)
        add_many(store, 2)

        prune_all(store)

        assert counted(store) == counted_from(store.get_all_tasks())
        assert counted(store).total() == 2

    def test_prune_keeps_what_ended_recently(self, store: TaskStore, runner: ContractRunner) -> None:
        """The age counts from the end of the task."""
        claim = add_ended(store, runner)

        assert store.prune(3600) == 0
        assert found_ids(store) == [claim.id]

    def test_prune_takes_only_the_given_states(self, store: TaskStore, runner: ContractRunner) -> None:
        """Failures may be kept longer than successes."""
        succeeded = add_ended(store, runner, TaskState.SUCCEEDED).id
        failed = add_ended(store, runner, TaskState.FAILED).id
        cancelled = add_ended(store, runner, TaskState.CANCELLED).id

        poll(lambda: store.prune(0, [TaskState.SUCCEEDED]), "The pruning of a succeeded task")
        after_one = found_ids(store, newest_first=False)
        poll(lambda: store.prune(0, [TaskState.FAILED, TaskState.SUCCEEDED]), "The pruning of a failed task")

        assert succeeded not in after_one
        assert after_one == [failed, cancelled]
        assert found_ids(store) == [cancelled]

    def test_prune_of_no_states_deletes_nothing(self, store: TaskStore, runner: ContractRunner) -> None:
        """An empty choice is not the same as None."""
        add_ended(store, runner)

        assert store.prune(0, []) == 0
        assert counted(store).total() == 1

    def test_prune_stops_at_its_limit(self, store: TaskStore, runner: ContractRunner) -> None:
        """Many small deletions do not stop a busy store; the caller asks until it gets 0."""
        for _ in range(5):
            add_ended(store, runner)

        numbers = [poll(lambda: store.prune(0, limit=2), "A pruning of two tasks") for _ in range(2)]

        assert numbers == [2, 2]
        assert counted(store).total() == 1

    def test_prune_of_an_empty_store_is_no_error(self, store: TaskStore) -> None:
        """There is nothing to delete."""
        assert store.prune(0) == 0
