"""The steps against an attempt that should end: ask, SIGTERM, SIGKILL."""

from __future__ import annotations

import signal

import pytest
from engine_bench import SUCCESS, Bench, a_claim, claims

from lilota.engine.commands import AskForStack, Kill, Send, StartWorker
from lilota.engine.fates import Death
from lilota.engine.messages import Interrupt
from lilota.engine.stop_ladder import STACK_SECONDS
from lilota.engine.workload import SLOW_SECONDS
from lilota.models import AttemptUpdate, Outcome, TaskState


def test_a_cancelled_attempt_that_waits_here_ends_at_once():
    """Nobody has to be asked about what is only in the backlog."""
    bench = Bench()
    bench.ready().learn(seconds=5.0).grant(a_claim(1), a_claim(2))

    bench.grant(cancel=((2, 1),))

    assert bench.outcomes() == {2: Outcome(state=TaskState.CANCELLED)}


def test_a_cancelled_attempt_that_is_queued_in_a_worker_ends_without_harm_to_the_one_that_runs():
    """The worker is asked; however long that takes, it is not killed for something that does not run in it."""
    one, two = claims(2)
    bench = Bench().ready().learn(seconds=0.001).grant(one, two).starts(one)
    bench.commands()

    bench.grant(cancel=((2, 1),))
    asked = bench.to_worker()
    bench.tick(100)
    bench.tick(100)

    assert asked == [Interrupt((2, 1), "cancel")]
    assert bench.kills() == []


def test_a_running_attempt_is_asked_then_terminated_then_killed():
    """Interrupt, SIGTERM after the grace period, SIGKILL after another."""
    bench = Bench().ready().learn(seconds=5.0, kill_after_seconds=2.0).grant(a_claim()).starts(a_claim())
    bench.commands()

    steps = []
    bench.grant(cancel=((1, 1),))
    steps.append(bench.commands())
    bench.tick(1.9)
    steps.append(bench.kills())
    bench.tick(0.2)
    steps.append(bench.kills())
    bench.tick(2.0)
    steps.append(bench.kills())

    assert steps == [
        [Send(1, Interrupt((1, 1), "cancel"))],
        [],
        [(1, signal.SIGTERM)],
        [(1, signal.SIGKILL)],
    ]
    assert bench.dies().outcomes() == {1: Outcome(state=TaskState.CANCELLED)}


def test_a_task_is_asked_for_its_stack_once_a_moment_before_it_is_ended_by_force():
    """There is time to answer, and no longer; one that ended when it was asked is not."""
    bench = Bench().ready().learn(seconds=5.0, kill_after_seconds=2.0).grant(a_claim()).starts(a_claim())
    bench.grant(cancel=((1, 1),)).tick(1.8)
    before = bench.commands()

    bench.tick(0.15)
    asked = bench.commands()
    bench.tick(0.1)
    terminated = bench.commands()
    bench.tick(2)

    assert AskForStack(1) not in before
    assert asked == [AskForStack(1)]
    assert terminated == [Kill(1, signal.SIGTERM)]
    assert bench.commands() == [Kill(1, signal.SIGKILL)]


def test_a_runner_that_looks_late_still_leaves_a_moment_for_the_stack():
    """It was busy with its store, say."""
    bench = Bench().ready().learn(seconds=5.0, kill_after_seconds=2.0).grant(a_claim()).starts(a_claim())
    bench.grant(cancel=((1, 1),))
    bench.commands()

    bench.now += 60
    bench.engine.tick(bench.now)
    asked = bench.commands()
    bench.tick(STACK_SECONDS)

    assert asked == [AskForStack(1)]
    assert bench.kills() == [(1, signal.SIGTERM)]


def test_the_stack_of_a_task_that_was_ended_by_force_is_kept_in_its_log():
    """In the update that ends it, so that nothing can come in between; its error has it too, if it has one."""
    stack = 'Current thread 0x01 (most recent call first):\n  File "tasks.py", line 3 in run\n'
    bench = Bench().ready().learn(seconds=5.0, timeout_seconds=3.0, kill_after_seconds=2.0)
    bench.grant(a_claim()).starts(a_claim()).tick(10)
    bench.engine.holdings.take_updates()

    bench.engine.worker_died(1, Death("was killed by signal 9 (SIGKILL)", "last words", stack=stack), bench.now)
    (update,) = bench.engine.holdings.take_updates()

    where = ["The thread of the task, the innermost call first:", '  File "tasks.py", line 3 in run']
    assert [line.text for line in update.log_lines][1:] == where
    assert update.log_lines[0].text.startswith("It was over its time limit, did not end when it was asked to")
    assert {line.source for line in update.log_lines} == {"lilota"}
    assert update.outcome is not None
    assert update.outcome.error is not None
    assert update.outcome.error.traceback.splitlines() == [*where, "last words"]


