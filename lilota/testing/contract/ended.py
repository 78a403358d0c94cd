"""The contract of `ended_since` and `count_ended`, for stores that have them (`CanFindEnded`, `CanCountEnded`)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from lilota.contract import CanCountEnded, CanFindEnded, StoredTask, TaskStore
from lilota.models import NewTask, TaskInfo, TaskState
from lilota.testing.contract.harness import ContractFixtures, ContractRunner, add_ended, add_running, prune_all

LONG_AGO: Final = datetime(2024, 2, 29, 12, 30, 15, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)


class EndedContract(ContractFixtures):
    """What whoever asks for the failures of the last hour can rely on."""

    @pytest.fixture
    def finder(self, store: TaskStore) -> CanFindEnded:
        """The store, if it can find what ended lately."""
        if not isinstance(store, CanFindEnded):
            pytest.skip("the store has no ended_since()")
        return store

    def test_ended_since_finds_what_ended_at_that_instant_or_later(
        self, finder: CanFindEnded, store: TaskStore
    ) -> None:
        """To the millisecond, which every store keeps; each is named once."""
        ids = restore_ended(store, *(LONG_AGO + n * timedelta(milliseconds=1) for n in range(4)))

        assert sorted(finder.ended_since(LONG_AGO)) == ids
        assert sorted(finder.ended_since(LONG_AGO + timedelta(milliseconds=2))) == ids[2:]
        assert finder.ended_since(LONG_AGO + SECOND) == []

    def test_ended_since_looks_at_the_end_and_not_at_the_beginning(
        self, finder: CanFindEnded, store: TaskStore, runner: ContractRunner
    ) -> None:
        """What was added long before may have ended a moment ago; what has not ended is not found."""
        restore_ended(store, LONG_AGO)
        claim = add_ended(store, runner, TaskState.FAILED)
        add_running(store, runner)
        store.add([NewTask(name="task"), NewTask(name="task", delay_seconds=1000)])

        assert finder.ended_since(LONG_AGO + SECOND) == [claim.id]

    def test_ended_since_finds_those_that_ended_in_one_of_the_given_states(
        self, finder: CanFindEnded, store: TaskStore, runner: ContractRunner
    ) -> None:
        """None means all in which a task can end; the others name none."""
        states = (TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED)
        ids = [add_ended(store, runner, state).id for state in states]

        assert sorted(finder.ended_since(LONG_AGO)) == ids
        assert finder.ended_since(LONG_AGO, [TaskState.FAILED]) == [ids[1]]
        assert sorted(finder.ended_since(LONG_AGO, [TaskState.CANCELLED, TaskState.SUCCEEDED])) == [ids[0], ids[2]]
        assert finder.ended_since(LONG_AGO, [TaskState.PENDING, TaskState.RUNNING]) == []
        assert finder.ended_since(LONG_AGO, []) == []

    def test_ended_since_finds_no_more_than_the_limit(
        self, finder: CanFindEnded, store: TaskStore, runner: ContractRunner
    ) -> None:
        """In however many states they are; fewer than the limit are all."""
        ids = [add_ended(store, runner, state).id for state in (TaskState.SUCCEEDED, TaskState.FAILED) * 2]

        some = finder.ended_since(LONG_AGO, limit=3)

        assert (len(some), len(set(some))) == (3, 3)
        assert set(some) < set(ids)
        assert sorted(finder.ended_since(LONG_AGO, limit=5)) == ids

    def test_ended_since_forgets_what_was_retried_or_pruned(
        self, finder: CanFindEnded, store: TaskStore, runner: ContractRunner
    ) -> None:
        """And a task that has ended again is found as it ended then, once."""
        task_id = add_ended(store, runner, TaskState.FAILED).id

        store.retry(task_id)
        waiting = finder.ended_since(LONG_AGO)
        runner.finish(runner.claim_one())

        assert waiting == []
        assert finder.ended_since(LONG_AGO) == finder.ended_since(LONG_AGO, [TaskState.SUCCEEDED]) == [task_id]
        assert finder.ended_since(LONG_AGO, [TaskState.FAILED]) == []
        prune_all(store)
        assert finder.ended_since(LONG_AGO) == []

    @pytest.fixture
    def counter(self, store: TaskStore) -> CanCountEnded:
        """The store, if it can count what ended."""
        if not isinstance(store, CanCountEnded):
            pytest.skip("the store has no count_ended()")
        return store

    def test_count_ended_counts_between_edges(self, counter: CanCountEnded, store: TaskStore) -> None:
        """What ended at an edge is counted behind it, and what ended at the last one nowhere."""
        restore_ended(store, *(LONG_AGO + n * SECOND for n in (0, 0, 1, 3, 4)))
        edges = [LONG_AGO + n * SECOND for n in (0, 1, 2, 3, 4)]

        succeeded = TaskState.SUCCEEDED
        assert counter.count_ended(edges) == [{succeeded: 2}, {succeeded: 1}, {}, {succeeded: 1}]
        assert counter.count_ended([LONG_AGO - SECOND, LONG_AGO + 9 * SECOND]) == [{succeeded: 5}]
        assert counter.count_ended([]) == []

    def test_count_ended_counts_up_to_the_limit_between_each_two_edges(
        self, counter: CanCountEnded, store: TaskStore
    ) -> None:
        """However many ended before; the edges are the same as for few."""
        restore_ended(store, *(LONG_AGO + n * SECOND for n in (0, 0, 0, 1, 3, 3, 4)))
        edges = [LONG_AGO + n * SECOND for n in (0, 1, 2, 3, 4)]

        succeeded = TaskState.SUCCEEDED
        assert counter.count_ended(edges, limit=2) == [{succeeded: 2}, {succeeded: 1}, {}, {succeeded: 2}]

    def test_count_ended_tells_states_apart_and_counts_up_to_the_limit(
        self, counter: CanCountEnded, store: TaskStore, runner: ContractRunner
    ) -> None:
        """For each state by itself; what runs, waits or was retried has not ended."""
        states = (TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED)
        ids = [add_ended(store, runner, state).id for state in (*states, *states, TaskState.SUCCEEDED)]
        add_running(store, runner)
        store.add([NewTask(name="task")])
        always = [LONG_AGO, datetime(2200, 1, 1, tzinfo=UTC)]

        counted = counter.count_ended(always)
        limited = counter.count_ended(always, limit=2)
        store.retry(ids[1])

        assert counted == [{TaskState.SUCCEEDED: 3, TaskState.FAILED: 2, TaskState.CANCELLED: 2}]
        assert limited == [dict.fromkeys(states, 2)]
        assert counter.count_ended(always)[0][TaskState.FAILED] == 1


def restore_ended(store: TaskStore, *instants: datetime) -> list[int]:
    """Restore tasks that ended then, and return their ids."""
    (last_id,) = store.add([NewTask(name="other")])
    tasks = [
        TaskInfo(
            id=last_id + n, name="task", state=TaskState.SUCCEEDED, created_at=LONG_AGO, run_at=LONG_AGO,
            started_at=LONG_AGO, finished_at=finished_at, attempt=1, token=1,
        )
        for n, finished_at in enumerate(instants, 1)
    ]  # fmt: skip
    store.restore([StoredTask(info=info) for info in tasks])
    return [info.id for info in tasks]
