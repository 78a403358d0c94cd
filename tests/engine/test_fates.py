"""What becomes of an attempt whose worker died, or that had to be killed."""

from __future__ import annotations

import pytest

from lilota.engine.fates import CANCELLED, GIVEN_BACK, Death, after_death, after_kill
from lilota.models import Claim, TaskState
from lilota.retry import Backoff
from lilota.tasks.options import TaskOptions

DEATH = Death("exited with code 3", "last words")


def claim(**fields):
    """Return a claim on the first attempt of a task."""
    return Claim(**{"id": 1, "token": 1, "attempt": 1, "name": "task", **fields})


def test_a_lost_attempt_is_repeated_at_once():
    """The task is pending again without a wait, with the cause of death and the last lines of the worker."""
    outcome = after_death(claim(), TaskOptions(), DEATH)

    assert (outcome.state, outcome.lost, outcome.delay_seconds) == (TaskState.PENDING, True, 0)
    assert outcome.error.message == "The worker process exited with code 3."
    assert outcome.error.traceback == "last words"


@pytest.mark.parametrize(
    ("of_task", "of_class", "lost", "state"),
    [
        (3, 3, 1, TaskState.PENDING),
        (3, 3, 2, TaskState.FAILED),
        (1, 3, 0, TaskState.FAILED),
        (3, 1, 0, TaskState.FAILED),
        (2, 5, 1, TaskState.FAILED),
    ],
)
def test_the_stricter_limit_decides(of_task, of_class, lost, state):
    """The task and its class may both say how many attempts may be lost."""
    options = TaskOptions(max_lost_attempts=of_class)

    outcome = after_death(claim(max_lost_attempts=of_task, lost_attempts=lost), options, DEATH)

    assert outcome.state is state
    assert outcome.lost


def test_the_first_loss_is_not_told_as_if_there_had_been_several():
    """A task that may run once only died once."""
    outcome = after_death(claim(max_lost_attempts=1), TaskOptions(), DEATH)

    assert outcome.error.message == "The worker process exited with code 3."


def test_an_attempt_killed_for_a_shutdown_is_given_back():
    """It has not spent anything."""
    assert after_kill(claim(), TaskOptions(), "shutdown", DEATH) == GIVEN_BACK


def test_an_attempt_killed_for_a_cancellation_is_cancelled():
    """However it ended, that was the wish."""
    assert after_kill(claim(), TaskOptions(), "cancel", DEATH) == CANCELLED


def test_an_attempt_killed_for_its_timeout_fails_with_the_time_in_the_text():
    """The message says what the limit was and that asking did not help."""
    outcome = after_kill(claim(), TaskOptions(timeout_seconds=2.5), "timeout", DEATH)

    assert outcome.state is TaskState.FAILED
    assert outcome.error.type == "TimeoutReached"
    assert "more than 2.5 s, did not end when asked to" in outcome.error.message


def test_an_attempt_killed_for_its_timeout_is_retried_with_backoff():
    """As after an error of its own."""
    options = TaskOptions(timeout_seconds=2.5, max_attempts=3, backoff=Backoff(first_seconds=4, jitter=0))

    outcome = after_kill(claim(attempt=2), options, "timeout", DEATH)

    assert (outcome.state, outcome.delay_seconds, outcome.lost) == (TaskState.PENDING, 8.0, False)
