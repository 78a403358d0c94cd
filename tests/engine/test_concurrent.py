"""A worker runs many coroutines at once, or one function; what is done to one of many harms the others least."""

from __future__ import annotations

import math
import signal

from engine_bench import GIVEN_BACK, Bench, a_claim, claims

from lilota.contract import Claimed, Committed
from lilota.engine.commands import AskForStack
from lilota.engine.crew import TURN_SECONDS
from lilota.engine.messages import Interrupt, RunClaims
from lilota.engine.workload import KEEP_SECONDS
from lilota.models import TaskState
from lilota.tasks.options import TaskOptions

NAMES = "task", "other"


def a_bench(places=3, **options):
    """Return a bench whose one worker runs an attempt of the concurrent "task", and that knows that "other" is none."""
    bench = Bench(names=NAMES, places_per_worker=places).ready().grant(a_claim())
    bench.starts(a_claim()).loads(concurrent=True, **options)
    bench.engine.crew.options["other"] = TaskOptions()
    bench.commands()
    bench.engine.holdings.take_updates()
    return bench


def test_a_worker_takes_as_many_concurrent_attempts_as_it_has_places():
    """They are asked for by name, because nothing else has a place there, and sent at once."""
    bench = a_bench()

    request = bench.engine.request(look_again=False)
    bench.grant(a_claim(2), a_claim(3))
    sent = bench.to_worker()

    assert (request.names, request.families, request.limit) == (("task",), (), 2)
    assert sent == [RunClaims((a_claim(2), a_claim(3)))]
    assert bench.engine.request(look_again=True).limit == 0


def test_without_places_a_concurrent_task_is_like_any_other():
    """One at a time; what takes long lets nobody wait behind it."""
    bench = a_bench(places=1)

    bench.tick(1).grant(a_claim(2))

    assert bench.to_worker() == []


def test_a_concurrent_attempt_that_takes_long_does_not_make_its_worker_slow():
    """Nothing waits behind it. That its class was imported late changes nothing."""
    bench = Bench(names=NAMES, places_per_worker=3).ready().grant(a_claim()).starts(a_claim()).tick(1)
    bench.loads(concurrent=True).tick(1).grant(a_claim(2))

    assert RunClaims((a_claim(2),)) in bench.to_worker()


def test_a_function_waits_until_no_coroutine_runs_in_its_worker():
    """It would block them."""
    bench = a_bench()
    function = a_claim(2, name="other")

    bench.grant(function)
    before = bench.to_worker()
    bench.ends(a_claim(1)).tick(0)

    assert before == []
    assert bench.to_worker() == [RunClaims((function,))]


def test_a_class_that_nobody_has_imported_is_tried_beside_coroutines():
    """Nobody would learn of it as long as there are coroutines. If it is none, it comes back."""
    bench = a_bench()
    del bench.engine.crew.options["other"]
    tried = a_claim(2, name="other")

    request = bench.engine.request(look_again=False)
    bench.grant(tried)
    sent = bench.to_worker()
    bench.loads(name="other").report(returned=((2, 1),))
    bench.tick(0)

    assert request.names == NAMES
    assert sent == [RunClaims((tried,))]
    assert bench.to_worker() == []
    assert bench.engine.request(look_again=True).names == ("task",)


def test_a_class_that_nobody_has_imported_goes_to_a_worker_that_is_empty():
    """Its import would hold up the coroutines."""
    bench = Bench(workers=2, names=NAMES, places_per_worker=3).ready().learn(seconds=1, concurrent=True)
    bench.grant(a_claim(1))
    bench.commands()

    bench.grant(a_claim(2, name="other"))

    assert [command.worker for command in bench.commands()] == [2]


def test_a_family_of_which_one_is_no_coroutine_is_not_tried():
    """All of them have one class."""
    bench = Bench(names=("task", "reports:*"), places_per_worker=3).ready().learn(seconds=1, concurrent=True)
    bench.grant(a_claim())

    before = bench.engine.request(look_again=True)
    bench.engine.crew.options["reports:daily"] = TaskOptions()
    after = bench.engine.request(look_again=True)

    assert (before.names, before.families) == (("task", "reports:*"), ("reports:",))
    assert (after.names, after.families) == (("task",), ())


