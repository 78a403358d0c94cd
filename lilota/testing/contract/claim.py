"""The contract of `claim`: who gets which task, in which order, and nobody gets one twice."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from msgspec.structs import replace

from lilota.contract import TaskStore
from lilota.models import Claim, NewTask, Outcome, TaskState
from lilota.testing.contract.harness import (
    FAILURE,
    GIVEN,
    WAYS_BACK,
    ContractFixtures,
    ContractRunner,
    add_many,
    add_one,
    add_running,
    in_threads,
    poll,
    serves_families,
    update,
)

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class ClaimContract(ContractFixtures):
    """What runners can rely on when they claim."""

    def test_a_claim_makes_the_task_running(self, store: TaskStore, runner: ContractRunner) -> None:
        """The first claim is attempt 1, held by the runner that asked."""
        claim = add_running(store, runner)

        info = store.get(claim.id)

        assert (info.state, info.attempt, info.runner_id) == (TaskState.RUNNING, 1, runner.id)
        assert claim.attempt == 1

    def test_a_claim_carries_what_the_attempt_needs(self, store: TaskStore, runner: ContractRunner) -> None:
        """Name, description, input, queue, priority and limits come along, so that nobody must ask again."""
        given = {"name": "task", **GIVEN}
        add_one(store, **given)

        claim = runner.claim_one()

        assert {field: getattr(claim, field) for field in given} == given
        assert (claim.output_json, claim.lost_attempts) == (None, 0)

    def test_a_claim_says_when_the_task_was_added_and_due(
        self, store: TaskStore, runner: ContractRunner, other_runner: ContractRunner
    ) -> None:
        """To the microsecond of what the store tells everybody else, also for a task that comes back."""
        store.add([NewTask(name="task"), NewTask(name="task", run_at=LONG_AGO)])
        add_many(store, 5)

        said = [self._what_it_says(store, claim) for claim in runner.claim(7)]
        store.release(runner.id)
        said += [self._what_it_says(store, claim) for claim in other_runner.claim(7)]

        assert len(said) == 14
        assert all(claimed == stored for claimed, stored in said)

    @staticmethod
    def _what_it_says(store: TaskStore, claim: Claim) -> tuple[list[datetime], list[datetime]]:
        info = store.get(claim.id)
        instants = [datetime.fromtimestamp(at or 0.0, UTC) for at in (claim.created_at, claim.run_at)]
        return instants, [info.created_at, info.run_at]

    def test_an_empty_store_grants_nothing(self, store: TaskStore, runner: ContractRunner) -> None:
        """Nothing to do is no error."""
        claimed = store.claim(runner.request(limit=10))

        assert (claimed.claims, claimed.cancel_requested) == ((), ())

    def test_a_claim_never_exceeds_its_limit(self, store: TaskStore, runner: ContractRunner) -> None:
        """The rest waits for the next claim."""
        ids = add_many(store, 5)

        sizes = [len(runner.claim(limit)) for limit in (2, 0, 2, 2, 2)]

        assert sizes == [2, 0, 2, 1, 0]
        assert all(store.get(task_id).attempt == 1 for task_id in ids)

    def test_higher_priority_then_earlier_run_at_then_lower_id_goes_first(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """One claim grants its tasks in the order in which they should start."""
        tasks = [
            NewTask(name=("a", "b")[n % 2], queue=("x", "y")[n % 3 % 2], priority=priority, run_at=run_at)
            for n, (priority, run_at) in enumerate(
                (priority, LONG_AGO + timedelta(days=days)) for priority in (0, 5, -3) for days in (2, 0, 1, 0)
            )
        ]
        ids = store.add(tasks)
        order = sorted(zip(tasks, ids, strict=True), key=lambda pair: (-pair[0].priority, pair[0].run_at, pair[1]))

        claims = runner.claim(limit=len(tasks), names=("a", "b"))

        assert [claim.id for claim in claims] == [task_id for _, task_id in order]

    def test_claims_of_one_keep_the_order(self, store: TaskStore, runner: ContractRunner) -> None:
        """The order holds from claim to claim, also for what was added in between."""
        low, high = store.add([NewTask(name="task", priority=1), NewTask(name="task", priority=2)])
        first = runner.claim_one().id
        highest = add_one(store, priority=3)

        assert [first, runner.claim_one().id, runner.claim_one().id] == [high, highest, low]

    def test_a_small_claim_takes_the_first_of_all_names_and_queues(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """No name and no queue is served before another that has more urgent tasks."""
        store.add([NewTask(name=name, queue=queue) for name in ("a", "b") for queue in ("x", "y") for _ in range(3)])
        urgent = store.add([NewTask(name="b", queue="y", priority=1), NewTask(name="a", queue="x", priority=2)])

        claims = runner.claim(limit=2, names=("a", "b"), queues=("x", "y"))

        assert [claim.id for claim in claims] == urgent[::-1]

    def test_tasks_of_other_names_are_left_alone(self, store: TaskStore, runner: ContractRunner) -> None:
        """A runner gets only what it can run, however urgent the rest is."""
        foreign = add_one(store, name="foreign", priority=100)
        mine = add_one(store)

        claims = runner.claim(limit=10)

        assert [claim.id for claim in claims] == [mine]
        assert (store.get(foreign).state, store.get(foreign).attempt) == (TaskState.PENDING, 0)

    def test_a_family_serves_all_names_that_begin_like_it(self, store: TaskStore, runner: ContractRunner) -> None:
        """Besides whole names, and in the order of priority; "a:" serves neither "a" nor "b:a:"."""
        if not serves_families(store):
            pytest.skip("The store does not support families.")
        names = ("a", "a:", "a:x", "aa:x", "b:a:", "task", "a:y:z", "ä:\U0001f600", "ä", "A:x")
        ids = dict(zip(names, store.add([NewTask(name=name) for name in names]), strict=True))
        urgent = add_one(store, name="a:x", priority=1, queue="elsewhere")

        request = replace(runner.request(limit=20), families=("a:", "ä:"))
        here = store.claim(replace(request, queues=("default",), limit=2)).claims
        rest = store.claim(request).claims

        expected = [ids[name] for name in ("a:", "a:x", "task", "a:y:z", "ä:\U0001f600")]
        assert [claim.id for claim in (*here, *rest)] == [*expected[:2], urgent, *expected[2:]]
        assert {store.get(ids[name]).state for name in ("a", "aa:x", "b:a:", "ä", "A:x")} == {TaskState.PENDING}

    def test_a_family_without_names_is_enough(self, store: TaskStore, runner: ContractRunner) -> None:
        """A sign that stands for others in the patterns of a database stands for itself here."""
        if not serves_families(store):
            pytest.skip("The store does not support families.")
        ids = store.add([NewTask(name=name) for name in ("a_c:x", "abc:x", "%:x", "a*:x", "%_:x")])

        request = replace(runner.request(limit=20), names=(), families=("a_c:", "%:", "a*:"))

        assert [claim.id for claim in store.claim(request).claims] == [ids[0], ids[2], ids[3]]

    def test_tasks_of_other_queues_are_left_alone(self, store: TaskStore, runner: ContractRunner) -> None:
        """A runner gets only what is in the queues that it serves."""
        add_one(store, queue="other", priority=100)
        mine = add_one(store, queue="mine")

        claims = runner.claim(limit=10, queues=("mine", "unheard of"))

        assert [claim.id for claim in claims] == [mine]

    def test_without_queues_a_runner_serves_all(self, store: TaskStore, runner: ContractRunner) -> None:
        """None means every queue, also one that nobody has heard of before."""
        ids = store.add([NewTask(name="task", queue=queue) for queue in ("default", "a", "b")])

        assert [claim.id for claim in runner.claim(limit=10, queues=None)] == ids

    def test_no_names_or_no_queues_grant_nothing(self, store: TaskStore, runner: ContractRunner) -> None:
        """An empty choice is not the same as None."""
        add_one(store)

        assert runner.claim(names=()) == ()
        assert runner.claim(queues=()) == ()

    @pytest.mark.parametrize("fields", [{"delay_seconds": 3600}, {"run_at": datetime(9999, 1, 1, tzinfo=UTC)}])
    def test_a_task_that_is_not_due_is_left_alone(
        self, store: TaskStore, runner: ContractRunner, fields: dict[str, object]
    ) -> None:
        """Neither a delay nor an instant in the future is ignored, however high the priority."""
        add_one(store, priority=100, **fields)
        due = add_one(store)

        assert [claim.id for claim in runner.claim(limit=10)] == [due]

    def test_a_task_becomes_due_when_its_time_has_come(self, store: TaskStore, runner: ContractRunner) -> None:
        """Nobody has to touch a delayed task to have it claimed."""
        task_id = add_one(store, delay_seconds=0.03)

        (claim,) = poll(runner.claim, "The claim of a task that became due")

        assert claim.id == task_id
        assert store.get(task_id).run_at <= datetime.now(UTC) + timedelta(hours=1)

    def test_a_task_that_became_due_takes_its_place_in_the_order(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """Once due, a delayed task of high priority goes before what waited longer."""
        delayed = add_one(store, delay_seconds=0.02, priority=1, name="delayed")
        waiting = add_one(store)
        # A sign of its own tells that the time has come: this one is due a little later.
        add_one(store, delay_seconds=0.03, name="sign")
        poll(lambda: runner.claim(names=("sign",)), "The claim of the sign")

        claims = runner.claim(limit=2, names=("task", "delayed"))

        assert [claim.id for claim in claims] == [delayed, waiting]

    def test_tokens_strictly_rise_with_every_claim_of_a_task(self, store: TaskStore, runner: ContractRunner) -> None:
        """Whatever ended an attempt, the next one has a higher token."""
        claim = add_running(store, runner)
        tokens = [claim.token]

        for end in WAYS_BACK.values():
            end(store, runner, claim)
            runner.heartbeat()
            claim = runner.claim_one()
            tokens.append(claim.token)

        assert tokens == sorted(set(tokens))

    def test_a_claim_clears_the_error_of_the_attempt_before(self, store: TaskStore, runner: ContractRunner) -> None:
        """`error` is about the newest attempt."""
        claim = add_running(store, runner)
        runner.finish(claim, Outcome(state=TaskState.PENDING, error=FAILURE))
        error_while_pending = store.get(claim.id).error

        runner.claim_one()

        assert error_while_pending == FAILURE
        assert store.get(claim.id).error is None

    def test_a_claim_begins_without_the_progress_of_the_attempt_before(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """Nobody takes a new attempt for half done because another one was."""
        claim = add_running(store, runner)
        store.commit([update(claim, progress=50.0, outcome=Outcome(state=TaskState.PENDING))])

        runner.claim_one()

        assert store.get(claim.id).reported_progress == 0

    def test_a_runner_without_heartbeat_gets_nothing(self, store: TaskStore, runner: ContractRunner) -> None:
        """A runner must have introduced itself, or nobody could ever rescue its claims."""
        task_id = add_one(store)
        store.release(runner.id)

        assert runner.claim() == ()
        assert store.get(task_id).state is TaskState.PENDING

    def test_a_runner_whose_lease_expired_gets_nothing(self, store: TaskStore, runner: ContractRunner) -> None:
        """Claims of an expired runner would be rescued at once; neither does it learn of cancellations."""
        store.cancel(add_running(store, runner).id)
        add_one(store)
        runner.expire()

        claimed = store.claim(runner.request(limit=10))

        assert (claimed.claims, claimed.cancel_requested) == ((), ())

    def test_threads_that_claim_at_the_same_time_never_get_the_same_attempt(self, store: TaskStore) -> None:
        """Each of 200 tasks is granted to exactly one of four runners."""
        ids = add_many(store, 200)
        runners = [ContractRunner(store) for _ in range(4)]
        granted: list[Claim] = []
        start = threading.Barrier(len(runners))

        def claim_all(runner: ContractRunner) -> None:
            start.wait()
            while claims := runner.claim(limit=3):
                granted.extend(claims)

        in_threads(*[partial(claim_all, runner) for runner in runners])
        for runner in runners:
            store.release(runner.id)

        assert sorted(claim.id for claim in granted) == ids
