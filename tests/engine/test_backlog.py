"""What waits for a worker: it is dealt out in batches, and never left behind a slow attempt."""

from __future__ import annotations

from math import inf

from engine_bench import CRASH, GIVEN_BACK, Bench, a_claim, claims

from lilota.engine.commands import Send
from lilota.engine.messages import Recall, RunClaims
from lilota.engine.pacing import BATCH_LIMIT
from lilota.engine.workload import KEEP_SECONDS, SLOW_SECONDS
from lilota.models import Outcome, TaskState

# --- batches


def test_short_tasks_are_claimed_and_sent_many_at_a_time():
    """Tasks of microseconds travel a hundred in a frame."""
    bench = Bench().ready().learn(seconds=0.00001)
    limit = bench.engine.request(look_again=False).limit
    bench.grant(*claims(limit))

    (run,) = bench.to_worker()

    assert limit == len(run.claims) == BATCH_LIMIT


def test_long_tasks_are_claimed_one_per_worker():
    """Tasks of seconds are claimed when a worker is free for them, one for each."""
    bench = Bench(workers=2).ready().learn(seconds=5.0)

    assert bench.engine.request(look_again=False).limit == 2


def test_a_backlog_is_shared_evenly():
    """Two idle workers get half of a small batch each, not one everything."""
    bench = Bench(workers=2).ready().learn(seconds=0.001).grant(*claims(6))

    sizes = [len(c.message.claims) for c in bench.commands() if isinstance(c, Send)]

    assert sizes == [3, 3]


def test_a_worker_that_is_not_up_gets_nothing():
    """Nothing is claimed or sent before a worker is ready."""
    bench = Bench(workers=1)

    assert bench.engine.request(look_again=True).limit == 0


def test_an_attempt_that_was_lost_before_runs_alone():
    """Should its worker die again, it is known for sure who was running."""
    suspect = a_claim(2, lost_attempts=1)
    bench = Bench().ready().learn(seconds=0.001).grant(a_claim(1), suspect, a_claim(3))

    (first,) = bench.to_worker()
    bench.ends(a_claim(1)).tick(0)
    (second,) = bench.to_worker()
    bench.ends(suspect).tick(0)
    (third,) = bench.to_worker()

    assert [run.claims[0].id for run in (first, second, third)] == [1, 2, 3]
    assert len(first.claims) == len(second.claims) == 1


def test_an_attempt_that_may_run_only_once_runs_alone():
    """A task that runs at most once must not be taken for started when it was only queued."""
    bench = Bench().ready().learn(seconds=0.001).grant(a_claim(1, max_lost_attempts=1), a_claim(2))

    (run,) = bench.to_worker()

    assert [claim.id for claim in run.claims] == [1]


# --- nothing waits behind a slow attempt


def test_what_waits_behind_a_slow_attempt_is_recalled_and_goes_to_an_idle_worker():
    """The second worker runs what was sent ahead of time to the first."""
    one, two, three = claims(3)
    bench = Bench(workers=2).learn(seconds=0.001)
    bench.ready(1).grant(one, two, three).starts(one)
    bench.commands()

    bench.ready(2).tick(SLOW_SECONDS)
    recalls = bench.to_worker(1)
    bench.report(returned=((2, 1), (3, 1)))
    bench.tick(0)

    assert recalls == [Recall()]
    assert bench.to_worker(2) == [RunClaims((two, three))]


def test_what_no_worker_takes_goes_back_to_the_store():
    """After a moment other runners may have it, and it has not spent an attempt."""
    one, two = claims(2)
    bench = Bench().ready().learn(seconds=0.001).grant(one, two).starts(one).tick(SLOW_SECONDS)
    bench.report(returned=((2, 1),))
    bench.engine.holdings.take_updates()

    bench.tick(KEEP_SECONDS)

    assert bench.outcomes() == {2: GIVEN_BACK}
    assert bench.engine.request(look_again=False) is None


