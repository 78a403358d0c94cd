"""How many places are wanted, and which nodes get them."""

import pytest
from lilota_dask.demand import Demand
from lilota_dask.slots import shares


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def demand(clock):
    """From 1 to 8 places; one that was not needed for 60 s is given back."""
    return Demand(1, 8, 60.0, clock)


def test_places_are_doubled_up_to_the_most_while_all_are_busy_and_more_waits(demand):
    wanted = 1
    seen = []
    for _ in range(5):
        demand.note(wanted, more_waits=True)
        wanted = demand.wanted(wanted)
        seen.append(wanted)

    assert seen == [2, 4, 8, 8, 8]


def test_what_is_busy_without_more_behind_it_wants_no_more(demand):
    demand.note(1, more_waits=False)

    assert demand.wanted(1) == 1


def test_places_are_kept_until_they_have_not_been_needed_for_a_while(demand, clock):
    demand.note(4, more_waits=True)
    assert demand.wanted(4) == 8

    clock.now = 59.0
    demand.note(3, more_waits=False)
    assert demand.wanted(8) == 8
    clock.now = 60.0
    demand.note(3, more_waits=False)
    assert demand.wanted(8) == 3
    assert demand.wanted(3) == 3  # the next while begins
    clock.now = 120.0
    assert demand.wanted(3) == 1


def test_the_busiest_moment_since_the_last_look_counts(demand, clock):
    demand.note(4, more_waits=True)
    demand.wanted(4)
    clock.now = 100.0

    demand.note(8, more_waits=False)
    demand.note(0, more_waits=False)

    assert demand.wanted(8) == 8


@pytest.mark.parametrize(
    ("capacities", "taken", "wanted", "given"),
    [
        ({"a": 4, "b": 2}, {"a": 0, "b": 0}, None, {"a": 4, "b": 2}),
        ({"a": 4, "b": 2}, {"a": 0, "b": 0}, 4, {"a": 2, "b": 2}),
        ({"a": 4, "b": 2}, {"a": 0, "b": 0}, 100, {"a": 4, "b": 2}),
        ({"a": 4, "b": 4}, {"a": 0, "b": 3}, 4, {"a": 1, "b": 3}),
        ({"a": 4, "b": 4}, {"a": 0, "b": 3}, 2, {"a": 0, "b": 3}),
        ({}, {}, 3, {}),
    ],
)
def test_places_are_spread_evenly_and_none_is_taken_away(capacities, taken, wanted, given):
    assert shares(capacities, taken, wanted) == given
