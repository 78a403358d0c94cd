"""Workers that die, come up, or never come up."""

from __future__ import annotations

from math import inf

import pytest
from engine_bench import CRASH, SUCCESS, Bench, a_claim, claims

from lilota.engine.commands import Send, StartWorker
from lilota.engine.crew import RESTART_LIMIT_SECONDS, RESTART_SECONDS
from lilota.engine.fates import Death
from lilota.engine.messages import RunClaims
from lilota.models import TaskError, TaskState


def test_the_attempt_that_ran_in_a_dead_worker_is_lost_and_the_others_wait_again():
    """Only the first is counted as lost; its neighbours go to the next worker as if nothing had happened."""
    one, two, three = claims(3)
    bench = Bench().ready().learn(seconds=0.001).grant(one, two, three).dies()
    lost = bench.outcomes()

    bench.tick(0).ready(2).tick(0)

    assert lost.keys() == {1}
    assert lost[1].lost
    assert lost[1].state is TaskState.PENDING
    assert lost[1].error == TaskError(
        type="WorkerDied", message="The worker process was killed by signal 9 (SIGKILL).", traceback="last words"
    )
    assert bench.to_worker(2) == [RunClaims((two, three))]


def test_a_task_that_killed_its_worker_too_often_fails():
    """At the limit the task fails, and the error says how often and how."""
    claim = a_claim(lost_attempts=2)
    bench = Bench().ready().grant(claim).dies()

    outcome = bench.outcomes()[1]

    assert outcome.state is TaskState.FAILED
    assert outcome.error.message == "The worker died 3 times; the last time it was killed by signal 9 (SIGKILL)."


def test_the_stricter_of_two_limits_to_lost_attempts_holds():
    """A class that allows one attempt only is not run again, though the task was added without knowing that."""
    bench = Bench().ready().learn(seconds=0.1, max_lost_attempts=1).grant(a_claim()).dies()

    assert bench.outcomes()[1].state is TaskState.FAILED


def test_the_store_learns_a_stricter_limit_when_the_attempt_starts():
    """For the case that the runner dies, the store must know the limit of the class."""
    bench = Bench().ready().learn(seconds=0.1, max_lost_attempts=1).grant(a_claim()).starts(a_claim())

    assert [update.max_lost_attempts for update in bench.engine.holdings.take_updates()].count(1) == 1


def test_before_a_class_is_known_the_limit_of_the_task_stays():
    """A task that may lose fifty attempts keeps that, though the default of classes is three."""
    claim = a_claim(max_lost_attempts=50, lost_attempts=10)
    bench = Bench().ready().grant(claim).starts(claim).dies()

    updates = bench.engine.holdings.take_updates()

    assert all(update.max_lost_attempts is None for update in updates)
    assert updates[-1].outcome.state is TaskState.PENDING


def test_a_dead_worker_is_replaced_at_once():
    """A worker that has worked is replaced without a pause, under a new number."""
    bench = Bench().ready().grant(a_claim())
    bench.commands()

    bench.dies().tick(0)

    assert bench.commands() == [StartWorker(2)]


def test_a_worker_that_dies_as_soon_as_it_is_up_is_not_replaced_at_once():
    """Workers that a broken environment kills before their first task must not be started as fast as possible."""
    bench = Bench().ready()

    bench.engine.worker_died(1, CRASH, bench.now)
    bench.engine.tick(bench.now)
    at_once = bench.commands()
    bench.tick(RESTART_SECONDS)

    assert at_once == []
    assert bench.commands() == [StartWorker(2)]


def test_workers_that_never_come_up_are_started_at_growing_intervals_one_at_a_time():
    """A broken program is not started in a tight loop, and not on all workers at once."""
    bench = Bench(workers=2)
    for worker in bench.started:
        bench.dies(worker)
    pauses, started = [], []
    for _ in range(12):
        pause = bench.engine.seconds_until_tick(bench.now)
        bench.tick(pause)
        (start,) = bench.commands()
        assert bench.engine.seconds_until_tick(bench.now) == inf, "it waits for the one that it has started"
        bench.dies(start.worker)
        pauses.append(pause)
        started.append(start.worker)

    assert pauses[0] == pytest.approx(2 * RESTART_SECONDS)
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(RESTART_LIMIT_SECONDS)
    assert bench.engine.crew.failed_starts == 14
    assert bench.engine.crew.last_start_failure == CRASH


