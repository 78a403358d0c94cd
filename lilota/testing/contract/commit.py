"""The contract of `commit`: what an attempt writes, fenced by its token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from lilota.contract import TaskStore
from lilota.models import LogLine, NewTask, Outcome, TaskState
from lilota.testing.contract.harness import (
    FAILURE,
    ContractFixtures,
    ContractRunner,
    add_many,
    add_one,
    add_running,
    poll,
    registered,
    update,
)

LONG_AGO: Final = datetime(2024, 2, 29, 12, 30, 15, 123457, tzinfo=UTC)


class CommitContract(ContractFixtures):
    """What the owner of an attempt can rely on."""

    def test_an_update_writes_the_fields_that_it_has(self, store: TaskStore, runner: ContractRunner) -> None:
        """Process, progress, output and limit of lost attempts are kept while the task runs."""
        claim = add_running(store, runner)

        committed = store.commit([update(claim, pid=4711, progress=33.3, output_json='{"a":1}', max_lost_attempts=8)])

        info = store.get(claim.id)
        assert (committed.refused, committed.claimed) == ((), None)
        assert (info.pid, info.state) == (4711, TaskState.RUNNING)
        assert (info.reported_progress, info.output, info.max_lost_attempts) == (33.3, {"a": 1}, 8)

    def test_fields_that_are_none_leave_the_stored_value_alone(self, store: TaskStore, runner: ContractRunner) -> None:
        """A later update of the progress does not forget the rest."""
        claim = add_running(store, runner)
        store.commit([update(claim, pid=4711, started_at=1e9, progress=10.0, output_json="{}", max_lost_attempts=8)])

        before = store.get(claim.id)
        store.commit([update(claim, log_lines=(LogLine(at=1.0, text="only a line"),))])
        store.commit([update(claim)])

        assert store.get(claim.id) == before

    def test_a_start_is_kept_as_the_worker_tells_it(self, store: TaskStore, runner: ContractRunner) -> None:
        """To the microsecond, where its clock agrees with that of the store."""
        claim = add_running(store, runner)
        started_at = store.get(claim.id).created_at + timedelta(microseconds=1)
        poll(lambda: runner.heartbeat() and registered(store, runner.id).heartbeat_at > started_at, "A later moment")

        store.commit([update(claim, started_at=started_at.timestamp())])

        assert store.get(claim.id).started_at == started_at

    @pytest.mark.parametrize("more", [{}, {"progress": 5.0}], ids=["nothing else", "progress"])
    @pytest.mark.parametrize("started_at", [1.0, 4e9], ids=["too early", "too late"])
    def test_a_start_by_a_wrong_clock_is_brought_between_creation_and_end(
        self, store: TaskStore, runner: ContractRunner, started_at: float, more: dict[str, object]
    ) -> None:
        """The clock of a worker's machine can't make a task start before it was added, or after it ended."""
        claim = add_running(store, runner)

        store.commit([update(claim, started_at=started_at, outcome=Outcome(state=TaskState.SUCCEEDED), **more)])

        info = store.get(claim.id)
        assert info.created_at <= info.start_date_time <= info.end_date_time

    @pytest.mark.parametrize("started_at", [1.0, 4e9], ids=["too early", "too late"])
    def test_a_running_task_has_started_already(
        self, store: TaskStore, runner: ContractRunner, started_at: float
    ) -> None:
        """The store knows that it starts no later than it is told of it, and does not wait for the end to say so."""
        claim = add_running(store, runner)

        store.commit([update(claim, started_at=started_at)])

        runner.heartbeat()
        info = store.get(claim.id)
        assert info.created_at <= info.start_date_time <= registered(store, runner.id).heartbeat_at

    def test_several_updates_of_one_attempt_apply_in_order(self, store: TaskStore, runner: ContractRunner) -> None:
        """The last value stands, lines are appended one after the other, and the outcome ends it."""
        claim = add_running(store, runner)
        lines = [LogLine(at=float(n), text=f"line {n}") for n in range(3)]

        store.commit(
            [
                update(claim, progress=1.0, output_json='{"n":1}', log_lines=(lines[0],)),
                update(claim, progress=2.0, log_lines=(lines[1],)),
                update(claim, output_json='{"n":3}', log_lines=(lines[2],), outcome=Outcome(state=TaskState.SUCCEEDED)),
            ]
        )

        info = store.get(claim.id)
        assert (info.reported_progress, info.output, info.state) == (2.0, {"n": 3}, TaskState.SUCCEEDED)
        assert store.logs(claim.id) == lines

    @pytest.mark.parametrize("state", [TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED])
    def test_a_terminal_outcome_ends_the_task(self, store: TaskStore, runner: ContractRunner, state: TaskState) -> None:
        """It has an end, full progress beside the reported one, and is not granted again."""
        claim = add_running(store, runner)
        error = None if state is TaskState.SUCCEEDED else FAILURE

        runner.finish(claim, Outcome(state=state, error=error))

        info = store.get(claim.id)
        assert (info.state, info.error, info.attempt) == (state, error, 1)
        assert (info.progress_percentage, info.reported_progress) == (100, 0)
        assert info.end_date_time.utcoffset() == timedelta(0)
        assert info.end_date_time >= info.created_at
        assert runner.claim(10) == ()

    def test_output_and_outcome_of_one_update_arrive_together(self, store: TaskStore, runner: ContractRunner) -> None:
        """Whoever sees the end sees the output."""
        claim = add_running(store, runner)

        store.commit([update(claim, output_json='{"result":3}', outcome=Outcome(state=TaskState.SUCCEEDED))])

        assert store.get(claim.id).output == {"result": 3}

    def test_a_pending_outcome_makes_the_task_due_again(self, store: TaskStore, runner: ContractRunner) -> None:
        """The next claim is attempt 2; the first one's output comes along."""
        claim = add_running(store, runner)
        store.commit([update(claim, output_json='{"done":[1]}', outcome=Outcome(state=TaskState.PENDING))])
        info = store.get(claim.id)

        again = runner.claim_one()

        assert (info.state, info.attempt, info.finished_at) == (TaskState.PENDING, 1, None)
        assert (again.id, again.attempt, again.output_json) == (claim.id, 2, '{"done":[1]}')

    def test_a_pending_outcome_with_a_delay_waits(self, store: TaskStore, runner: ContractRunner) -> None:
        """The task is due that much later by the store's clock."""
        claim = add_running(store, runner)
        created_at = store.get(claim.id).created_at

        runner.finish(claim, Outcome(state=TaskState.PENDING, delay_seconds=1000))

        run_at = store.get(claim.id).run_at
        assert runner.claim(10) == ()
        assert timedelta(seconds=999) < run_at - created_at < timedelta(seconds=1100)

    def test_a_short_delay_of_a_pending_outcome_passes(self, store: TaskStore, runner: ContractRunner) -> None:
        """After it the task is granted again without anybody's help."""
        claim = add_running(store, runner)
        runner.finish(claim, Outcome(state=TaskState.PENDING, delay_seconds=0.02))

        (again,) = poll(runner.claim, "The claim of a task after its delay")

        assert again.attempt == 2

    def test_a_given_back_attempt_is_not_spent(self, store: TaskStore, runner: ContractRunner) -> None:
        """Its number is used again, with a new token."""
        claim = add_running(store, runner)

        runner.finish(claim, Outcome(state=TaskState.PENDING, spends_attempt=False))

        assert store.get(claim.id).attempt == 0
        again = runner.claim_one()
        assert again.attempt == 1
        assert again.token > claim.token

    def test_a_given_back_task_is_where_it_was_in_the_order(self, store: TaskStore, runner: ContractRunner) -> None:
        """It goes before what was added or due later, as if nobody had claimed it, whether or not it had started."""
        first, second, later = store.add(
            [NewTask(name="task", run_at=LONG_AGO + timedelta(days=days)) for days in (0, 1, 2)]
        )
        claims = runner.claim(2)
        due_at = [store.get(task_id).run_at for task_id in (first, second)]
        store.commit([update(claims[0], started_at=1e9, progress=50.0)])

        for claim in reversed(claims):
            runner.finish(claim, Outcome(state=TaskState.PENDING, spends_attempt=False))

        assert [store.get(task_id).run_at for task_id in (first, second)] == due_at
        assert [claim.id for claim in runner.claim(3)] == [first, second, later]

    def test_a_given_back_task_that_was_due_from_the_beginning_keeps_its_place(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """So do those of one call, which a store may keep together until they are claimed."""
        ids = add_many(store, 4)
        claims = runner.claim(2)
        due_at = [store.get(task_id).run_at for task_id in ids]

        for claim in claims:
            runner.finish(claim, Outcome(state=TaskState.PENDING, spends_attempt=False))

        assert [store.get(task_id).run_at for task_id in ids] == due_at
        assert [claim.id for claim in runner.claim(4)] == ids

    @pytest.mark.parametrize(
        "outcome",
        [
            Outcome(state=TaskState.PENDING, error=FAILURE),
            Outcome(state=TaskState.PENDING, error=FAILURE, spends_attempt=False),
            Outcome(state=TaskState.PENDING, lost=True),
        ],
        ids=["after an error", "asked to come back", "lost"],
    )
    def test_a_task_that_comes_back_goes_behind_those_that_wait(
        self, store: TaskStore, runner: ContractRunner, outcome: Outcome
    ) -> None:
        """One that fails, or asks to come back at once, again and again, does not keep the others from running."""
        first, second = add_many(store, 2)
        added_at = store.get(second).created_at
        poll(lambda: runner.heartbeat() and registered(store, runner.id).heartbeat_at > added_at, "A later moment")

        runner.finish(runner.claim_one(), outcome)

        assert store.get(first).run_at > store.get(second).run_at
        assert [claim.id for claim in runner.claim(2)] == [second, first]

    def test_a_lost_attempt_is_counted(self, store: TaskStore, runner: ContractRunner) -> None:
        """The next claim knows how many attempts died."""
        claim = add_running(store, runner)

        runner.finish(claim, Outcome(state=TaskState.PENDING, lost=True, error=FAILURE))

        assert store.get(claim.id).lost_attempts == 1
        again = runner.claim_one()
        assert (again.attempt, again.lost_attempts) == (2, 1)

    @pytest.mark.parametrize("state", [TaskState.SUCCEEDED, TaskState.FAILED])
    def test_an_outcome_stands_although_the_cancellation_was_requested(
        self, store: TaskStore, runner: ContractRunner, state: TaskState
    ) -> None:
        """What really happened is not denied."""
        claim = add_running(store, runner)
        store.cancel(claim.id)

        runner.finish(claim, Outcome(state=state))

        assert store.get(claim.id).state is state

    def test_a_pending_outcome_becomes_cancelled_if_that_was_requested(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """A cancelled task does not come back for another attempt."""
        claim = add_running(store, runner)
        store.cancel(claim.id)

        runner.finish(claim, Outcome(state=TaskState.PENDING))

        info = store.get(claim.id)
        assert (info.state, info.finished_at is None) == (TaskState.CANCELLED, False)
        assert runner.claim(10) == ()

    def test_a_batch_of_nothing_is_no_error(self, store: TaskStore, runner: ContractRunner) -> None:
        """Without updates there is nothing refused; a request is answered all the same."""
        task_id = add_one(store)

        assert store.commit([]).claimed is None
        committed = store.commit([], runner.request())

        assert committed.refused == ()
        assert committed.claimed is not None
        assert [claim.id for claim in committed.claimed.claims] == [task_id]

    def test_a_commit_can_claim_what_comes_next(self, store: TaskStore, runner: ContractRunner) -> None:
        """The request that comes with a batch is answered after the batch was written."""
        first, second = add_many(store, 2)
        claim = runner.claim_one()

        committed = store.commit([update(claim, outcome=Outcome(state=TaskState.SUCCEEDED))], runner.request(limit=5))

        assert committed.claimed is not None
        assert [claim.id for claim in committed.claimed.claims] == [second]
        assert store.get(first).state is TaskState.SUCCEEDED

    def test_a_task_given_back_can_be_claimed_by_the_same_commit(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """The batch is written first, so what it returns is due for its request."""
        claim = add_running(store, runner)

        committed = store.commit([update(claim, outcome=Outcome(state=TaskState.PENDING))], runner.request())

        assert committed.claimed is not None
        assert [(again.id, again.attempt) for again in committed.claimed.claims] == [(claim.id, 2)]

    def test_a_commit_tells_which_attempts_were_cancelled(self, store: TaskStore, runner: ContractRunner) -> None:
        """A request with the limit 0 asks for that alone."""
        claim = add_running(store, runner)
        add_one(store)
        store.cancel(claim.id)

        committed = store.commit([update(claim, progress=5.0)], runner.request(limit=0))

        assert committed.claimed is not None
        assert (committed.claimed.claims, committed.claimed.cancel_requested) == ((), (claim.fence,))
