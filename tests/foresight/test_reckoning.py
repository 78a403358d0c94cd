"""What follows from durations: how long a task takes, how long one needs that runs, and when those in line start."""

from __future__ import annotations

from math import inf

from lilota.foresight.reckoning import left, starts, usual


def test_a_task_takes_as_long_as_the_one_in_the_middle():
    """A few odd ones do not move it, as they would move an average."""
    assert usual([60.0, 58.0, 9000.0, 61.0, 0.1]) == 60.0
    assert usual([5.0]) == 5.0


def test_nobody_knows_how_long_a_task_takes_of_which_none_has_ended():
    """Infinity goes through all that is reckoned with it."""
    assert usual([]) == inf
    assert left([], so_far=3.0) == inf


def test_a_task_that_has_run_long_is_compared_with_those_that_took_longer():
    """After 10 s it is none of the quick ones."""
    took = [1.0] * 10 + [100.0, 110.0, 120.0]

    assert left(took, so_far=0.0) == 1.0
    assert left(took, so_far=10.0) == 100.0
    assert left(took, so_far=115.0) == 5.0


def test_nobody_knows_when_a_task_ends_that_takes_longer_than_all_before():
    """To say "now" again and again would be wrong each time."""
    assert left([10.0, 12.0], so_far=12.0) == inf


def test_each_place_takes_the_next_task_when_it_is_free():
    """The order of those that start is the order in line, whatever they take."""
    assert list(starts([7.0], places=2, line=[10.0, 1.0, 1.0, 1.0])) == [0.0, 7.0, 8.0, 9.0]
    assert list(starts([], places=3, line=[5.0] * 4)) == [0.0, 0.0, 0.0, 5.0]


def test_behind_a_place_of_which_nobody_knows_when_it_is_free_nobody_knows_a_start():
    """Where another place is free sooner, that one takes the task."""
    assert list(starts([inf], places=1, line=[1.0, 1.0])) == [inf, inf]
    assert list(starts([inf, 4.0], places=2, line=[1.0, inf, 1.0])) == [4.0, 5.0, inf]


def test_without_places_nobody_knows_a_start():
    """As long as an executor waits for them."""
    assert list(starts([], places=0, line=[1.0])) == [inf]


def test_more_may_run_than_there_are_places():
    """Where some were taken away: then those that need longest are left to wait for."""
    assert list(starts([1.0, 5.0, 9.0], places=2, line=[1.0])) == [5.0]
