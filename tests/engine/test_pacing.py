"""How many attempts a worker gets at a time."""

from __future__ import annotations

import pytest

from lilota.engine.pacing import BATCH_LIMIT, WORK_IN_HAND_SECONDS, Pacing


def learned(*durations):
    """Return a pacing that has seen attempts of these durations."""
    pacing = Pacing()
    for seconds in durations:
        pacing.learn({"task": (1, seconds)})
    return pacing


def test_nothing_known_means_one_at_a_time():
    """The first task of an application may be a long one: nothing is sent along that it could hold back."""
    assert Pacing().batch_size() == 1


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 1e-6])
def test_tasks_without_measurable_duration_come_in_full_batches(seconds):
    """A clock that says 0 divides nothing by zero."""
    assert learned(*[seconds] * 40).batch_size() == BATCH_LIMIT


def test_long_tasks_come_one_by_one():
    """Never none."""
    assert learned(*[3600.0] * 40).batch_size() == 1


def test_a_batch_makes_up_the_work_in_hand():
    """Between the extremes the batch lasts as long as a worker should have work."""
    assert learned(*[WORK_IN_HAND_SECONDS / 10.5] * 40).batch_size() == 10


def test_one_long_task_ends_large_batches_at_once():
    """A mix that turns slow must not hold back what is short."""
    pacing = learned(*[0.00001] * 40)

    pacing.learn({"other": (1, 5.0)})

    assert pacing.batch_size() == 1


def test_each_name_has_its_own_expectation():
    """A slow kind of task is not taken to be quick because the others are."""
    pacing = Pacing()

    pacing.learn({"quick": (100, 0.01), "slow": (1, 5.0)})

    assert pacing.expected_seconds("quick") == pytest.approx(0.0001)
    assert pacing.expected_seconds("slow") == 5.0


def test_a_count_of_zero_is_no_division_by_zero():
    """A worker may say anything."""
    pacing = Pacing()

    pacing.learn({"task": (0, 1.0)})

    assert pacing.batch_size() == 1