def test_a_worker_that_is_not_fit_to_run_anything_counts_as_one_that_could_not_start(caplog):
    """It gets nothing to run; the log says why once, until one has come up, and the next start waits a moment."""
    bench = Bench(workers=2)
    places = bench.engine.request(look_again=True).limit

    for worker in bench.started:
        bench.unfit(worker)

    assert places == bench.engine.request(look_again=True).limit == 0
    assert bench.engine.crew.failed_starts == 2
    death = bench.engine.crew.last_start_failure
    assert (death.cause, death.is_explained) == (
        "has not what its runner has. The plugin 'sole' is gone.",
        True,
    )
    said = "The worker process {} takes no tasks, and a restart of the runner is due: The plugin 'sole' is gone."
    assert caplog.messages == [said.format(1)]
    assert bench.engine.troubles == (said.format(1),)
    bench.tick(RESTART_LIMIT_SECONDS).ready(3).tick(0).unfit(4)
    assert caplog.messages == [said.format(1), said.format(4)]
    assert bench.engine.troubles == (said.format(4),)
    bench.tick(RESTART_LIMIT_SECONDS).ready(5)
    assert bench.engine.troubles == ()


def test_what_is_said_of_a_worker_names_its_node_where_there_are_nodes():
    """Of one that is not fit, and of the last of those with which a task was lost too often."""
    bench = Bench(workers=2).ready(1).grant(a_claim(lost_attempts=2))
    for worker, node in ((1, "tcp://a:1"), (2, "tcp://b:1")):
        bench.engine.crew.note_node(worker, node)

    bench.unfit(2)
    bench.engine.worker_died(1, Death("was lost: its node left the cluster", node="tcp://a:1"), bench.now)

    assert bench.engine.crew.unfit.startswith("The worker process 2 on tcp://b:1 takes no tasks")
    assert bench.outcomes()[1].error.message == (
        "The worker died 3 times; the last time, on tcp://a:1, it was lost: its node left the cluster."
    )


def test_when_a_worker_comes_up_after_all_the_others_are_started():
    """One success ends the caution."""
    bench = Bench(workers=3)
    for worker in bench.started:
        bench.dies(worker)
    bench.tick(RESTART_LIMIT_SECONDS)
    (start,) = bench.commands()

    bench.ready(start.worker).tick(0)

    assert len(bench.commands()) == 2
    assert bench.engine.crew.failed_starts == 0


def test_a_worker_that_leaves_loses_nothing():
    """What was on its way to a worker that ended in good order did not start, and runs elsewhere."""
    ended, claim = claims(2)
    bench = Bench(workers=2).ready(1).grant(ended).starts(ended).ends(ended).grant(claim)
    bench.leaves()
    bench.ready(2).dies(1).tick(0)

    assert bench.outcomes() == {1: SUCCESS}
    assert Send(2, RunClaims((claim,))) in bench.commands()


def test_a_worker_that_leaves_is_sent_nothing_more():
    """It would come back unrun."""
    bench = Bench().ready().grant(a_claim()).ends(a_claim())
    bench.leaves()

    assert bench.engine.request(look_again=True).limit == 0


def test_a_place_where_no_worker_starts_holds_up_no_other_place():
    """A worker that was of use is replaced at once, and a new place gets one, however often the bad one has failed."""
    bench = Bench(workers=2).ready(1)
    bad = 2
    for _ in range(8):
        bench.dies(bad).tick(RESTART_LIMIT_SECONDS)
        (bad,) = (command.worker for command in bench.commands())
    bench.dies(bad).tick(0)

    held_back = bench.commands()
    bench.grant(a_claim()).ends(a_claim()).leaves(1).dies(1).tick(0)
    replaced = [command.worker for command in bench.commands() if isinstance(command, StartWorker)]
    bench.engine.crew.size = 3
    bench.tick(0)
    added = [command.worker for command in bench.commands()]
    bench.tick(RESTART_LIMIT_SECONDS)

    assert held_back == []
    assert (replaced, added) == ([bad + 1], [bad + 2])
    assert bench.commands() == [], "the bad place is tried again when the others are up"
    bench.ready(bad + 1, bad + 2).tick(RESTART_LIMIT_SECONDS)
    assert bench.commands() == [StartWorker(bad + 3)]


def test_only_starts_at_a_time_when_no_worker_is_up_are_in_vain():
    """While others work, a place where none starts is no reason to give up; not even in the moment of a replacement."""
    bench = Bench(workers=2).ready(1)
    bad = 2
    for _ in range(15):
        bench.dies(bad).tick(RESTART_LIMIT_SECONDS)
        (bad,) = (command.worker for command in bench.commands())
    in_vain = bench.engine.crew.starts_in_vain
    bench.grant(a_claim()).ends(a_claim()).leaves(1).dies(1).tick(0)
    in_vain_meanwhile = bench.engine.crew.starts_in_vain
    bench.dies(bad)

    assert in_vain == in_vain_meanwhile == 0
    assert bench.engine.crew.failed_starts == 16
    assert bench.engine.crew.starts_in_vain == 1
