"""A place is taken away in good order: its worker ends what it has, and nothing of that counts against a task."""

from __future__ import annotations

import signal
from math import inf

import pytest
from engine_bench import CRASH, GIVEN_BACK, SUCCESS, Bench, a_claim, claims

from lilota.engine.commands import StartWorker
from lilota.engine.crew import LEAVE_SECONDS
from lilota.engine.fates import Death
from lilota.engine.messages import Finish, Interrupt, Recall, RunClaims
from lilota.engine.workload import SLOW_SECONDS
from lilota.models import Outcome, TaskState


def at_work(**options):
    """Return a bench on which worker 1 runs an attempt that takes long, and nothing is left to be written."""
    bench = Bench().ready().learn(seconds=5.0, **options).grant(a_claim()).starts(a_claim()).tick(SLOW_SECONDS)
    bench.commands()
    bench.outcomes()
    return bench


def test_what_has_not_started_goes_to_others_and_what_runs_may_end():
    """The worker returns the rest, is given nothing more, leaves when it is done, and is not missed."""
    one, two, three = claims(3)
    bench = Bench(workers=2).ready(1).learn(seconds=0.001).grant(one, two).starts(one)
    bench.commands()

    bench.retires(1)
    told = bench.to_worker(1)
    bench.report(returned=(two.fence,))
    bench.ready(2).tick(0)
    others = bench.to_worker(2)
    bench.ends(two, worker=2).grant(three)
    limit = bench.engine.request(look_again=True).limit
    bench.ends(one).leaves(1).dies(1).tick(0)

    assert told == [Recall(), Finish()]
    assert others == [RunClaims((two,))]
    assert limit > 0
    assert bench.commands()[0].message == RunClaims((three,))
    assert bench.outcomes() == {1: SUCCESS, 2: SUCCESS}
    assert bench.engine.crew.workers.keys() == {2}


def test_after_the_grace_what_runs_is_stopped_as_when_the_runner_stops():
    """An exception, SIGTERM, SIGKILL; the attempt is given back, and the log of its task says why."""
    bench = at_work(kill_after_seconds=60.0)

    bench.retires(grace_seconds=10.0)
    at_once = bench.to_worker(1)
    bench.tick(9.9)
    within = bench.commands()
    bench.tick(0.2)
    asked = bench.to_worker(1)
    bench.tick(5)
    kills = bench.kills()
    bench.dies(1)
    (update,) = bench.engine.holdings.take_updates()

    assert at_once == [Finish()]
    assert within == []
    assert asked == [Interrupt((1, 1), "shutdown")]
    assert kills == [(1, signal.SIGTERM), (1, signal.SIGKILL)]
    assert update.outcome == GIVEN_BACK
    assert update.log_lines[0].text.startswith("The place where it ran is taken away, did not end when it was asked to")


@pytest.mark.parametrize("seconds", [0.0, 1.0, 10.5])
def test_an_attempt_that_is_lost_with_its_place_does_not_count(seconds):
    """Sooner than was said, or while it is being stopped: it had no part in it. Its log says what happened."""
    bench = at_work(max_lost_attempts=2).retires(grace_seconds=10.0).tick(seconds)

    bench.engine.worker_died(1, Death("was lost: its node left the cluster"), bench.now)
    (update,) = bench.engine.holdings.take_updates()

    assert update.outcome == GIVEN_BACK
    (line,) = update.log_lines
    assert line.text == (
        "The place where it ran is taken away, so attempt 1 is given back and does not count. "
        "The worker process was lost: its node left the cluster."
    )


def test_what_must_not_run_twice_is_not_run_again_though_its_place_was_to_go():
    """Nobody knows how far it came. Only what its runner itself has stopped is given back, as when the runner stops."""
    fates = []
    for seconds in (1.0, 10.5):
        bench = at_work(max_lost_attempts=1).retires(grace_seconds=10.0).tick(seconds).dies()
        fates.append(bench.outcomes()[1])

    assert (fates[0].state, fates[0].lost) == (TaskState.FAILED, True)
    assert fates[1] == GIVEN_BACK


def test_a_lost_attempt_counts_where_its_worker_told_what_no_worker_tells():
    """It was ended for that, and not for its place."""
    bench = at_work().retires()

    bench.ends(a_claim(2)).dies()

    assert bench.outcomes()[1].lost


def test_what_ends_for_another_reason_keeps_its_fate():
    """A cancelled attempt is not run again elsewhere, however its worker ended."""
    bench = at_work().retires().grant(cancel=((1, 1),))

    bench.dies()

    assert bench.outcomes() == {1: Outcome(state=TaskState.CANCELLED)}


def test_all_of_several_attempts_are_given_back():
    """Coroutines that run in the worker, and those that are not known to have started."""
    one, two, three = claims(3)
    bench = Bench(places_per_worker=3).ready().learn(seconds=5.0, concurrent=True).grant(one, two, three)
    bench.starts(one).starts(two)
    bench.engine.stop_claiming()

    bench.retires().dies()

    assert bench.outcomes() == {1: GIVEN_BACK, 2: GIVEN_BACK, 3: GIVEN_BACK}


def test_a_worker_is_replaced_as_soon_as_there_is_another_place():
    """It does not count any more, so nobody has to wait for its end."""
    bench = at_work()

    bench.retires().tick(1)
    without_place = bench.commands()[1:]
    bench.engine.crew.size = 1
    bench.tick(0)
    with_place = bench.commands()
    bench.dies(1).tick(0)

    assert without_place == [] == bench.commands()
    assert with_place == [StartWorker(2)]
    assert bench.engine.seconds_until_tick(bench.now) == inf


def test_one_that_is_not_up_yet_leaves_when_it_is_and_is_no_failed_start():
    """Also if its place is gone before."""
    bench = Bench(workers=2)

    bench.retires(1).retires(2)
    told = bench.to_worker(1)
    bench.ready(1).leaves(1).dies(1).dies(2)

    assert told == [Finish()]
    assert bench.engine.crew.failed_starts == 0
    assert not bench.engine.crew.workers


def test_one_that_does_not_leave_is_killed_a_while_after_its_grace():
    """Though nothing is known to run in it."""
    bench = Bench().ready().retires(grace_seconds=10.0)

    bench.tick(9.9 + LEAVE_SECONDS)
    within = bench.kills()
    bench.tick(0.2)

    assert within == []
    assert bench.kills() == [(1, signal.SIGKILL)]


def test_a_number_that_is_not_known_any_more_is_ignored():
    """Its death may have been told a moment before."""
    bench = at_work()
    bench.engine.worker_died(1, CRASH, bench.now)
    bench.tick(0)
    bench.happened()

    bench.retires(1).retires(99)

    assert not bench.happened()
