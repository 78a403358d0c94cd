"""The contract of `heartbeat`, `rescue` and `release`: how long a runner owns what it claimed."""

from __future__ import annotations

from lilota.contract import TaskStore
from lilota.contract.rules import rescue_line
from lilota.models import LogLine, Outcome, TaskState
from lilota.testing.contract.harness import (
    ContractFixtures,
    ContractRunner,
    add_many,
    add_running,
    poll,
    update,
)


class LeaseContract(ContractFixtures):
    """What happens to the claims of runners that live, die and stop."""

    def test_heartbeat_renews_a_lease(self, store: TaskStore, runner: ContractRunner) -> None:
        """A runner that beats in time keeps everything."""
        claim = add_running(store, runner)

        assert runner.heartbeat()
        assert store.rescue() == []
        assert store.get(claim.id).state is TaskState.RUNNING

    def test_heartbeat_after_a_rescue_says_so_and_registers_again(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """The runner learns that it was rescued, once, and can claim again."""
        runner.expire()
        store.rescue()

        answers = [runner.heartbeat(), runner.heartbeat()]

        assert answers == [False, True]
        assert add_running(store, runner).attempt == 1

    def test_a_late_heartbeat_saves_what_nobody_took(self, store: TaskStore, runner: ContractRunner) -> None:
        """Claims are lost to a rescue, not to the time alone: the clock may have been set. The runner hears so."""
        claim = add_running(store, runner)
        runner.expire()

        assert runner.heartbeat()
        assert store.rescue() == []
        assert runner.finish(claim).refused == ()

    def test_a_shorter_lease_takes_effect_at_once(self, store: TaskStore, runner: ContractRunner) -> None:
        """The newest heartbeat decides how long the claims hold, also about claims from before."""
        claim = add_running(store, runner)

        runner.heartbeat(lease_seconds=0.02)

        assert poll(store.rescue, "The rescue of a task after a short lease") == [claim.id]

    def test_rescue_takes_back_what_an_expired_runner_holds(self, store: TaskStore, runner: ContractRunner) -> None:
        """The tasks are pending and due at once, and count a lost attempt."""
        ids = add_many(store, 3)
        runner.claim(2)
        runner.expire()

        rescued = store.rescue()

        assert sorted(rescued) == ids[:2]
        assert [store.get(task_id).lost_attempts for task_id in ids] == [1, 1, 0]
        assert {store.get(task_id).state for task_id in ids} == {TaskState.PENDING}

    def test_a_rescued_task_is_granted_again_as_the_next_attempt(
        self, store: TaskStore, runner: ContractRunner, other_runner: ContractRunner
    ) -> None:
        """The lost attempt stays spent; output and log of it are kept."""
        claim = add_running(store, runner)
        line = LogLine(at=1.0, text="before the end")
        store.commit([update(claim, output_json='{"n":1}', log_lines=(line,))])
        runner.expire()
        store.rescue()

        again = other_runner.claim_one()

        assert (again.id, again.attempt, again.lost_attempts) == (claim.id, 2, 1)
        assert again.token > claim.token
        assert (again.output_json, store.logs(claim.id)[0]) == ('{"n":1}', line)
        assert store.get(claim.id).runner_id == other_runner.id

    def test_rescue_leaves_runners_with_a_lease_alone(
        self, store: TaskStore, runner: ContractRunner, other_runner: ContractRunner
    ) -> None:
        """Only the expired one loses its claims."""
        expired, alive = add_running(store, runner), add_running(store, other_runner)
        runner.expire()

        assert store.rescue() == [expired.id]
        assert store.get(alive.id).state is TaskState.RUNNING
        assert other_runner.finish(alive).refused == ()

    def test_rescue_of_some_leaves_the_others_alone(
        self, store: TaskStore, runner: ContractRunner, other_runner: ContractRunner
    ) -> None:
        """A runner that rescues names those that it takes for dead, so never itself, whatever the clock says."""
        mine, others = add_running(store, runner), add_running(store, other_runner)
        runner.expire()
        other_runner.expire()

        nothing = store.rescue([])
        rescued = store.rescue([other_runner.id, "never heard of"])

        assert (nothing, rescued) == ([], [others.id])
        assert store.get(mine.id).state is TaskState.RUNNING
        assert runner.heartbeat()
        assert runner.finish(mine).refused == ()
        assert not other_runner.heartbeat()

    def test_rescue_of_a_runner_with_a_lease_takes_nothing(self, store: TaskStore, runner: ContractRunner) -> None:
        """It may have come back to life since it was taken for dead."""
        claim = add_running(store, runner)

        assert store.rescue([runner.id]) == []
        assert store.get(claim.id).state is TaskState.RUNNING

    def test_rescue_again_finds_nothing(self, store: TaskStore, runner: ContractRunner) -> None:
        """A claim is lost once, and counted once."""
        claim = add_running(store, runner)
        runner.expire()
        store.rescue()

        assert store.rescue() == []
        assert store.get(claim.id).lost_attempts == 1

    def test_rescue_leaves_ended_tasks_alone(self, store: TaskStore, runner: ContractRunner) -> None:
        """An outcome that was committed before the rescue stands."""
        claim = add_running(store, runner)
        runner.finish(claim)
        before = store.get(claim.id)
        runner.expire()

        assert store.rescue() == []
        assert store.get(claim.id) == before

    def test_a_rescued_runner_must_introduce_itself_again(self, store: TaskStore, runner: ContractRunner) -> None:
        """The store has forgotten it; after a heartbeat it claims as before."""
        claim = add_running(store, runner)
        runner.expire()
        store.rescue()

        refused = runner.claim()
        runner.heartbeat()

        assert refused == ()
        assert runner.claim_one().id == claim.id

    def test_a_task_that_was_lost_too_often_fails(self, store: TaskStore, runner: ContractRunner) -> None:
        """After `max_lost_attempts` the task has failed with the cause, and is not granted again."""
        claim = add_running(store, runner, max_lost_attempts=2)
        states = []
        for _ in range(2):
            runner.expire()
            assert store.rescue() == [claim.id]
            states.append(store.get(claim.id).state)
            runner.heartbeat()
            claims = runner.claim(10)

        info = store.get(claim.id)
        assert states == [TaskState.PENDING, TaskState.FAILED]
        assert claims == ()
        assert info.error is not None
        assert info.error.type == "RunnerDied"
        assert info.error.message
        assert (info.lost_attempts, info.attempt, info.finished_at is None) == (2, 2, False)

    def test_lost_attempts_that_a_runner_reported_count_for_the_rescue(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """Workers and runners that die share one limit."""
        claim = add_running(store, runner, max_lost_attempts=2)
        runner.finish(claim, Outcome(state=TaskState.PENDING, lost=True))
        runner.claim_one()
        runner.expire()

        store.rescue()

        assert store.get(claim.id).state is TaskState.FAILED

    def test_an_attempt_may_lower_the_limit_of_lost_attempts(self, store: TaskStore, runner: ContractRunner) -> None:
        """A task class that runs at most once says so when it starts."""
        claim = add_running(store, runner)
        store.commit([update(claim, max_lost_attempts=1)])
        runner.expire()

        store.rescue()

        assert store.get(claim.id).state is TaskState.FAILED

    def test_rescue_cancels_a_task_whose_cancellation_was_requested(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """It does not come back only because its runner died."""
        claim = add_running(store, runner)
        store.cancel(claim.id)
        runner.expire()

        assert store.rescue() == [claim.id]
        info = store.get(claim.id)
        assert (info.state, info.finished_at is None) == (TaskState.CANCELLED, False)

    def test_rescue_writes_into_the_log_which_attempt_was_lost_and_where(
        self, store: TaskStore, runner: ContractRunner, other_runner: ContractRunner
    ) -> None:
        """Behind what the attempt had said, and once; the log of the next attempt goes on behind it."""
        claim = add_running(store, runner)
        store.commit([update(claim, log_lines=(LogLine(at=1.0, text="before the end"),))])
        runner.expire()
        store.rescue()

        again = other_runner.claim_one()
        store.commit([update(again, log_lines=(LogLine(at=2.0, text="and on", attempt=2),), log_offset=2)])
        before, line, after = store.logs(claim.id)

        assert (before.text, after.text, again.log_count) == ("before the end", "and on", 2)
        assert line == rescue_line(1, runner.id, "contract", 1, line.at)
        assert line.at > 1e9

    def test_release_gives_back_what_the_runner_holds_without_spending_the_attempt(
        self, store: TaskStore, runner: ContractRunner, other_runner: ContractRunner
    ) -> None:
        """The tasks are due at once, as the same attempt, for anybody."""
        first, second = add_many(store, 2)
        runner.claim(2)

        number = store.release(runner.id)

        assert number == 2
        assert [store.get(task_id).attempt for task_id in (first, second)] == [0, 0]
        assert [store.get(task_id).lost_attempts for task_id in (first, second)] == [0, 0]
        assert [(claim.id, claim.attempt) for claim in other_runner.claim(5)] == [(first, 1), (second, 1)]

    def test_release_leaves_what_it_gives_back_where_it_was_in_the_order(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """A redeploy, each day, must not put off the tasks that take long: they go before what was added meanwhile."""
        ids = add_many(store, 3)
        due_at = [store.get(task_id).run_at for task_id in ids]
        claims = runner.claim(2)
        store.commit([update(claims[0], started_at=1e9, progress=50.0)])

        store.release(runner.id)

        assert [store.get(task_id).run_at for task_id in ids] == due_at
        runner.heartbeat()
        assert [claim.id for claim in runner.claim(3)] == ids

    def test_release_cancels_what_was_to_be_cancelled(self, store: TaskStore, runner: ContractRunner) -> None:
        """It is counted among the tasks that the runner held."""
        claim = add_running(store, runner)
        store.cancel(claim.id)

        assert store.release(runner.id) == 1
        info = store.get(claim.id)
        assert (info.state, info.finished_at is None) == (TaskState.CANCELLED, False)

    def test_release_leaves_others_and_ended_tasks_alone(
        self, store: TaskStore, runner: ContractRunner, other_runner: ContractRunner
    ) -> None:
        """Only what this runner still holds is given back."""
        ended = add_running(store, runner)
        runner.finish(ended)
        running = add_running(store, other_runner)

        assert store.release(runner.id) == 0
        assert [store.get(claim.id).state for claim in (ended, running)] == [TaskState.SUCCEEDED, TaskState.RUNNING]

    def test_release_of_an_unknown_runner_is_no_error(self, store: TaskStore, runner: ContractRunner) -> None:
        """A runner that stops twice gives back nothing the second time."""
        store.release(runner.id)

        assert store.release(runner.id) == 0
        assert store.release("never heard of") == 0

    def test_release_of_an_expired_runner_still_gives_back(self, store: TaskStore, runner: ContractRunner) -> None:
        """Until somebody rescued its claims, it may stop in good order."""
        claim = add_running(store, runner)
        runner.expire()

        assert store.release(runner.id) == 1
        assert store.rescue() == []
        assert store.get(claim.id).lost_attempts == 0
