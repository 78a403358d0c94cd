"""The contract of `oldest_due`, for stores that have it (`CanTellOldestDue`)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from msgspec.structs import replace

from lilota.contract import CanTellOldestDue, DueSince, OldestDue, StoredTask, TaskStore
from lilota.models import NewTask, Outcome, TaskInfo, TaskState
from lilota.testing.contract.harness import (
    ContractFixtures,
    ContractRunner,
    add_ended,
    add_many,
    add_one,
    add_running,
    poll,
)

ADDED_AT: Final = datetime(2024, 2, 29, 12, 30, 15, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)


class OldestDueContract(ContractFixtures):
    """What whoever is woken when tasks wait for too long can rely on."""

    @pytest.fixture
    def teller(self, store: TaskStore) -> CanTellOldestDue:
        """The store, if it can tell since when something is due."""
        if not isinstance(store, CanTellOldestDue):
            pytest.skip("the store has no oldest_due()")
        return store

    def test_oldest_due_tells_of_each_name_in_each_queue(self, teller: CanTellOldestDue, store: TaskStore) -> None:
        """Which task it is, and since when it is due; nothing is changed by that."""
        assert teller.oldest_due() == OldestDue()
        first, _, other, slow, _ = store.add(
            [
                NewTask(name="task"),
                NewTask(name="task"),
                NewTask(name="other"),
                NewTask(name="task", queue="slow"),
                NewTask(name="task", queue="slow"),
            ]
        )
        before = store.get_all_tasks()

        found = teller.oldest_due()

        added = store.get(first).created_at
        lines = {first: ("default", "task"), other: ("default", "other"), slow: ("slow", "task")}
        assert by_id(found) == {
            task_id: DueSince(id=task_id, queue=queue, name=name, due_at=added)
            for task_id, (queue, name) in lines.items()
        }
        assert not found.is_cut
        assert store.get_all_tasks() == before

    def test_oldest_due_is_found_behind_higher_priorities(self, teller: CanTellOldestDue, store: TaskStore) -> None:
        """Who is never let through has waited for the longest time."""
        restore(store, *(waiting(3 * HOUR, priority=priority) for priority in (5, -5, 7)))
        (oldest,) = restore(store, waiting(HOUR, priority=-5))
        add_many(store, 300)
        restore(store, waiting(2 * HOUR))

        assert times(teller) == {oldest: ADDED_AT + HOUR}

    def test_oldest_due_was_added_by_then(self, teller: CanTellOldestDue, store: TaskStore) -> None:
        """What was added for an instant that was over could not be claimed before, though it is claimed first."""
        (waits_longer,) = restore(store, waiting(HOUR))
        add_one(store, run_at=ADDED_AT - 30 * HOUR)
        assert times(teller) == {waits_longer: ADDED_AT + HOUR}

        late = add_one(store, name="other", run_at=ADDED_AT)

        assert times(teller)[late] == store.get(late).created_at

    def test_oldest_due_counts_from_when_a_task_is_due_and_not_from_when_it_was_added(
        self, teller: CanTellOldestDue, store: TaskStore
    ) -> None:
        """However many were added before it and are due later."""
        store.add([NewTask(name="task", delay_seconds=3600)] * 1500)
        (oldest,) = restore(store, waiting(2 * HOUR))
        restore(store, waiting(3 * HOUR, created_at=ADDED_AT - HOUR))

        assert times(teller) == {oldest: ADDED_AT + 2 * HOUR}
        assert not teller.oldest_due().is_cut

    def test_oldest_due_sees_what_no_claim_has_seen_yet(self, teller: CanTellOldestDue, store: TaskStore) -> None:
        """A runner that is busy for hours claims nothing, and meanwhile tasks become due."""
        soon = add_one(store, delay_seconds=0.05)

        found = poll(lambda: times(teller), "the task never became due")

        assert found == {soon: store.get(soon).run_at}

    def test_oldest_due_leaves_out_what_does_not_wait_for_its_turn(
        self, teller: CanTellOldestDue, store: TaskStore, runner: ContractRunner
    ) -> None:
        """What is due later, runs, has ended or was cancelled; what comes back is due since then."""
        running = add_running(store, runner)
        add_ended(store, runner)
        add_one(store, delay_seconds=3600)
        store.cancel(add_one(store))
        assert times(teller) == {}

        runner.finish(running, Outcome(state=TaskState.PENDING))

        assert times(teller) == {running.id: store.get(running.id).run_at}
        runner.claim_one()
        assert times(teller) == {}


def by_id(found: OldestDue) -> dict[int, DueSince]:
    """Return the tasks by their ids."""
    return {task.id: task for task in found.tasks}


def times(teller: CanTellOldestDue) -> dict[int, datetime]:
    """Return which tasks are told, and since when they are due."""
    return {task.id: task.due_at for task in teller.oldest_due().tasks}


def waiting(due_after: timedelta, *, priority: int = 0, created_at: datetime = ADDED_AT) -> TaskInfo:
    """Return a task that was added long ago, and is due since so long after that."""
    return TaskInfo(id=1, name="task", created_at=created_at, run_at=ADDED_AT + due_after, priority=priority)


def restore(store: TaskStore, *tasks: TaskInfo) -> list[int]:
    """Restore tasks under rising ids, and return these."""
    (last_id,) = store.add([NewTask(name="another one")])
    store.cancel(last_id)
    restored = [replace(task, id=last_id + n) for n, task in enumerate(tasks, 1)]
    store.restore([StoredTask(info=info) for info in restored])
    return [info.id for info in restored]
