"""Each thing that time demands is done at the very instant that the engine tells, not before and not a bit later."""

from __future__ import annotations

from math import nextafter

import pytest
from engine_bench import Bench, a_claim, claims

from lilota.engine.workload import SLOW_SECONDS

#: At some of these, the sum of an instant and a wait is not what the wait is taken from again.
INSTANTS = [0.1 * number for number in range(1, 60)]


def with_a_worker_to_start(now):
    """A worker was of no use; the next one is started after a pause."""
    return Bench(now=now).ready().dies()


def with_a_time_limit(now):
    """An attempt runs, and may do so for some time."""
    return Bench(now=now).ready().learn(5.0, timeout_seconds=3.0).grant(a_claim()).starts(a_claim()).tick(SLOW_SECONDS)


def with_a_stop_under_way(now):
    """An attempt was asked to end; the next step is a signal."""
    bench = Bench(now=now).ready().learn(5.0, kill_after_seconds=0.7).grant(a_claim()).starts(a_claim())
    return bench.tick(SLOW_SECONDS).grant(cancel=(a_claim().fence,))


def with_something_behind_what_runs(now):
    """An attempt waits in a worker for the one that runs."""
    one, two = claims(2)
    return Bench(now=now).ready().learn(0.001).grant(one, two).starts(one)


def with_something_that_nobody_takes(now):
    """An attempt came back from behind a slow one, and there is no other worker."""
    one, two = claims(2)
    bench = Bench(now=now).ready().learn(0.001).grant(one, two).starts(one).tick(SLOW_SECONDS)
    bench.report(returned=(two.fence,))
    return bench


def with_a_place_that_is_taken_away(now):
    """An attempt may run on for a while."""
    bench = Bench(now=now).ready().learn(5.0).grant(a_claim()).starts(a_claim()).tick(SLOW_SECONDS)
    return bench.retires(grace_seconds=0.7)


@pytest.mark.parametrize(
    "make",
    [
        with_a_worker_to_start,
        with_a_time_limit,
        with_a_stop_under_way,
        with_something_behind_what_runs,
        with_something_that_nobody_takes,
        with_a_place_that_is_taken_away,
    ],
)
def test_a_rule_acts_at_its_instant_and_is_done_with_it(make):
    """Nothing happens before, something at the instant, and after that the engine does not ask to be called at once."""
    for bench in map(make, INSTANTS):
        due_at = min(rule.due_at() for rule in bench.engine._timed_rules)
        bench.happened()

        bench.engine.tick(nextafter(due_at, 0.0))
        before = bench.happened()
        bench.engine.tick(due_at)

        assert not before
        assert bench.happened()
        assert bench.engine.seconds_until_tick(due_at) > 0


def test_the_next_tick_is_that_of_the_rule_that_is_due_first():
    """A time limit is not missed for a worker that is to be started later, nor the other way round."""
    bench = Bench(workers=2, now=1.0).ready().learn(5.0, timeout_seconds=3.0).grant(a_claim()).starts(a_claim())
    bench.tick(SLOW_SECONDS)

    until_time_limit = bench.engine.seconds_until_tick(bench.now)
    bench.dies(2)
    until_start = bench.engine.seconds_until_tick(bench.now)

    assert until_time_limit == pytest.approx(3.0 - SLOW_SECONDS)
    assert until_start == pytest.approx(0.1)
