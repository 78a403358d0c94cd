"""What became of a commit of which the reply got lost, when the store does not answer this question at once either."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lilota.contract import ClaimRequest, Committed
from lilota.errors import StoreUnavailableError, TaskNotFoundError
from lilota.models import AttemptUpdate, Outcome, TaskState
from lilota.running.lost_replies import LostReplies

SUCCEEDED = Outcome(state=TaskState.SUCCEEDED)


class Asked:
    """A store that answers `get` and `find` as the test says."""

    def __init__(self, answer):
        self.answer = answer

    def get(self, _task_id):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def find(self, query):
        return [self.get(0)] if self.answer is not None and query.after_id is None else []


class Holdings(set):
    """What the engine holds; remembers what was given back."""

    def __init__(self):
        super().__init__()
        self.given_back = []

    def give_back(self, fence):
        self.given_back.append(fence)


def engine():
    serves = ClaimRequest(runner_id="me", names=("task",))
    return SimpleNamespace(holdings=Holdings(), serves=serves)


def info(token=7, state=TaskState.SUCCEEDED, runner_id="me"):
    return SimpleNamespace(id=1, fence=(1, token), state=state, runner_id=runner_id)


@pytest.mark.parametrize(
    ("answer", "outcome", "is_ours"),
    [
        (info(), SUCCEEDED, True),
        (info(state=TaskState.FAILED), SUCCEEDED, False),
        (info(token=8), SUCCEEDED, False),
        (info(), None, False),
        (TaskNotFoundError(1), SUCCEEDED, False),
        (StoreUnavailableError("down"), SUCCEEDED, False),
    ],
    ids=["written", "another-end", "another-attempt", "no-end", "pruned", "store-away"],
)
def test_a_refusal_counts_unless_the_store_has_just_this_outcome(answer, outcome, is_ours):
    """Where that can't be found out, it counts: an outcome that is refused is told to nobody."""
    lost = LostReplies(engine(), Asked(answer))
    lost.note_failure(None)
    update = AttemptUpdate(id=1, token=7, outcome=outcome)

    committed = lost.without_own_writes([update], Committed(refused=((1, 7),)))

    assert committed.refused == (() if is_ours else ((1, 7),))


def test_without_a_failure_a_refusal_is_not_doubted():
    """The store is not asked."""
    lost = LostReplies(engine(), Asked(AssertionError("asked")))

    committed = lost.without_own_writes([AttemptUpdate(id=1, token=7, outcome=SUCCEEDED)], Committed(refused=((1, 7),)))

    assert committed.refused == ((1, 7),)


def test_lost_claims_are_asked_for_until_the_store_answers(caplog):
    """What was granted to others, or is held, is no lost claim."""
    runner = engine()
    store = Asked(StoreUnavailableError("down"))
    lost = LostReplies(runner, store)
    lost.note_failure(ClaimRequest(runner_id="me", names=("task",), limit=1))

    lost.give_back_orphans()
    store.answer = info(runner_id="other")
    before = list(runner.holdings.given_back)
    lost.give_back_orphans()
    others = list(runner.holdings.given_back)
    lost.note_failure(ClaimRequest(runner_id="me", names=("task",), limit=1))
    store.answer = info(token=9)
    lost.give_back_orphans()
    store.answer = AssertionError("asked again")
    lost.give_back_orphans()

    assert (before, others, runner.holdings.given_back) == ([], [], [(1, 9)])
    assert "The store could not be asked for lost claims; asking again later: down" in caplog.text


def test_a_failure_of_a_commit_that_asked_for_nothing_has_granted_nothing():
    """The store is not asked."""
    lost = LostReplies(engine(), Asked(AssertionError("asked")))
    lost.note_failure(ClaimRequest(runner_id="me", names=("task",), limit=0))

    lost.give_back_orphans()