def test_a_coroutine_does_not_start_behind_a_function():
    """However short that is known to be."""
    bench = Bench(names=NAMES, places_per_worker=3).ready().learn(seconds=0.001, concurrent=True)
    bench.engine._pacing.learn({"other": (1, 0.001)})

    bench.grant(a_claim(1, name="other"), a_claim(2))

    assert bench.to_worker() == [RunClaims((a_claim(1, name="other"),))]


def test_coroutines_behind_a_function_that_waits_start_all_the_same():
    """They have places; it has none before they have all ended, in whatever order."""
    bench = a_bench()

    bench.grant(a_claim(2, name="other"), a_claim(3))

    assert bench.to_worker() == [RunClaims((a_claim(3),))]


def test_coroutines_go_where_others_run():
    """So the other worker is left for what needs one for itself."""
    bench = Bench(workers=2, names=NAMES, places_per_worker=3).ready().learn(seconds=1, concurrent=True)
    bench.engine.crew.options["other"] = TaskOptions()
    bench.grant(a_claim(1))
    bench.commands()

    bench.grant(a_claim(2), a_claim(3, name="other"), a_claim(4))

    sent = {command.worker: command.message for command in bench.commands()}
    assert sent == {1: RunClaims((a_claim(2), a_claim(4))), 2: RunClaims((a_claim(3, name="other"),))}


def test_an_attempt_that_was_lost_before_runs_alone():
    """Nobody shall wonder what killed its worker; nor does what may run at most once have neighbours."""
    bench = a_bench()

    bench.grant(a_claim(2, lost_attempts=1), a_claim(3, max_lost_attempts=1), a_claim(4))
    beside = bench.to_worker()
    bench.ends(a_claim(1)).ends(a_claim(4)).tick(0)
    alone = bench.to_worker()

    assert beside == [RunClaims((a_claim(4),))]
    assert alone == [RunClaims((a_claim(2, lost_attempts=1),))]
    assert bench.engine.request(look_again=True).limit == 0


def test_any_of_several_attempts_may_end_first():
    """Its place is free again."""
    bench = a_bench().grant(a_claim(2), a_claim(3))

    bench.ends(a_claim(2))

    assert bench.outcomes()[2].state is TaskState.SUCCEEDED
    assert bench.engine.request(look_again=True).limit == 1


def test_each_of_several_attempts_has_its_time_limit():
    """Also one that is not the first."""
    bench = a_bench(timeout_seconds=10.0).grant(a_claim(2)).tick(5).starts(a_claim(2))
    bench.commands()

    bench.tick(6)
    first = bench.to_worker()
    bench.ends(a_claim(1)).tick(5)

    assert first == [Interrupt((1, 1), "timeout")]
    assert Interrupt((2, 1), "timeout") in bench.to_worker()


def test_a_neighbour_of_an_attempt_that_had_to_be_killed_is_given_back():
    """It has not spent the attempt; the one that did not end when it was asked to gets its fate."""
    bench = a_bench(kill_after_seconds=1.0).grant(a_claim(2), a_claim(3)).starts(a_claim(2)).starts(a_claim(3))

    bench.grant(cancel=((2, 1),))
    bench.commands()
    bench.tick(1.1)
    kills = bench.kills()
    bench.dies()

    assert kills == [(1, signal.SIGTERM)]
    outcomes = bench.outcomes()
    assert outcomes.pop(2).state is TaskState.CANCELLED
    assert outcomes == {1: GIVEN_BACK, 3: GIVEN_BACK}


def test_a_neighbour_is_given_back_though_the_worker_dies_of_having_its_stack_written():
    """`faulthandler` reads frames that move, and may crash of it, before the first signal is sent."""
    bench = a_bench(kill_after_seconds=1.0).grant(a_claim(2), a_claim(3)).starts(a_claim(2)).starts(a_claim(3))

    bench.grant(cancel=((2, 1),))
    bench.commands()
    bench.tick(0.95)
    asked = bench.commands()
    bench.dies()

    assert asked == [AskForStack(1)]
    outcomes = bench.outcomes()
    assert outcomes.pop(2).state is TaskState.CANCELLED
    assert outcomes == {1: GIVEN_BACK, 3: GIVEN_BACK}


