"""Workers are replaced after so many attempts, at an age, or at a size; nothing waits for that, nothing is lost."""

from __future__ import annotations

import logging

import pytest
from engine_bench import Bench, a_claim, claims

from lilota.engine.commands import Measure, Send, StartWorker
from lilota.engine.messages import Finish, RunClaims
from lilota.engine.renewal import RenewalRules


def a_bench(workers=1, **rules):
    """Return a bench with workers that are up and are to be replaced."""
    overlap = rules.pop("may_overlap", True)
    bench = Bench(workers, renewal=RenewalRules(**rules), may_overlap=overlap).ready().learn(seconds=0.001)
    bench.commands()
    return bench


def started(commands):
    """Return the numbers of the workers that are to be started."""
    return [command.worker for command in commands if isinstance(command, StartWorker)]


def told(commands, kind):
    """Return who was sent a message of a kind."""
    return [command.worker for command in commands if isinstance(command, Send) and isinstance(command.message, kind)]


def run(bench, *numbers, worker=1):
    """Let a worker run attempts to their ends."""
    for number in numbers:
        bench.grant(a_claim(number)).starts(a_claim(number), worker).ends(a_claim(number), worker=worker)
    return bench.tick(0)


def test_after_so_many_attempts_another_worker_is_started_and_then_the_old_one_told_to_leave():
    """Until the new one is up, the place is not empty."""
    bench = a_bench(after_tasks=2)
    run(bench, 1)
    early = bench.commands()

    run(bench, 2)
    due = bench.commands()
    bench.ready(2)
    up = bench.commands()

    assert started(early) == []
    assert (started(due), told(due, Finish)) == ([2], [])
    assert told(up, Finish) == [1]
    assert bench.leaves(1).dies(1).tick(10).outcomes().keys() == {1, 2}
    assert started(bench.commands()) == []


def test_a_worker_gets_no_more_attempts_than_it_may_run():
    """However short they are: what is more goes to the next one."""
    bench = a_bench(after_tasks=3)

    bench.grant(*claims(5)).tick(0)
    first = [claim.id for c in bench.commands() if isinstance(c, Send) for claim in getattr(c.message, "claims", ())]
    for claim in claims(3):
        bench.starts(claim).ends(claim)
    bench.tick(0).ready(2).tick(0)
    sent = [c for c in bench.commands() if isinstance(c, Send) and isinstance(c.message, RunClaims)]

    assert first == [1, 2, 3]
    assert [(c.worker, [claim.id for claim in c.message.claims]) for c in sent] == [(2, [4, 5])]


def test_the_new_worker_waits_until_the_old_one_has_ended_what_it_has():
    """There are never more attempts at once than places."""
    bench = a_bench(after_seconds=60).tick(61)
    assert started(bench.commands()) == [2]
    bench.grant(a_claim(1)).starts(a_claim(1)).ready(2).tick(5)
    bench.commands()

    bench.grant(a_claim(2)).tick(0)
    while_it_runs = told(bench.commands(), RunClaims)
    bench.ends(a_claim(1)).tick(0)

    assert while_it_runs == []
    assert told(bench.commands(), RunClaims) == [2]


def test_an_attempt_that_takes_long_ends_before_anybody_is_started():
    """Who would take the place had to wait for hours."""
    bench = a_bench(after_seconds=60).grant(a_claim()).starts(a_claim()).tick(600)
    long_runs = started(bench.commands())

    bench.ends(a_claim()).tick(0)

    assert long_runs == []
    assert started(bench.commands()) == [2]


def test_workers_of_one_age_are_replaced_one_after_the_other():
    """A machine does not start all at once."""
    bench = a_bench(workers=2, after_seconds=60).tick(61)
    first = started(bench.commands())

    bench.tick(5).ready(3).leaves(1).dies(1).tick(0)
    second = started(bench.commands())

    assert (first, second) == ([3], [4])


def test_a_worker_that_is_too_large_after_an_attempt_is_replaced():
    """It is looked at after attempts, once a second at most; in between nobody looks."""
    bench = a_bench(after_mb=500)
    run(run(bench, 1), 2, 3)
    looks = [command for command in bench.commands() if isinstance(command, Measure)]

    bench.uses(memory_mb=499)
    small = started(bench.commands())
    bench.tick(30)
    again = [command for command in bench.commands() if isinstance(command, Measure)]
    bench.uses(memory_mb=501)

    assert looks == [Measure(1, 500_000_000)]
    assert small == []
    assert len(again) == 1
    assert started(bench.commands()) == [2]


def test_where_nobody_can_tell_a_size_the_runner_says_so_once(caplog):
    """The setting is not without effect in silence."""
    bench = run(a_bench(after_mb=500), 1)

    with caplog.at_level(logging.WARNING):
        bench.engine.worker_measured(1, None, bench.now)
        run(bench, 2).tick(10)

    assert [record.getMessage() for record in caplog.records] == [
        "The setting 'recycle_after_mb' has no effect: nothing tells here what a worker uses."
    ]
    assert [command for command in bench.commands() if isinstance(command, Measure)] == [Measure(1, 500_000_000)]


def test_nothing_is_kept_of_workers_that_are_gone():
    """A runner lives for months, and each of its workers comes after another one."""
    bench = a_bench(after_seconds=60)
    for number in (1, 2, 3):
        bench.tick(61).ready(number + 1).leaves(number).dies(number)

    assert [worker.predecessor for worker in bench.engine.crew.workers.values()] == [None]


def test_where_there_is_no_room_for_both_the_old_one_leaves_first():
    """An executor has only so many places."""
    bench = a_bench(after_tasks=1, may_overlap=False)

    run(bench, 1)
    due = bench.commands()
    bench.leaves(1).dies(1).tick(0)

    assert (started(due), told(due, Finish)) == ([], [1])
    assert started(bench.commands()) == [2]


def test_a_new_worker_that_does_not_come_up_is_tried_again_while_the_old_one_works_on():
    """A bad start costs nothing that works."""
    bench = a_bench(after_seconds=60).tick(61)
    assert started(bench.commands()) == [2]

    bench.dies(2).tick(1)
    again = started(bench.commands())
    bench.grant(a_claim()).tick(0)
    works_on = told(bench.commands(), RunClaims)
    bench.ends(a_claim()).ready(3)

    assert again == [3]
    assert works_on == [1]
    assert told(bench.commands(), Finish) == [1]


def test_a_runner_whose_used_up_worker_gets_no_successor_counts_the_starts_in_vain():
    """It can run nothing any more, though a process lives; somebody must hear of it."""
    bench = run(a_bench(after_tasks=1), 1)

    bench.dies(2).tick(1).dies(3)

    assert bench.engine.crew.starts_in_vain == 2


def test_an_old_worker_that_dies_leaves_its_place_to_the_new_one():
    """Nobody is started twice."""
    bench = a_bench(after_seconds=60).tick(61)
    assert started(bench.commands()) == [2]

    bench.dies(1).tick(0).ready(2).tick(1)

    assert started(bench.commands()) == []


@pytest.mark.parametrize("rules", [{}, {"after_tasks": 10**6}])
def test_without_a_reason_nobody_is_replaced(rules):
    """Workers live as long as their runner."""
    bench = a_bench(**rules)

    run(bench, *range(1, 50)).tick(10_000)

    assert started(bench.commands()) == []


def test_a_runner_that_stops_replaces_nobody():
    """Nothing is started any more."""
    bench = a_bench(after_seconds=60)
    bench.engine.stop_claiming()

    bench.tick(100)

    assert started(bench.commands()) == []