def test_what_is_stale_goes_back_even_behind_something_fresh():
    """The order of the backlog does not matter, and the engine does not ask to be called without a pause."""
    one, two, three, four = claims(4)
    bench = Bench(workers=2).ready().learn(seconds=0.001).grant(one, two, three, four)
    bench.starts(one).starts(three, worker=2).tick(SLOW_SECONDS)
    bench.report(returned=((2, 1),), worker=1)
    bench.tick(KEEP_SECONDS / 2)
    bench.report(returned=((4, 1),), worker=2)
    bench.outcomes()

    bench.tick(KEEP_SECONDS / 2)

    assert bench.outcomes() == {2: GIVEN_BACK}
    assert bench.engine.seconds_until_tick(bench.now) > 0.1


def test_a_backlog_without_any_worker_goes_back_and_the_engine_keeps_calm():
    """When no worker comes up, other runners get what waits, and this one does not spin meanwhile."""
    one, two = claims(2)
    bench = Bench().ready().learn(seconds=0.001).grant(one, two).dies()
    bench.tick(0)
    bench.engine.worker_died(2, CRASH, bench.now)
    bench.outcomes()

    bench.tick(KEEP_SECONDS)

    assert bench.outcomes() == {2: GIVEN_BACK}
    assert bench.engine.seconds_until_tick(bench.now) != 0


def test_a_worker_far_away_gets_work_for_the_way_too():
    """Or it would have nothing to do after each task, until its word of that has come and the next task gone there."""
    tasks = claims(6)
    near, far = (Bench(way_seconds=way).ready().learn(seconds=0.0101).grant(*tasks) for way in (0.0, 0.03))

    assert near.to_worker() == [RunClaims((tasks[0],))]
    assert far.to_worker() == [RunClaims(tuple(tasks[:4]))]


def test_what_is_not_known_goes_to_a_worker_far_away_one_by_one_too():
    """It may take long, wherever the worker is."""
    tasks = claims(3)
    bench = Bench(way_seconds=0.03).ready().grant(*tasks)

    assert bench.to_worker() == [RunClaims((tasks[0],))]


def test_a_worker_far_away_is_slow_only_after_the_way():
    """What waits behind its attempt is not fetched while the word that this has ended is still on the way."""
    one, two = claims(2)
    bench = Bench(way_seconds=0.03).ready().learn(seconds=0.001).grant(one, two).starts(one)
    bench.commands()

    assert bench.tick(SLOW_SECONDS).to_worker() == []
    assert bench.tick(0.03).to_worker() == [Recall()]


def test_a_slow_worker_is_sent_nothing_more():
    """While an attempt takes long, its worker has no place to offer."""
    bench = Bench().ready().learn(seconds=0.001).grant(a_claim(1)).tick(SLOW_SECONDS)

    assert bench.engine.request(look_again=True).limit == 0


def test_an_attempt_that_ends_in_the_queue_does_not_make_the_one_before_it_younger():
    """What runs is found to be slow in time, though something behind it was cancelled meanwhile."""
    one, two, three = claims(3)
    bench = Bench().ready().learn(seconds=0.001).grant(one, two, three).starts(one).tick(SLOW_SECONDS / 2)
    bench.ends(two, Outcome(state=TaskState.CANCELLED))
    bench.commands()

    bench.tick(SLOW_SECONDS / 2)

    assert bench.to_worker(1) == [Recall()]


def test_after_a_slow_attempt_the_worker_takes_more():
    """The end of the slow attempt makes the worker free again."""
    bench = Bench().ready().learn(seconds=0.001).grant(a_claim(1)).tick(SLOW_SECONDS).ends(a_claim(1))

    assert bench.engine.request(look_again=True).limit > 0


def test_the_answer_to_a_full_runner_says_nothing_about_what_waits():
    """A runner that asked only for cancellations claims at once when a worker is free again, without a hint."""
    bench = Bench().ready().learn(seconds=5.0).grant(a_claim(1)).tick(SLOW_SECONDS)
    bench.grant()  # asked with a limit of 0

    bench.ends(a_claim(1))

    assert bench.engine.request(look_again=False).limit == 1


def test_an_empty_store_is_not_asked_again_without_a_reason():
    """After an answer without claims the engine waits for a hint or the next poll."""
    bench = Bench().ready().grant()

    assert bench.engine.request(look_again=False) is None
    assert bench.engine.seconds_until_tick(bench.now) == inf
    assert bench.engine.is_idle
