"""The contract of the fence: whoever no longer owns an attempt can't write a single field of it."""

from __future__ import annotations

from typing import Any, Final

import pytest

from lilota.contract import TaskStore
from lilota.models import Claim, LogLine, Outcome, TaskState
from lilota.testing.contract.harness import (
    WAYS_BACK,
    ContractFixtures,
    ContractRunner,
    WayBack,
    add_ended,
    add_running,
    lose_to_rescue,
    prune_all,
    update,
)

LATE_WRITES: Final[dict[str, dict[str, Any]]] = {
    "progress": {"progress": 77.0},
    "output": {"output_json": '{"late":true}'},
    "log lines": {"log_lines": (LogLine(at=1.0, text="late"),)},
    "success": {"outcome": Outcome(state=TaskState.SUCCEEDED)},
    "giving back": {"outcome": Outcome(state=TaskState.PENDING, spends_attempt=False)},
    "process": {"pid": 4711},
    "start": {"started_at": 1e9},
    "limit of lost attempts": {"max_lost_attempts": 1},
}
late_writes: pytest.MarkDecorator = pytest.mark.parametrize("late_write", LATE_WRITES.values(), ids=LATE_WRITES.keys())


class FenceContract(ContractFixtures):
    """What is refused, and that it harms nobody else."""

    @late_writes
    @pytest.mark.parametrize("lose", WAYS_BACK.values(), ids=WAYS_BACK.keys())
    def test_a_late_write_can_not_touch_the_next_attempt(
        self,
        store: TaskStore,
        runner: ContractRunner,
        other_runner: ContractRunner,
        lose: WayBack,
        late_write: dict[str, object],
    ) -> None:
        """Once another runner has claimed the task, nothing that carries the old token is written."""
        stale = add_running(store, runner)
        lose(store, runner, stale)
        other_runner.claim_one()
        before, log_before = store.get(stale.id), store.logs(stale.id)

        committed = store.commit([update(stale, **late_write)])

        assert committed.refused == (stale.fence,)
        assert (store.get(stale.id), store.logs(stale.id)) == (before, log_before)

    @late_writes
    def test_a_late_write_can_not_touch_a_task_that_waits_again(
        self, store: TaskStore, runner: ContractRunner, late_write: dict[str, object]
    ) -> None:
        """The old token is void from the rescue on, not only from the next claim."""
        stale = add_running(store, runner)
        lose_to_rescue(store, runner, stale)
        before, log_before = store.get(stale.id), store.logs(stale.id)

        committed = store.commit([update(stale, **late_write)])

        assert committed.refused == (stale.fence,)
        assert (store.get(stale.id), store.logs(stale.id)) == (before, log_before)

    @late_writes
    @pytest.mark.parametrize("state", [TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED])
    def test_nothing_can_be_written_after_the_end(
        self, store: TaskStore, runner: ContractRunner, state: TaskState, late_write: dict[str, object]
    ) -> None:
        """A terminal task stays as it is, even for the token that ended it."""
        claim = add_ended(store, runner, state)
        before = store.get(claim.id)

        committed = store.commit([update(claim, **late_write)])

        assert committed.refused == (claim.fence,)
        assert (store.get(claim.id), store.logs(claim.id)) == (before, [])

    def test_a_runner_that_claimed_the_task_again_itself_still_needs_the_new_token(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """The fence is the attempt, not the runner."""
        stale = add_running(store, runner)
        runner.finish(stale, Outcome(state=TaskState.PENDING, spends_attempt=False))
        current = runner.claim_one()

        refused = runner.finish(stale).refused
        accepted = runner.finish(current).refused

        assert refused == (stale.fence,)
        assert accepted == ()

    def test_a_token_from_before_a_retry_is_void(self, store: TaskStore, runner: ContractRunner) -> None:
        """Attempts start over with a retry, tokens do not."""
        stale = add_ended(store, runner, TaskState.FAILED)
        store.retry(stale.id)
        current = runner.claim_one()

        committed = runner.finish(stale)

        assert (current.attempt, committed.refused) == (1, (stale.fence,))
        assert store.get(stale.id).state is TaskState.RUNNING

    def test_a_token_from_the_future_is_void(self, store: TaskStore, runner: ContractRunner) -> None:
        """Only equality counts."""
        claim = add_running(store, runner)
        forged = Claim(id=claim.id, token=claim.token + 1, attempt=1, name=claim.name)

        assert runner.finish(forged).refused == (forged.fence,)
        assert store.get(claim.id).state is TaskState.RUNNING

    def test_a_write_to_a_task_that_was_pruned_or_never_was_is_refused(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """It raises nothing, because the rest of the batch must be written."""
        pruned = add_ended(store, runner)
        prune_all(store)
        claim = add_running(store, runner)
        unknown = Claim(id=2**40, token=1, attempt=1, name="task")

        committed = store.commit([update(pruned, progress=1.0), update(unknown, progress=1.0), update(claim, pid=7)])

        assert set(committed.refused) == {pruned.fence, unknown.fence}
        assert store.get(claim.id).pid == 7

    def test_refused_updates_do_not_disturb_the_rest_of_the_batch(
        self, store: TaskStore, runner: ContractRunner, other_runner: ContractRunner
    ) -> None:
        """What is current is written, wherever it stands in the batch, and the request is answered."""
        stale = add_running(store, runner)
        lose_to_rescue(store, runner, stale)
        other_runner.claim_one()
        before, after = add_running(store, other_runner), add_running(store, other_runner)
        success = Outcome(state=TaskState.SUCCEEDED)

        committed = store.commit(
            [update(before, outcome=success), update(stale, outcome=success), update(after, outcome=success)],
            other_runner.request(),
        )

        assert committed.refused == (stale.fence,)
        assert committed.claimed is not None
        assert [store.get(claim.id).state for claim in (before, stale, after)] == [
            TaskState.SUCCEEDED,
            TaskState.RUNNING,
            TaskState.SUCCEEDED,
        ]

    def test_an_update_behind_the_outcome_in_the_same_batch_is_refused(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """The outcome ends the attempt within the batch, too."""
        claim = add_running(store, runner)

        committed = store.commit(
            [update(claim, progress=50.0, outcome=Outcome(state=TaskState.SUCCEEDED)), update(claim, progress=60.0)]
        )

        info = store.get(claim.id)
        assert committed.refused == (claim.fence,)
        assert (info.reported_progress, info.state) == (50.0, TaskState.SUCCEEDED)

    def test_an_expired_runner_may_write_until_it_is_rescued(self, store: TaskStore, runner: ContractRunner) -> None:
        """A claim is held until somebody takes it back; work that is done is not thrown away."""
        claim = add_running(store, runner)
        runner.expire()

        committed = runner.finish(claim)

        assert committed.refused == ()
        assert store.rescue() == []
        assert store.get(claim.id).state is TaskState.SUCCEEDED
