"""The contract of `look_ahead` and `durations`, for stores that have both (`CanForesee`)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from msgspec.structs import replace

from lilota.contract import CanForesee, ClaimRequest, DueTask, StoredTask, TaskStore
from lilota.models import NewTask, Outcome, TaskInfo, TaskState
from lilota.testing.contract.harness import (
    ContractFixtures,
    ContractRunner,
    add_ended,
    add_many,
    add_one,
    add_running,
    check_support,
    serves_families,
)

ADDED_AT: Final = datetime(2024, 2, 29, 12, 30, 15, tzinfo=UTC)


class ForesightContract(ContractFixtures):
    """What whoever tells people when their task will start can rely on."""

    @pytest.fixture
    def seer(self, store: TaskStore) -> CanForesee:
        """The store, if it can tell what comes next."""
        check_support(store, "foresight")
        assert isinstance(store, CanForesee)
        return store

    def test_look_ahead_names_what_a_claim_grants_in_its_order(self, seer: CanForesee, store: TaskStore) -> None:
        """By priority, then by when they were due, then by id: over all queues and names, added alike or not."""
        runner = ContractRunner(store)
        add_many(store, 3)
        store.add([NewTask(name=name, queue=queue) for name in ("task", "other") for queue in ("default", "slow")])
        store.add([NewTask(name="other", priority=priority) for priority in (0, 7, -7)])
        add_one(store, run_at=ADDED_AT)
        request = runner.request(limit=100, names=("task", "other"))

        ahead = seer.look_ahead(request)
        claimed = store.claim(request).claims

        assert ahead == [DueTask(id=claim.id, queue=claim.queue, name=claim.name) for claim in claimed]
        assert len(ahead) == 11
        assert seer.look_ahead(request) == []
        store.release(runner.id)

    def test_look_ahead_changes_nothing(self, seer: CanForesee, store: TaskStore) -> None:
        """Anybody may look, without a lease, as often as they like."""
        ids = add_many(store, 2)
        before = store.get_all_tasks()

        assert [task.id for task in seer.look_ahead(requested())] == ids
        assert [task.id for task in seer.look_ahead(requested())] == ids
        assert store.get_all_tasks() == before
        assert store.runners() == []

    def test_look_ahead_takes_what_a_request_asks_for(self, seer: CanForesee, store: TaskStore) -> None:
        """Names, queues, and how many at most."""
        mine, slow, other = store.add(
            [NewTask(name="task"), NewTask(name="task", queue="slow"), NewTask(name="other", queue="slow")]
        )

        assert seen(seer, requested(names=("task",))) == [mine, slow]
        assert seen(seer, requested(names=("task", "other"), queues=("slow",))) == [slow, other]
        assert seen(seer, requested(names=("task", "other"), limit=2)) == [mine, slow]
        assert seen(seer, requested(names=("Task", "tas"))) == []
        assert seen(seer, requested(names=())) == []
        assert seen(seer, requested(queues=())) == []
        assert seen(seer, requested(limit=0)) == []

    def test_look_ahead_knows_families(self, seer: CanForesee, store: TaskStore) -> None:
        """As a claim does, where the store serves them."""
        if not serves_families(store):
            pytest.skip("the store serves no families")
        monthly, _, yearly = store.add(
            [NewTask(name=name) for name in ("reports:monthly", "reports", "reports:yearly")]
        )

        assert seen(seer, requested(names=(), families=("reports:",))) == [monthly, yearly]

    def test_look_ahead_leaves_out_what_does_not_wait_for_its_turn(
        self, seer: CanForesee, store: TaskStore, runner: ContractRunner
    ) -> None:
        """What is due later, runs, has ended or was cancelled; what comes back is there again."""
        running = add_running(store, runner)
        add_ended(store, runner)
        add_one(store, delay_seconds=3600)
        store.cancel(add_one(store))

        assert seen(seer, requested()) == []
        runner.finish(running, Outcome(state=TaskState.PENDING))
        assert seen(seer, requested()) == [running.id]

    def test_look_ahead_sees_a_thousand(self, seer: CanForesee, store: TaskStore) -> None:
        """However they were added: by the hundred, one by one, and with priorities."""
        ids = add_many(store, 1100)
        urgent = store.add([NewTask(name="task", priority=n % 3) for n in range(30)])

        first = seen(seer, requested(limit=1000))

        by_priority = sorted(range(30), key=lambda n: -(n % 3))
        assert first[:20] == [urgent[n] for n in by_priority[:20]]
        assert first[20:] == ids[:980]

    def test_durations_are_those_of_the_newest_tasks_that_succeeded(self, seer: CanForesee, store: TaskStore) -> None:
        """In seconds, from the start of the last attempt to its end; by falling id, whatever the queue."""
        restore_ended(
            store,
            *(ended(seconds, queue=queue) for seconds, queue in ((1.0, "default"), (2.5, "slow"), (0.0, "default"))),
            ended(7.25, name="other"),
            ended(99.0, name="third"),
        )

        assert seer.durations(["task"]) == {"task": [0.0, 2.5, 1.0]}
        assert seer.durations(["task", "other"], limit=2) == {"task": [0.0, 2.5], "other": [7.25]}

    def test_durations_know_nothing_of_what_did_not_succeed(
        self, seer: CanForesee, store: TaskStore, runner: ContractRunner
    ) -> None:
        """Nor of names that nobody asked for; and a name without any is not there."""
        add_running(store, runner)
        add_one(store)
        restore_ended(
            store,
            ended(1.0, state=TaskState.FAILED),
            ended(1.0, state=TaskState.CANCELLED),
            ended(None),
            ended(5.0, name="other"),
        )

        assert seer.durations(["task", "never added"]) == {}
        assert seer.durations([]) == {}
        assert seer.durations(["other"], limit=1) == {"other": [5.0]}


def requested(
    names: tuple[str, ...] = ("task",),
    queues: tuple[str, ...] | None = None,
    limit: int = 100,
    families: tuple[str, ...] = (),
) -> ClaimRequest:
    """Return what somebody asks for who is no runner."""
    return ClaimRequest(runner_id="", names=names, queues=queues, limit=limit, families=families)


def seen(seer: CanForesee, request: ClaimRequest) -> list[int]:
    """Return the ids of what comes next."""
    return [task.id for task in seer.look_ahead(request)]


def ended(
    seconds: float | None, *, name: str = "task", queue: str = "default", state: TaskState = TaskState.SUCCEEDED
) -> TaskInfo:
    """Return a task that has ended, and took so long; None if nobody knows when it began."""
    return TaskInfo(
        id=1, name=name, queue=queue, state=state, created_at=ADDED_AT, run_at=ADDED_AT, attempt=1, token=1,
        started_at=None if seconds is None else ADDED_AT + timedelta(seconds=1),
        finished_at=ADDED_AT + timedelta(seconds=1 + (seconds or 0.0)),
    )  # fmt: skip


def restore_ended(store: TaskStore, *tasks: TaskInfo) -> None:
    """Restore tasks under rising ids."""
    (last_id,) = store.add([NewTask(name="another one")])
    store.restore([StoredTask(info=replace(task, id=last_id + n)) for n, task in enumerate(tasks, 1)])
