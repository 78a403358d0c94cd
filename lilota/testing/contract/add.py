"""The contract of `add`: all or none, rising ids, every field kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import pytest

from lilota.contract import TaskQuery, TaskStore
from lilota.models import NewTask, Outcome, TaskState
from lilota.testing.contract.harness import (
    GIVEN,
    ContractFixtures,
    ContractRunner,
    add_ended,
    add_many,
    add_one,
    counted,
    in_threads,
    prune_all,
    totals_seen_during,
)

#: Instants that are hard to keep: floating point numbers are not exact so far away, and the calendar ends.
INSTANTS: Mapping[str, datetime] = {
    "first": datetime.min.replace(tzinfo=UTC),
    "nearly the first": datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    "before the Gregorian calendar": datetime(1581, 3, 4, 5, 6, 7, 654321, tzinfo=UTC),
    "before the epoch": datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    "long past": datetime(1970, 1, 2, tzinfo=UTC),
    "microseconds": datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=UTC),
    "another zone": datetime(2500, 6, 1, 10, 0, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    "far future": datetime(9876, 5, 4, 3, 2, 1, 234567, tzinfo=UTC),
    "last": datetime.max.replace(tzinfo=UTC),
}


class AddContract(ContractFixtures):
    """What a caller can rely on when `add` returns."""

    def test_add_returns_ids_that_rise_in_the_order_of_adding(self, store: TaskStore) -> None:
        """Ids follow the order within one call and from call to call."""
        ids = [*add_many(store, 3), *add_many(store, 2)]

        assert ids == sorted(set(ids))
        assert all(isinstance(task_id, int) and task_id > 0 for task_id in ids)

    def test_add_pairs_ids_and_tasks_in_the_given_order(self, store: TaskStore) -> None:
        """The n-th id belongs to the n-th task."""
        descriptions = [f"number {n}" for n in range(5)]

        ids = store.add([NewTask(name="task", description=text) for text in descriptions])

        assert [store.get(task_id).description for task_id in ids] == descriptions

    def test_add_of_nothing_adds_nothing(self, store: TaskStore) -> None:
        """An empty batch is no error."""
        assert store.add([]) == []
        assert store.get_all_tasks() == []

    def test_add_keeps_every_field(self, store: TaskStore) -> None:
        """What was given comes back unchanged."""
        given = {"name": "resize", **GIVEN}

        info = store.get(add_one(store, **given))

        assert {field: getattr(info, field) for field in given} == given

    def test_a_new_task_is_pending_and_has_no_past(self, store: TaskStore) -> None:
        """Nothing has been attempted: no attempt, no start, no end, no output, no error, no log."""
        info = store.get(add_one(store))

        assert (info.state, info.attempt, info.lost_attempts) == (TaskState.PENDING, 0, 0)
        assert (info.started_at, info.finished_at, info.output_json, info.error) == (None, None, None, None)
        assert (info.pid, info.runner_id, info.progress_percentage, info.cancel_requested) == (0, None, 0, False)
        assert store.logs(info.id) == []

    def test_attributes_that_are_not_set_yet_are_absent(self, store: TaskStore) -> None:
        """`hasattr` is how a caller asks for an output or an end."""
        info = store.get(add_one(store))

        assert not any(hasattr(info, name) for name in ("output", "start_date_time", "end_date_time"))

    def test_instants_of_a_new_task_are_aware_utc_and_now(self, store: TaskStore) -> None:
        """A new task was created just now, and is due since then."""
        info = store.get(add_one(store))

        assert info.created_at.utcoffset() == info.run_at.utcoffset() == timedelta(0)
        assert abs(info.run_at - info.created_at) < timedelta(seconds=1)
        assert abs(info.created_at - datetime.now(UTC)) < timedelta(hours=1), "the store's clock is far off"

    @pytest.mark.parametrize("run_at", INSTANTS.values(), ids=INSTANTS.keys())
    def test_run_at_is_kept_as_the_same_instant_in_utc(self, store: TaskStore, run_at: datetime) -> None:
        """Any instant is kept to the microsecond, comes back in UTC, and breaks no reader."""
        neighbour, task_id = store.add([NewTask(name="task"), NewTask(name="task", run_at=run_at)])

        info = store.get(task_id)

        assert info.run_at == run_at
        assert info.run_at.utcoffset() == timedelta(0)
        assert store.get_all_tasks() == [store.get(neighbour), info]
        assert store.find(TaskQuery(ids=(task_id,))) == [info]

    @pytest.mark.parametrize("run_at", INSTANTS.values(), ids=INSTANTS.keys())
    def test_a_task_of_any_instant_lives_and_ends_like_others(
        self, store: TaskStore, runner: ContractRunner, run_at: datetime
    ) -> None:
        """It is claimed if it is due, cancelled, and made due by a retry."""
        (task_id,) = store.add([NewTask(name="task", run_at=run_at)])

        claims = runner.claim()
        store.cancel(task_id)
        for claim in claims:
            runner.finish(claim, Outcome(state=TaskState.CANCELLED))
        cancelled = store.get(task_id)
        store.retry(task_id)

        assert len(claims) == (run_at < datetime.now(UTC))
        assert (cancelled.state, cancelled.run_at) == (TaskState.CANCELLED, run_at)
        assert abs(store.get(task_id).run_at - cancelled.created_at) < timedelta(hours=1)
        assert runner.claim_one().id == task_id

    def test_delay_counts_from_the_stores_clock(self, store: TaskStore) -> None:
        """A delayed task is due that much later than it was created."""
        info = store.get(add_one(store, delay_seconds=1000))

        assert abs(info.run_at - info.created_at - timedelta(seconds=1000)) < timedelta(seconds=1)

    def test_run_at_wins_over_a_delay(self, store: TaskStore) -> None:
        """A delay is added to nothing where an instant was given."""
        run_at = datetime(2024, 1, 1, tzinfo=UTC)

        assert store.get(add_one(store, run_at=run_at, delay_seconds=1000)).run_at == run_at

    def test_ids_are_never_used_again_after_prune(self, store: TaskStore, runner: ContractRunner) -> None:
        """A pruned task's id stays its own for ever, even if it was the highest."""
        old_ids = [add_ended(store, runner).id for _ in range(3)]
        prune_all(store)

        new_ids = add_many(store, 3)

        assert min(new_ids) > max(old_ids)

    def test_a_batch_is_seen_whole_or_not_at_all(self, store: TaskStore) -> None:
        """Whoever looks while a batch is being added sees all of its tasks or none."""

        def add_batches() -> None:
            for _ in range(20):
                add_many(store, 10)

        seen = totals_seen_during(add_batches, store)

        assert all(number % 10 == 0 for number in seen), f"parts of a batch were visible: {sorted(seen)}"
        assert counted(store).total() == 200

    def test_threads_that_add_at_the_same_time_all_get_ids_of_their_own(self, store: TaskStore) -> None:
        """No id is given twice, and no task is lost, when several threads add."""
        ids: list[int] = []

        def add_some() -> None:
            for _ in range(10):
                ids.extend(add_many(store, 2))

        in_threads(*[add_some] * 4)

        assert len(ids) == len(set(ids)) == 80
        assert [info.id for info in store.get_all_tasks()] == sorted(ids)