def test_a_request_that_is_repeated_does_not_start_over():
    """The store names a cancelled attempt each time; the grace period counts from the first."""
    bench = Bench().ready().learn(seconds=5.0, kill_after_seconds=2.0).grant(a_claim()).starts(a_claim())
    bench.grant(cancel=((1, 1),)).tick(1.5).grant(cancel=((1, 1),))
    bench.commands()

    bench.tick(0.6)

    assert bench.kills() == [(1, signal.SIGTERM)]


def test_without_a_grace_period_the_engine_still_keeps_calm():
    """kill_after_seconds = 0 kills fast, but not in a loop without a pause."""
    bench = Bench().ready().learn(seconds=5.0, kill_after_seconds=0.0).grant(a_claim()).starts(a_claim())
    bench.tick(SLOW_SECONDS).grant(cancel=((1, 1),))
    bench.commands()

    pauses, kills = [], []
    for _ in range(3):
        pauses.append(bench.engine.seconds_until_tick(bench.now))
        bench.tick(pauses[-1])
        kills += bench.kills()

    assert kills[:2] == [(1, signal.SIGTERM), (1, signal.SIGKILL)]
    assert min(pauses) > 0


def test_a_timeout_asks_first():
    """At the time limit of its class the attempt is interrupted for that reason."""
    bench = Bench().ready().learn(seconds=5.0, timeout_seconds=3.0).grant(a_claim()).starts(a_claim())
    bench.commands()

    bench.tick(2.9)
    early = bench.commands()
    bench.tick(0.2)

    assert not any(isinstance(command, Send) for command in early)
    assert bench.to_worker() == [Interrupt((1, 1), "timeout")]


def test_a_timeout_counts_from_the_start_even_if_the_class_is_known_later():
    """An import that takes long is told as started before its options are known; the limit holds nevertheless."""
    bench = Bench().ready().grant(a_claim()).starts(a_claim()).tick(2.0)
    bench.loads(timeout_seconds=3.0)
    bench.commands()

    bench.tick(1.1)

    assert bench.to_worker() == [Interrupt((1, 1), "timeout")]


def test_the_grace_period_of_a_class_counts_also_if_it_is_known_only_after_the_cancellation():
    """A cancellation that comes during the import waits neither longer nor shorter than the class says."""
    bench = Bench().ready().grant(a_claim()).starts(a_claim())
    bench.grant(cancel=((1, 1),)).tick(0.3)
    bench.loads(kill_after_seconds=0.5)
    bench.commands()

    bench.tick(0.3)

    assert bench.kills() == [(1, signal.SIGTERM)]


@pytest.mark.parametrize(("max_attempts", "state"), [(1, TaskState.FAILED), (2, TaskState.PENDING)])
def test_an_attempt_that_was_killed_for_its_timeout_is_retried_like_an_error(max_attempts, state):
    """Attempts that are left are used; the error says what happened."""
    options = {"timeout_seconds": 3.0, "kill_after_seconds": 1.0, "max_attempts": max_attempts}
    bench = Bench().ready().learn(seconds=5.0, **options).grant(a_claim()).starts(a_claim())
    bench.tick(3).tick(1).tick(1)
    bench.engine.holdings.take_updates()

    outcome = bench.dies().outcomes()[1]

    assert outcome.state is state
    assert outcome.error.type == "TimeoutReached"
    assert not outcome.lost


def test_a_task_that_survives_its_sigterm_costs_only_its_worker():
    """A worker that was meant to die is not left over as a place that nobody uses."""
    bench = Bench().ready().learn(seconds=5.0, kill_after_seconds=1.0).grant(a_claim()).starts(a_claim())
    bench.grant(cancel=((1, 1),)).tick(1)
    bench.commands()

    bench.ends(a_claim())

    assert bench.kills() == [(1, signal.SIGKILL)]
    assert bench.dies().tick(0).commands() == [StartWorker(2)]


def test_a_task_that_survives_its_sigterm_costs_its_worker_also_if_something_waited_behind_it():
    """Its end and what its worker returns may come in one report; the worker is not left over all the same."""
    one, two = claims(2)
    bench = Bench().ready().learn(seconds=0.001, kill_after_seconds=1.0).grant(one, two).starts(one)
    bench.grant(cancel=(one.fence,)).tick(1)
    bench.commands()

    bench.report(AttemptUpdate(id=one.id, token=one.token, outcome=SUCCESS), returned=(two.fence,))

    assert bench.kills() == [(1, signal.SIGKILL)]
