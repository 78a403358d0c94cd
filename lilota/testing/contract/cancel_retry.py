"""The contract of `cancel` and `retry`: what people may do to a task."""

from __future__ import annotations

import pytest

from lilota.contract import TaskStore
from lilota.errors import TaskNotFoundError, TaskStateError
from lilota.models import LogLine, Outcome, TaskState
from lilota.testing.contract.harness import (
    ContractFixtures,
    ContractRunner,
    add_ended,
    add_one,
    add_running,
    update,
)


class CancelRetryContract(ContractFixtures):
    """What a caller can rely on."""

    @pytest.mark.parametrize("delay_seconds", [0, 3600], ids=["due", "delayed"])
    def test_cancel_ends_a_pending_task_at_once(
        self, store: TaskStore, runner: ContractRunner, delay_seconds: float
    ) -> None:
        """It never runs, and has an end."""
        task_id = add_one(store, delay_seconds=delay_seconds)

        state = store.cancel(task_id)

        info = store.get(task_id)
        assert (state, info.state) == (TaskState.CANCELLED, TaskState.CANCELLED)
        assert info.finished_at is not None
        assert runner.claim(10) == ()

    def test_cancel_of_a_running_task_only_asks(self, store: TaskStore, runner: ContractRunner) -> None:
        """The task runs on until its owner ends it, whose writes are still accepted."""
        claim = add_running(store, runner)

        state = store.cancel(claim.id)

        info = store.get(claim.id)
        assert (state, info.state, info.cancel_requested) == (TaskState.RUNNING, TaskState.RUNNING, True)
        assert info.finished_at is None
        assert store.commit([update(claim, progress=5.0)]).refused == ()

    def test_the_owner_is_told_of_a_cancellation_until_the_attempt_ends(
        self, store: TaskStore, runner: ContractRunner, other_runner: ContractRunner
    ) -> None:
        """Every claim says it again, so that no lost reply hides it; other runners are not told."""
        claim = add_running(store, runner)
        add_running(store, runner)
        store.cancel(claim.id)

        told = [runner.cancel_requests().cancel_requested for _ in range(2)]
        told_others = other_runner.cancel_requests().cancel_requested
        runner.finish(claim, Outcome(state=TaskState.CANCELLED))

        assert told == [(claim.fence,)] * 2
        assert told_others == ()
        assert runner.cancel_requests().cancel_requested == ()

    def test_cancel_again_changes_nothing(self, store: TaskStore, runner: ContractRunner) -> None:
        """A second cancellation is no error."""
        claim = add_running(store, runner)

        assert [store.cancel(claim.id), store.cancel(claim.id)] == [TaskState.RUNNING, TaskState.RUNNING]
        assert runner.cancel_requests().cancel_requested == (claim.fence,)

    @pytest.mark.parametrize("state", [TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED])
    def test_cancel_of_an_ended_task_tells_its_state_and_changes_nothing(
        self, store: TaskStore, runner: ContractRunner, state: TaskState
    ) -> None:
        """Terminal states change only by a retry."""
        claim = add_ended(store, runner, state)
        before = store.get(claim.id)

        assert store.cancel(claim.id) is state
        assert store.get(claim.id) == before

    def test_cancel_and_retry_of_an_unknown_id_say_so(self, store: TaskStore) -> None:
        """Both name the id."""
        with pytest.raises(TaskNotFoundError, match="4611686018427387904"):
            store.cancel(2**62)
        with pytest.raises(TaskNotFoundError, match="4611686018427387904"):
            store.retry(2**62)

    @pytest.mark.parametrize("state", [TaskState.FAILED, TaskState.CANCELLED])
    def test_retry_makes_the_task_as_if_it_were_new(
        self, store: TaskStore, runner: ContractRunner, state: TaskState
    ) -> None:
        """Attempts and lost attempts start over, there is no end, and it is due at once."""
        claim = add_running(store, runner)
        runner.finish(claim, Outcome(state=TaskState.PENDING, lost=True))
        runner.finish(runner.claim_one(), Outcome(state=state))

        store.retry(claim.id)

        info = store.get(claim.id)
        assert (info.state, info.attempt, info.lost_attempts) == (TaskState.PENDING, 0, 0)
        assert (info.finished_at, info.cancel_requested) == (None, False)
        again = runner.claim_one()
        assert (again.id, again.attempt, again.lost_attempts) == (claim.id, 1, 0)

    def test_retry_of_a_delayed_task_that_was_cancelled_makes_it_due(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """Whoever retries wants it now."""
        task_id = add_one(store, delay_seconds=3600)
        store.cancel(task_id)

        store.retry(task_id)

        assert runner.claim_one().id == task_id

    def test_retry_keeps_output_and_log_and_records_itself(self, store: TaskStore, runner: ContractRunner) -> None:
        """The next attempt can go on from the output; the log shows that somebody retried."""
        claim = add_running(store, runner)
        line = LogLine(at=1.0, text="first life")
        outcome = Outcome(state=TaskState.FAILED)
        store.commit([update(claim, output_json='{"sent":5}', log_lines=(line,), outcome=outcome)])

        store.retry(claim.id)

        kept, recorded = store.logs(claim.id)
        assert kept == line
        assert recorded.source == "lilota"
        assert recorded.text
        assert runner.claim_one().output_json == '{"sent":5}'

    def test_a_retried_task_forgets_that_it_was_cancelled(self, store: TaskStore, runner: ContractRunner) -> None:
        """The next attempt is not told to stop, and may come back."""
        claim = add_running(store, runner)
        store.cancel(claim.id)
        runner.finish(claim, Outcome(state=TaskState.CANCELLED))
        store.retry(claim.id)
        again = runner.claim_one()

        requests = runner.cancel_requests().cancel_requested
        runner.finish(again, Outcome(state=TaskState.PENDING))

        assert requests == ()
        assert store.get(claim.id).state is TaskState.PENDING

    def test_retry_of_a_succeeded_task_is_refused(self, store: TaskStore, runner: ContractRunner) -> None:
        """What is done is done."""
        claim = add_ended(store, runner, TaskState.SUCCEEDED)

        with pytest.raises(TaskStateError) as refusal:
            store.retry(claim.id)

        assert str(refusal.value) == (
            f"The task {claim.id} has succeeded; only a failed or cancelled task can be retried."
        )
        assert store.get(claim.id).state is TaskState.SUCCEEDED

    def test_retry_of_a_task_that_has_not_ended_is_refused(self, store: TaskStore, runner: ContractRunner) -> None:
        """A pending or running task has nothing to be retried."""
        running, pending = add_running(store, runner).id, add_one(store)

        for task_id in (running, pending):
            with pytest.raises(TaskStateError, match=f"{task_id} has not ended"):
                store.retry(task_id)

        assert [store.get(running).state, store.get(pending).state] == [TaskState.RUNNING, TaskState.PENDING]
        assert store.logs(pending) == []
