"""The contract of checkpoints and of what stands beside the progress: the next attempt goes on where this one was."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from lilota.contract import StoredTask, TaskStore
from lilota.models import Claim, NewTask, Outcome, TaskState
from lilota.testing.contract.harness import (
    FAILURE,
    WAYS_BACK,
    ContractFixtures,
    ContractRunner,
    WayBack,
    add_one,
    add_running,
    check_support,
    prune_all,
    update,
)

STATE = '{"row": 17, "of":[1,2.50,null,"é\u2028 \\u0000"]}'


class CheckpointsContract(ContractFixtures):
    """What a long task can rely on that is run again."""

    @pytest.fixture
    def saving(self, store: TaskStore) -> TaskStore:
        """The store, if it keeps checkpoints."""
        check_support(store, "checkpoints")
        return store

    @pytest.mark.parametrize("way_back", WAYS_BACK.values(), ids=WAYS_BACK.keys())
    def test_a_checkpoint_comes_along_with_the_next_attempt(
        self, saving: TaskStore, runner: ContractRunner, other_runner: ContractRunner, way_back: WayBack
    ) -> None:
        """To the letter, however the task came back; the first attempt has none."""
        claim = add_running(saving, runner)
        saving.commit([update(claim, checkpoint_json='{"row":1}'), update(claim, checkpoint_json=STATE)])

        way_back(saving, runner, claim)

        assert claim.checkpoint_json is None
        assert saving.get(claim.id).checkpoint_json == STATE
        assert other_runner.claim_one().checkpoint_json == STATE

    def test_a_checkpoint_stays_until_another_one_comes(self, saving: TaskStore, runner: ContractRunner) -> None:
        """Updates that say nothing of it leave it alone."""
        claim = add_running(saving, runner)
        saving.commit([update(claim, checkpoint_json=STATE)])
        saving.commit([update(claim, progress=50.0, output_json="{}")])
        before = saving.get(claim.id).checkpoint_json
        saving.commit([update(claim, checkpoint_json="7")])

        assert (before, saving.get(claim.id).checkpoint_json) == (STATE, "7")

    def test_a_success_clears_the_checkpoint(self, saving: TaskStore, runner: ContractRunner) -> None:
        """Also the one that comes with it."""
        claims = [add_running(saving, runner) for _ in range(2)]
        saving.commit([update(claims[0], checkpoint_json=STATE)])
        runner.finish(claims[0])
        succeeded = Outcome(state=TaskState.SUCCEEDED)
        saving.commit([update(claims[1], checkpoint_json=STATE, outcome=succeeded)])

        assert [saving.get(claim.id).checkpoint_json for claim in claims] == [None, None]

    @pytest.mark.parametrize("state", [TaskState.FAILED, TaskState.CANCELLED])
    def test_a_checkpoint_outlives_every_other_end(
        self, saving: TaskStore, runner: ContractRunner, state: TaskState
    ) -> None:
        """So that a retry by hand can go on from it."""
        claim = add_running(saving, runner)
        saving.commit([update(claim, checkpoint_json=STATE, outcome=Outcome(state=state, error=FAILURE))])

        assert saving.get(claim.id).checkpoint_json == STATE

    def test_a_late_checkpoint_is_refused(
        self, saving: TaskStore, runner: ContractRunner, other_runner: ContractRunner
    ) -> None:
        """It would set back the attempt that runs now."""
        claim = add_running(saving, runner)
        WAYS_BACK["rescue"](saving, runner, claim)
        other_runner.claim_one()

        committed = saving.commit([update(claim, checkpoint_json=STATE, progress_note_json='{"message":"late"}')])

        assert committed.refused == (claim.fence,)
        assert (saving.get(claim.id).checkpoint_json, saving.get(claim.id).progress_note_json) == (None, None)

    @pytest.mark.parametrize("way_back", WAYS_BACK.values(), ids=WAYS_BACK.keys())
    def test_a_claim_begins_without_the_progress_note_of_the_attempt_before(
        self, saving: TaskStore, runner: ContractRunner, other_runner: ContractRunner, way_back: WayBack
    ) -> None:
        """As it begins without its progress."""
        claim = add_running(saving, runner)
        saving.commit([update(claim, progress=40.0, progress_note_json='{"message":"Wörk\u2028ing"}')])
        told = saving.get(claim.id).progress_note_json
        way_back(saving, runner, claim)

        other_runner.claim_one()

        assert told == '{"message":"Wörk\u2028ing"}'
        assert saving.get(claim.id).progress_note_json is None

    def test_the_last_progress_note_stays_when_the_task_has_ended(
        self, saving: TaskStore, runner: ContractRunner
    ) -> None:
        """As the progress does that was reported last."""
        claim = add_running(saving, runner)
        saving.commit([update(claim, progress_note_json='{"done":7,"of":9}')])
        runner.finish(claim, Outcome(state=TaskState.FAILED, error=FAILURE))

        assert saving.get(claim.id).progress_note_json == '{"done":7,"of":9}'

    def test_a_long_checkpoint_is_kept(self, saving: TaskStore, runner: ContractRunner) -> None:
        """As long as an output may be."""
        claim = add_running(saving, runner)
        text = '"' + "é" * 1_000_000 + '"'

        saving.commit([update(claim, checkpoint_json=text)])
        WAYS_BACK["giving back"](saving, runner, claim)

        assert runner.claim_one().checkpoint_json == text

    def test_checkpoint_and_progress_note_are_restored(self, saving: TaskStore, runner: ContractRunner) -> None:
        """They move with the task into another store, which goes on from there."""
        claim = add_running(saving, runner)
        failed = Outcome(state=TaskState.FAILED, error=FAILURE)
        saving.commit([update(claim, checkpoint_json=STATE, progress_note_json='{"done":1}', outcome=failed)])
        taken = [StoredTask(info=saving.get(claim.id))]
        prune_all(saving)

        saving.restore(taken)
        saving.retry(claim.id)

        assert saving.get(claim.id).progress_note_json in {
            None,
            '{"done":1}',
        }  # it is void as soon as the next one begins
        assert runner.claim_one().checkpoint_json == STATE

    def test_tasks_without_a_checkpoint_have_none(self, saving: TaskStore, runner: ContractRunner) -> None:
        """Among others that have one."""
        first = add_running(saving, runner)
        saving.commit([update(first, checkpoint_json=STATE)])
        WAYS_BACK["giving back"](saving, runner, first)
        second = add_one(saving)

        claims = {claim.id: claim.checkpoint_json for claim in runner.claim(2)}

        assert claims == {first.id: STATE, second: None}


#: Headers of a task whose input is to be forgotten, among others, and so many that a store may keep them elsewhere.
FORGETS = f'{{"lilota.keep_input":false,"x":"{"long " * 1000}"}}'
#: What only looks like that: within a text, and as another value.
KEEPS = '{"x":"\\"lilota.keep_input\\":false","lilota.keep_input":true}'
INPUT = '{"key":"secret"}'


def _rescue(store: TaskStore, runner: ContractRunner, _claim: Claim) -> None:
    runner.expire()
    store.rescue()


def _release(store: TaskStore, runner: ContractRunner, _claim: Claim) -> None:
    store.release(runner.id)


def _come_again(_store: TaskStore, runner: ContractRunner, claim: Claim) -> None:
    runner.finish(claim, Outcome(state=TaskState.PENDING))


#: Ways in which an attempt ends, and its task does not, unless somebody has cancelled it.
NO_ENDS: Mapping[str, WayBack] = {"rescue": _rescue, "release": _release, "commit": _come_again}


class ForgettingContract(ContractFixtures):
    """What holds of tasks whose input is to be forgotten at their end."""

    @pytest.fixture
    def forgetting(self, store: TaskStore) -> TaskStore:
        """The store, if it forgets."""
        check_support(store, "forgetting")
        return store

    @pytest.mark.parametrize("state", [TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED])
    @pytest.mark.parametrize("length", [1, 50_000])
    def test_an_end_forgets_the_input_if_the_headers_say_so(
        self, forgetting: TaskStore, runner: ContractRunner, state: TaskState, length: int
    ) -> None:
        """Of this task alone; all else stays. So it is with an input that a store keeps elsewhere."""
        given = f'{{"key":"{"s" * length}"}}'
        plain = NewTask(name="task", input_json=given, description="d")
        ids = forgetting.add([plain, replace(plain, headers_json=FORGETS), replace(plain, headers_json=KEEPS)])
        for claim in runner.claim(3):
            runner.finish(claim, Outcome(state=state))

        assert [forgetting.get(task_id).input_json for task_id in ids] == [given, "{}", given]
        assert (forgetting.get(ids[1]).description, forgetting.get(ids[1]).headers_json) == ("d", FORGETS)

    def test_a_success_that_brings_more_than_an_output_forgets_the_input(
        self, forgetting: TaskStore, runner: ContractRunner
    ) -> None:
        """A store may write such ones in another way."""
        claim = add_running(forgetting, runner, input_json=INPUT, headers_json=FORGETS)
        forgetting.commit([update(claim, progress=50.0, outcome=Outcome(state=TaskState.SUCCEEDED))])

        assert forgetting.get(claim.id).input_json == "{}"

    @pytest.mark.parametrize("way", NO_ENDS)
    def test_another_attempt_has_the_input(self, forgetting: TaskStore, runner: ContractRunner, way: str) -> None:
        """What is not the end of the task forgets nothing."""
        claim = add_running(forgetting, runner, input_json=INPUT, headers_json=FORGETS)
        NO_ENDS[way](forgetting, runner, claim)
        runner.heartbeat()

        assert runner.claim_one().input_json == INPUT

    @pytest.mark.parametrize("way", NO_ENDS)
    def test_what_becomes_cancelled_instead_of_pending_forgets(
        self, forgetting: TaskStore, runner: ContractRunner, way: str
    ) -> None:
        """That was its end, whoever has brought it."""
        claim = add_running(forgetting, runner, input_json=INPUT, headers_json=FORGETS)
        forgetting.cancel(claim.id)
        NO_ENDS[way](forgetting, runner, claim)

        assert (forgetting.get(claim.id).state, forgetting.get(claim.id).input_json) == (TaskState.CANCELLED, "{}")

    def test_a_task_that_is_cancelled_while_it_waits_forgets(self, forgetting: TaskStore) -> None:
        """Due or not, and of several alike only that one."""
        alike = NewTask(name="task", input_json=INPUT, headers_json=FORGETS)
        later, kept = replace(alike, delay_seconds=60.0), replace(alike, headers_json=KEEPS)
        ids = forgetting.add([alike, alike, alike, later, kept])
        for task_id in (ids[1], *ids[3:]):
            forgetting.cancel(task_id)

        assert [forgetting.get(task_id).input_json for task_id in ids] == [INPUT, "{}", INPUT, "{}", INPUT]

    def test_a_task_that_was_lost_for_the_last_time_forgets(
        self, forgetting: TaskStore, runner: ContractRunner
    ) -> None:
        """Nobody is left to say so but the one who rescues."""
        first = add_running(forgetting, runner, input_json=INPUT, headers_json=FORGETS, max_lost_attempts=1)
        other = add_running(forgetting, runner, input_json=INPUT, headers_json=KEEPS, max_lost_attempts=1)
        runner.expire()
        forgetting.rescue()

        assert [forgetting.get(claim.id).state for claim in (first, other)] == [TaskState.FAILED] * 2
        assert [forgetting.get(claim.id).input_json for claim in (first, other)] == ["{}", INPUT]
