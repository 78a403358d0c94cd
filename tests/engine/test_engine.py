"""A runner stops claiming, then running, then lets its workers leave; unwritten updates keep their place."""

from __future__ import annotations

import signal
from math import inf

from engine_bench import GIVEN_BACK, Bench, a_claim, claims

from lilota.engine.commands import Send
from lilota.engine.messages import Finish, Interrupt, Recall


def test_stop_claiming_gives_back_what_has_not_started():
    """The backlog goes back, workers return what is queued, and nothing new is claimed."""
    one, two, three = claims(3)
    bench = Bench().ready().learn(seconds=0.001).grant(one, two).starts(one)
    bench.engine.holdings.take_updates()
    bench.commands()

    bench.engine.stop_claiming()
    recalled = bench.to_worker()
    bench.report(returned=((2, 1),))
    bench.grant(three)

    assert recalled == [Recall()]
    assert bench.outcomes() == {2: GIVEN_BACK, 3: GIVEN_BACK}
    assert bench.engine.request(look_again=True).limit == 0


def test_a_runner_that_stops_starts_no_workers():
    """A worker that dies while the runner stops is not replaced."""
    bench = Bench().ready()
    bench.engine.stop_claiming()

    bench.dies().tick(0)

    assert bench.commands() == []
    assert bench.engine.seconds_until_tick(bench.now) == inf


def test_stop_running_interrupts_and_then_kills_and_the_attempt_is_given_back():
    """The task runs again later, without having spent an attempt."""
    bench = Bench().ready().learn(seconds=5.0, kill_after_seconds=60.0).grant(a_claim()).starts(a_claim())
    bench.engine.stop_claiming()
    bench.commands()

    bench.engine.stop_running(bench.now, by_force=False)
    asked = bench.to_worker()
    bench.tick(2)
    terminated = bench.kills()
    bench.dies()

    assert asked == [Interrupt((1, 1), "shutdown")]
    assert terminated == [(1, signal.SIGTERM)]
    assert bench.outcomes() == {1: GIVEN_BACK}


def test_stop_running_by_force_kills_at_once():
    """Without patience nobody is asked twice."""
    one, two = claims(2)
    bench = Bench().ready().learn(seconds=0.001).grant(one, two).starts(one)
    bench.engine.stop_claiming()
    bench.commands()
    bench.engine.holdings.take_updates()

    bench.engine.stop_running(bench.now, by_force=True)
    kills = bench.kills()
    bench.dies()

    assert kills == [(1, signal.SIGKILL)]
    assert bench.outcomes() == {1: GIVEN_BACK, 2: GIVEN_BACK}


def test_dismissed_workers_are_told_to_leave_also_when_they_come_up_late():
    """A worker that is still starting when the runner stops leaves as soon as it can listen."""
    bench = Bench(workers=2).ready(1)
    bench.commands()
    bench.engine.stop_claiming()

    bench.engine.crew.dismiss()
    told = bench.commands()
    bench.ready(2)
    told_late = bench.to_worker(2)
    bench.dies(1).dies(2)

    assert Send(1, Finish()) in told
    assert told_late == [Finish()]
    assert not bench.engine.crew.workers


def test_updates_that_could_not_be_written_keep_their_place():
    """What is given back after a failed write comes before what happened since."""
    one, two = claims(2)
    bench = Bench().ready().learn(seconds=0.001).grant(one, two).ends(one)
    unwritten = bench.engine.holdings.take_updates()
    bench.ends(two)

    bench.engine.holdings.keep_updates(unwritten)

    assert list(bench.outcomes()) == [1, 2]


def test_a_task_that_a_worker_lacks_is_given_back_and_no_more_of_its_name_are_taken(caplog):
    """Other runners may have it; other tasks go on, and the log says it once, though another worker finds the same."""
    one, two = claims(2)
    bench = Bench(workers=2, names=("task", "other")).ready().grant(one, two)
    for worker, claim in ((1, one), (2, two)):
        bench.starts(claim, worker=worker).lacks(worker=worker).ends(claim, GIVEN_BACK, worker=worker)

    request = bench.engine.request(look_again=True)

    assert (request.names, request.limit) == (("other",), 2)
    assert bench.engine.serves.names == ("task", "other")  # where it looks for what a lost reply has granted
    assert bench.outcomes() == {1: GIVEN_BACK, 2: GIVEN_BACK}
    assert bench.engine.useless_because is None
    assert caplog.messages == [
        "Tasks named 'task' are not taken any more, until the runner is started again: It is gone."
    ]


def test_of_a_family_that_a_worker_lacks_no_task_is_taken(caplog):
    """A claim can't leave out one name of a family: it would be claimed and given back for ever."""
    claim = a_claim(name="a:b:c")
    bench = Bench(names=("a:*", "a:b:c", "b:*")).ready().grant(claim)
    bench.starts(claim).lacks("a:b:c").ends(claim, GIVEN_BACK)

    request = bench.engine.request(look_again=True)

    assert (request.names, request.families) == (("b:*",), ("b:",))
    assert caplog.messages == [
        "Tasks named 'a:*', 'a:b:c' are not taken any more, until the runner is started again: It is gone."
    ]


def test_a_runner_that_can_take_nothing_any_more_is_useless_when_it_has_nothing_in_hand():
    """What runs in other workers, which have the class, may end, and is written before."""
    one, two = claims(2)
    bench = Bench(workers=2).ready().grant(one, two)
    bench.loads(1).starts(one).starts(two, worker=2).lacks(worker=2).ends(two, GIVEN_BACK, worker=2)
    bench.engine.holdings.take_updates()
    while_one_runs = bench.engine.useless_because
    bench.ends(one)
    while_its_end_is_not_written = bench.engine.useless_because
    bench.engine.holdings.take_updates()

    assert while_one_runs is while_its_end_is_not_written is None
    assert bench.engine.useless_because == "It is gone."
    bench.engine.stop_claiming()
    assert bench.engine.useless_because is None  # it stops in good order


def test_a_runner_without_any_task_name_is_not_useless():
    """It was made so, and may be there for its hooks."""
    assert Bench(names=()).ready().engine.useless_because is None
