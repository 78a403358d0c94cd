"""When a runner asks its store: hints, polls, tasks that come back soon, and rests while the store is away."""

from __future__ import annotations

import pytest

from lilota.models import AttemptUpdate, Outcome, TaskState
from lilota.running.looking import POLL_SECONDS, LookSchedule


@pytest.fixture
def looked():
    """A schedule that has looked at the store at 10.0."""
    schedule = LookSchedule()
    assert schedule.take_look(10.0)
    return schedule


def back_after(seconds):
    """Return the update of an attempt whose task comes back after a while."""
    return AttemptUpdate(id=1, token=1, outcome=Outcome(state=TaskState.PENDING, delay_seconds=seconds))


def test_a_runner_looks_as_soon_as_it_starts():
    """It does not wait for a hint."""
    schedule = LookSchedule()

    assert schedule.seconds_until_next(10.0) == 0
    assert schedule.take_look(10.0)


def test_without_a_hint_the_store_is_polled(looked):
    """Hints are hints."""
    assert looked.seconds_until_next(10.0) == POLL_SECONDS
    assert not looked.take_look(10.0 + 0.99 * POLL_SECONDS)
    assert looked.take_look(10.0 + POLL_SECONDS)


def test_a_hint_counts_once(looked):
    """The second of two hints is no news, and one look answers both."""
    news = [looked.look_again(), looked.look_again()]

    assert news == [True, False]
    assert looked.seconds_until_next(10.1) == 0
    assert looked.take_look(10.1)
    assert not looked.take_look(10.1)


def test_a_task_that_comes_back_before_the_next_poll_is_looked_for_when_it_is_due(looked):
    """A short delay is kept, and one look is enough for all that is due."""
    looked.note_answer([back_after(0.2), back_after(0.2), back_after(POLL_SECONDS)], 10.0)

    assert looked.seconds_until_next(10.0) == pytest.approx(0.2)
    assert looked.take_look(10.25)
    assert looked.seconds_until_next(10.25) == POLL_SECONDS


def test_a_store_that_fails_is_left_in_peace_for_longer_each_time(looked):
    """The rests grow up to two seconds; neither a hint nor a poll makes them shorter, or longer than was told."""
    now, rests = 10.0, []
    for _ in range(7):
        rests.append(looked.note_failure(now))
        looked.look_again()
        assert looked.seconds_until_next(now) == pytest.approx(rests[-1])
        assert not looked.may_talk(now)
        now += rests[-1] + 1e-9

    assert rests == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0])
    assert looked.may_talk(now)
    assert looked.take_look(now), "what was asked for before the failure is asked for again"
    assert looked.failing_for(now) == pytest.approx(now - 10.0)


def test_an_answer_ends_the_failure(looked):
    """The next outage begins with a short rest, and counts from its own beginning."""
    looked.note_failure(10.0)
    looked.note_failure(10.2)
    looked.note_answer([], 11.0)

    assert looked.failing_for(11.0) == 0
    assert looked.note_failure(12.0) == pytest.approx(0.1)
    assert looked.failing_for(13.0) == 1.0
