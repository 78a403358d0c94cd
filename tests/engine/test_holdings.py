"""What a runner holds when the store refuses a write, a lease is lost, and as log lines come in."""

from __future__ import annotations

import signal

from engine_bench import GIVEN_BACK, SUCCESS, Bench, a_claim, claims

from lilota.contract import Committed
from lilota.engine.messages import Report, RunClaims, Stored
from lilota.engine.workload import SLOW_SECONDS
from lilota.models import AttemptUpdate, LogLine

# --- refused writes and lost leases


def refuse(bench, claim):
    """Let the store refuse a write of an attempt."""
    bench.engine.committed(Committed(refused=((claim.id, claim.token),)), bench.now)


def test_a_refused_write_kills_the_worker_and_spares_what_waited_in_it():
    """The attempt belongs to somebody else; its neighbours run on in another worker, and nothing is written."""
    one, two = claims(2)
    bench = Bench().ready().learn(seconds=0.001).grant(one, two).starts(one)
    bench.engine.holdings.take_updates()
    bench.commands()

    refuse(bench, one)
    kills = bench.kills()
    bench.dies().tick(0).ready(2).tick(0)

    assert kills == [(1, signal.SIGKILL)]
    assert bench.outcomes() == {}
    assert bench.to_worker(2) == [RunClaims((two,))]


def test_a_worker_that_was_killed_is_sent_nothing_until_it_is_gone():
    """An innocent task must not be lost with a process that is as good as dead."""
    one, two = claims(2)
    bench = Bench().ready().grant(one).starts(one)
    refuse(bench, one)
    bench.grant(two).tick(0)
    sent = bench.to_worker(1)

    bench.dies()

    assert not any(isinstance(message, RunClaims) and two in message.claims for message in sent)
    assert 2 not in bench.outcomes()
    assert bench.engine.holdings.count == 1


def test_a_refused_write_of_an_attempt_that_ended_changes_nothing():
    """The outcome came too late; there is nobody to stop."""
    bench = Bench().ready().grant(a_claim()).ends(a_claim())
    bench.commands()

    refuse(bench, a_claim())

    assert bench.kills() == []
    assert bench.engine.holdings.count == 0


def test_a_lost_lease_stops_what_runs_and_gives_back_the_rest():
    """If the store still counts the attempts as ours, they must not stay with a runner that dropped them."""
    one, two, three = claims(3)
    bench = Bench(workers=2).ready(1).learn(seconds=0.001).grant(one, two).starts(one)
    bench.engine.holdings.take_updates()
    bench.tick(SLOW_SECONDS)
    bench.grant(three)
    bench.commands()

    bench.engine.lose_lease(bench.now)

    outcomes = bench.outcomes()
    assert bench.kills() == [(1, signal.SIGKILL)]
    assert outcomes[1].lost
    assert outcomes[2] == outcomes[3] == GIVEN_BACK
    assert bench.engine.holdings.count == 0


def test_after_a_lost_lease_outcomes_that_are_not_written_are_kept():
    """The store decides by the token whether it takes them; finished work is not thrown away."""
    bench = Bench().ready().grant(a_claim()).ends(a_claim())

    bench.engine.lose_lease(bench.now)

    assert bench.outcomes() == {1: SUCCESS}


def test_after_a_lost_lease_new_work_waits_for_new_workers():
    """A worker that was killed for the lease does not get the next task."""
    bench = Bench().ready().grant(a_claim(1)).starts(a_claim(1))
    bench.engine.lose_lease(bench.now)

    bench.grant(a_claim(2)).dies().tick(0).ready(2).tick(0)

    assert 2 not in bench.outcomes()
    assert bench.to_worker(2) == [RunClaims((a_claim(2),))]


# --- log lines


def test_lines_are_numbered_from_those_on_that_the_log_had_when_the_task_was_claimed():
    """Each batch can be sent again: a store that has its lines already can tell."""
    bench = Bench().ready().grant(a_claim(log_count=3))
    line = LogLine(at=1.0, text="line")

    bench.report(AttemptUpdate(id=1, token=1, started_at=1.0, log_lines=(line, line)))
    bench.report(AttemptUpdate(id=1, token=1, progress=1.0))
    bench.report(AttemptUpdate(id=1, token=1, log_lines=(line,), outcome=SUCCESS))

    assert [update.log_offset for update in bench.engine.holdings.take_updates()] == [3, None, 5]


def test_lines_have_no_numbers_where_the_store_does_not_say_how_many_there_are():
    """It appends what it gets."""
    bench = Bench().ready().grant(a_claim())

    bench.report(AttemptUpdate(id=1, token=1, log_lines=(LogLine(at=1.0, text="line"),)))

    assert [update.log_offset for update in bench.engine.holdings.take_updates()] == [None]


def test_an_attempt_that_runs_again_in_another_worker_is_counted_on():
    """Under the same claim the log goes on, whatever has been told of it before."""
    bench = Bench(workers=2).ready(1).learn(0.001).grant(*(a_claim(number, log_count=0) for number in (1, 2)))
    line = LogLine(at=1.0, text="line")
    bench.report(AttemptUpdate(id=2, token=1, log_lines=(line,)))
    bench.ready(2).dies(1).tick(0)

    bench.report(AttemptUpdate(id=2, token=1, log_lines=(line, line)), worker=2)

    offsets = [update.log_offset for update in bench.engine.holdings.take_updates() if update.id == 2]
    assert offsets == [0, 1]


# --- questions: is it in the store?


def ask(bench, number=1, worker=1, **news):
    """A worker tells something of the task 1, and waits until it is stored."""
    updates = (AttemptUpdate(id=1, token=1, **news),) if news else ()
    bench.engine.hear(worker, Report(updates=updates, question=(1, 1, number)), bench.now)


def answers(bench):
    """Return what the worker is answered when the runner has talked with its store."""
    bench.engine.holdings.answer_questions()
    return [message for message in bench.to_worker() if isinstance(message, Stored)]


def test_a_question_is_answered_once_the_report_is_written():
    """Not while the store is away, and not a second time."""
    bench = Bench().ready().grant(a_claim()).starts(a_claim())
    ask(bench, output_json="{}")
    holdings = bench.engine.holdings
    updates = holdings.take_updates()
    holdings.keep_updates(updates)
    while_away = answers(bench)

    holdings.take_updates()

    assert while_away == []
    assert answers(bench) == [Stored((1, 1), 1)]
    assert answers(bench) == []


def test_a_question_does_not_wait_for_what_others_report():
    """Only for the own attempt, of which there may be nothing left to write."""
    one, two = claims(2)
    bench = Bench(workers=2).ready().grant(one, two).tick(0).starts(one)
    bench.engine.holdings.take_updates()
    bench.starts(two, worker=2)

    ask(bench)

    assert answers(bench) == [Stored((1, 1), 1)]


def test_an_attempt_of_which_the_store_refuses_reports_gets_no_answer():
    """It belongs to somebody else, and must not go on in the moment before it is killed."""
    bench = Bench().ready().grant(a_claim()).starts(a_claim())
    ask(bench, output_json="{}")
    bench.engine.holdings.take_updates()

    refuse(bench, a_claim())

    assert answers(bench) == []
