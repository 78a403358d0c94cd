"""What an attempt leaves, the next one goes on from: a state, and the results of steps."""

from __future__ import annotations

import asyncio

import pytest

from lilota.errors import InvalidOutputError
from lilota.models import Claim
from lilota.tasks.checkpoints import STEPS_LIMIT, KeepsCheckpoints


class Attempt(KeepsCheckpoints):
    """An attempt that keeps what it saves, and counts how often it waited for the store."""

    def __init__(self, before: str | None = None, attempt: int = 1, lost: int = 0):
        self.claim = Claim(id=7, token=1, attempt=attempt, name="copy", lost_attempts=lost, checkpoint_json=before)
        self.saved = before
        self.waits = 0

    def save_checkpoint(self, checkpoint_json):
        self.saved = checkpoint_json

    def wait_until_stored(self):
        self.waits += 1


def after(before, **claim):
    """Return the attempt that comes next."""
    return Attempt(before.saved, **claim)


@pytest.mark.parametrize("state", [0, "é\u2028", None, [1, {"row": 2.5}], {"a": True}])
def test_the_next_attempt_has_the_state_that_was_saved_last(state):
    """Any JSON value."""
    first = Attempt()
    first.checkpoint("earlier", durable=False)
    first.checkpoint(state, durable=False)

    assert first.last_checkpoint() == state
    assert after(first).last_checkpoint() == state


def test_a_durable_checkpoint_waits_for_the_store():
    """Others do not."""
    attempt = Attempt()
    attempt.checkpoint(1, durable=False)
    waits = attempt.waits
    attempt.checkpoint(2, durable=True)

    assert (waits, attempt.waits) == (0, 1)


def test_without_a_checkpoint_there_is_none():
    assert Attempt().last_checkpoint() is None
    assert Attempt().resumed() is None


@pytest.mark.parametrize(
    ("claim", "resumed"),
    [
        ({"attempt": 2}, "retry"),
        ({"attempt": 2, "lost": 1}, "lost"),
        ({"attempt": 1}, "redeploy"),
    ],
)
def test_an_attempt_knows_why_there_was_one_before(claim, resumed):
    """An attempt that was given back keeps its number."""
    first = Attempt()
    first.checkpoint(1, durable=False)

    assert after(first, **claim).resumed() == resumed


def test_an_attempt_that_ended_by_itself_is_retried_and_not_given_back():
    """Also where the number is the same: after `Retry`, and when somebody retries a task by hand."""
    first = Attempt()
    first.checkpoint(1, durable=False)
    first.leave_for_retry()

    assert after(first, attempt=1).resumed() == "retry"


def test_an_attempt_that_never_looked_at_its_checkpoint_leaves_it_alone():
    attempt = Attempt('{"state":5,"attempt":1,"lost":0}')
    attempt.leave_for_retry()

    assert attempt.saved == '{"state":5,"attempt":1,"lost":0}'


def test_a_step_runs_once_per_task():
    """Another attempt gets the result, as JSON carries it; the first one gets the same."""
    calls = []

    def pay(amount, *, currency):
        calls.append((amount, currency))
        return {"receipt": (amount, currency)}

    first = Attempt()
    before = first.step("pay", pay, (5,), {"currency": "EUR"})
    again = after(first).step("pay", pay, (5,), {"currency": "EUR"})

    assert calls == [(5, "EUR")]
    assert before == again == {"receipt": [5, "EUR"]}
    assert first.waits == 1


def test_a_step_that_fails_is_run_again():
    first = Attempt()
    with pytest.raises(KeyError):
        first.step("pay", {}.__getitem__, ("x",), {})

    assert after(first).step("pay", len, ("xyz",), {}) == 3


def test_steps_and_state_stand_beside_each_other():
    first = Attempt()
    first.step("a", int, ("1",), {})
    first.checkpoint({"row": 2}, durable=False)
    first.step("b", int, ("3",), {})
    second = after(first)

    assert second.last_checkpoint() == {"row": 2}
    assert [second.step(name, int, ("9",), {}) for name in "abc"] == [1, 3, 9]


def test_a_coroutine_function_is_a_step_too():
    """It is awaited, whether it runs or has run."""
    calls = []

    async def fetch(url):
        calls.append(url)
        return url.upper()

    async def go(attempt):
        return await attempt.step("fetch", fetch, ("x",), {})

    first = Attempt()

    assert asyncio.run(go(first)) == asyncio.run(go(after(first))) == "X"
    assert (calls, first.waits) == (["x"], 1)


@pytest.mark.parametrize("name", ["", "x" * 201, 5, "a\0", "\ud800"])
def test_a_step_without_a_proper_name_is_refused(name):
    with pytest.raises(ValueError, match="A step is named by 1 to 200 printable characters"):
        Attempt().step(name, int, (), {})


def test_too_many_steps_are_refused_by_the_next_one():
    """With the remedy; those that are known can still be asked."""
    steps = ",".join(f'"{n}":0' for n in range(STEPS_LIMIT))
    attempt = Attempt(f'{{"state":null,"attempt":1,"lost":0,"steps":{{{steps}}}}}')

    assert attempt.step("5", int, (), {}) == 0
    with pytest.raises(
        ValueError, match=r"The task 7 has 1,000 steps already, and 'more' .* Keep a counter by checkpoint"
    ):
        attempt.step("more", int, (), {})


@pytest.mark.parametrize("state", [{1, 2}, float("nan"), {"a": object()}, "\ud800"])
def test_what_is_no_json_is_refused_and_what_was_saved_stays(state):
    attempt = Attempt()
    attempt.checkpoint(1, durable=False)

    with pytest.raises(InvalidOutputError, match=r"The checkpoint of the task 7 \('copy'\)"):
        attempt.checkpoint(state, durable=False)

    assert after(attempt).last_checkpoint() == 1


def test_a_checkpoint_that_is_too_long_is_refused():
    attempt = Attempt()

    with pytest.raises(InvalidOutputError, match="the limit is 33,554,432"):
        attempt.checkpoint("x" * 34_000_000, durable=False)

    assert attempt.saved is None