def test_a_worker_that_dies_by_itself_costs_all_of_its_attempts_that_ran():
    """Nobody knows who was it. One that has not told of its start may be the one, and runs alone from now on."""
    bench = a_bench().grant(*claims(4)[1:3]).starts(a_claim(2))
    bench.commands()

    bench.dies()
    outcomes = bench.outcomes()
    bench.tick(0)
    bench.ready(2).tick(0).grant(a_claim(4))

    assert {number for number, outcome in outcomes.items() if outcome.lost} == {1, 2}
    assert 3 not in outcomes
    assert bench.to_worker(2) == [RunClaims((a_claim(3),))]


def test_neighbours_of_an_attempt_that_belongs_to_another_runner_are_given_back():
    """The store has refused to write about it, so its process is killed; they go back when it has ended."""
    bench = a_bench().grant(a_claim(2)).starts(a_claim(2))
    bench.commands()

    bench.engine.committed(Committed(refused=((2, 1),)), bench.now)
    kills = bench.kills()
    before = bench.outcomes()
    bench.dies()

    assert kills == [(1, signal.SIGKILL)]
    assert before == {}
    assert bench.outcomes() == {1: GIVEN_BACK}


def test_a_lost_lease_costs_all_that_run():
    """They ran for some time beside those of the runner that has taken them."""
    bench = a_bench().grant(a_claim(2)).starts(a_claim(2))

    bench.engine.lose_lease(bench.now)

    assert {number for number, outcome in bench.outcomes().items() if outcome.lost} == {1, 2}


def test_that_no_coroutine_waits_says_nothing_of_functions():
    """The store is asked for those as soon as there is a place."""
    bench = a_bench().grant()

    before = bench.engine.request(look_again=False)
    bench.ends(a_claim(1))

    assert before is None
    assert bench.engine.request(look_again=False).names == NAMES


def test_a_function_that_comes_first_gets_a_worker_though_coroutines_keep_coming():
    """Now and then the runner asks for everything; then a worker takes no more coroutines until it is empty."""
    bench = a_bench().tick(TURN_SECONDS)
    function = a_claim(2, name="other")

    request = bench.engine.request(look_again=False)
    bench.grant(function)
    waiting = bench.engine.request(look_again=True)
    bench.tick(KEEP_SECONDS).tick(0)
    given_back = bench.outcomes()
    bench.ends(a_claim(1)).tick(0)
    after = bench.engine.request(look_again=False)

    assert (request.names, request.limit) == (NAMES, 1)
    assert waiting.limit == 0
    assert given_back == {2: GIVEN_BACK}
    assert after.names == NAMES
    assert after.limit > 0


def test_coroutines_that_take_long_keep_their_worker_for_every_other_turn():
    """What waits for a worker of its own must not keep the others out for as long as one of them runs."""
    bench = a_bench().tick(TURN_SECONDS)
    bench.engine.request(look_again=False)
    bench.grant(a_claim(2, lost_attempts=1)).tick(TURN_SECONDS)

    limits = []
    for _ in range(4):
        bench.grant(a_claim(2, lost_attempts=1))
        limits.append(bench.engine.request(look_again=True).limit)
        bench.tick(TURN_SECONDS)

    assert [limit > 0 for limit in limits] == [True, False, True, False]


def test_what_runs_beside_others_makes_no_worker_wait():
    """What the runner gets when it asks for everything is a coroutine; it goes on asking for coroutines."""
    bench = a_bench().tick(TURN_SECONDS)

    bench.engine.request(look_again=False)
    bench.engine.committed(Committed(claimed=Claimed(claims=(a_claim(2),), cancel_requested=())), bench.now)

    assert bench.to_worker() == [RunClaims((a_claim(2),))]
    assert bench.engine.request(look_again=False).names == ("task",)


def test_a_runner_without_coroutines_takes_no_turns():
    """It would wake up for nothing."""
    assert Bench().ready().grant(a_claim()).engine.crew.next_turn_at() == math.inf
