"""Attempts with a limit of memory or of processor time: somebody looks, and they are ended with numbers in the text."""

from __future__ import annotations

import logging
import signal

import pytest
from engine_bench import CRASH, Bench, a_claim

from lilota.contract.history import told_attempt
from lilota.engine.commands import Measure
from lilota.engine.messages import Interrupt
from lilota.engine.stop_ladder import MEMORY_PATIENCE_SECONDS
from lilota.models import Outcome, TaskState


def running(**options):
    """Return a bench whose worker runs an attempt of a class with these options."""
    bench = Bench().ready().learn(seconds=5.0, **options).grant(a_claim()).starts(a_claim())
    return bench.tick(0)


def looks(bench):
    """Return who is to be measured since the last look, and from where on exactly."""
    return [(c.worker, c.exact_above_bytes) for c in bench.commands() if isinstance(c, Measure)]


def test_nobody_looks_at_attempts_without_a_limit():
    """A plain task costs nothing."""
    bench = running()

    bench.tick(60)

    assert looks(bench) == []


def test_somebody_looks_when_an_attempt_with_a_limit_starts_and_as_long_as_it_runs():
    """The first look is at its start; after its end there is none any more."""
    bench = running(max_memory_mb=300)
    at_start = looks(bench)

    bench.uses(memory_mb=30).tick(1.1)
    while_it_runs = looks(bench)
    bench.ends(a_claim()).tick(10)

    assert at_start == [(1, 300_000_000)]
    assert 3 <= len(while_it_runs) <= 60
    assert looks(bench) == []


def test_the_nearer_the_limit_the_sooner_is_the_next_look():
    """What can be filled in a moment is looked at in that moment."""
    far = running(max_memory_mb=100_000).uses(memory_mb=30)
    near = running(max_memory_mb=300).uses(memory_mb=250)
    looks(far), looks(near)

    assert len(looks(far.tick(0.2))) == 0
    assert len(looks(near.tick(0.2))) > 0


def test_beyond_its_memory_it_is_asked_to_end_with_both_numbers():
    """The exception says what was used and what the limit is, once."""
    bench = running(max_memory_mb=2000).uses(memory_mb=30)
    bench.commands()

    bench.uses(memory_mb=2140).uses(memory_mb=2150)

    words = "The task used 2.14 GB of memory, its limit is 2 GB."
    assert bench.to_worker() == [Interrupt((1, 1), "memory", words)]


def test_at_its_limit_it_goes_on():
    """What it may use it may use."""
    bench = running(max_memory_mb=200, max_cpu_seconds=2.0).uses(memory_mb=30, cpu_seconds=1.0)
    bench.commands()

    bench.uses(memory_mb=200, cpu_seconds=3.0)

    assert bench.to_worker() == []


def test_the_patience_with_memory_is_short():
    """A task that has long to clean up after a timeout has not here."""
    bench = running(max_memory_mb=200, kill_after_seconds=600).uses(memory_mb=250)
    bench.tick(MEMORY_PATIENCE_SECONDS - 0.1)
    before = bench.kills()

    bench.tick(0.2)
    terminated = bench.kills()
    bench.tick(MEMORY_PATIENCE_SECONDS)

    assert before == []
    assert terminated == [(1, signal.SIGTERM)]
    assert bench.kills() == [(1, signal.SIGKILL)]


def test_one_that_was_asked_and_takes_still_more_is_killed_at_once():
    """Others need the memory; the error says the newest number, and that force was needed."""
    bench = running(max_memory_mb=200).uses(memory_mb=250)
    bench.commands()

    bench.uses(memory_mb=280)

    assert bench.kills() == [(1, signal.SIGKILL)]
    error = bench.dies().outcomes()[1].error
    assert error.type == "MemoryLimitReached"
    assert error.message == (
        "The task used 280 MB of memory, its limit is 200 MB. "
        "It did not end when it was asked to, and was stopped by force."
    )


def test_a_cancelled_task_that_eats_memory_is_killed_and_stays_cancelled():
    """The patience of a cancellation is not for that."""
    bench = running(max_memory_mb=200, kill_after_seconds=600).uses(memory_mb=30)
    bench.grant(cancel=((1, 1),))

    bench.uses(memory_mb=250).uses(memory_mb=290)

    assert bench.kills() == [(1, signal.SIGKILL)]
    assert bench.dies().outcomes() == {1: Outcome(state=TaskState.CANCELLED)}


def test_processor_time_counts_from_the_start_of_the_attempt():
    """What the worker has used before is not its own."""
    bench = running(max_cpu_seconds=5).uses(cpu_seconds=100.0)
    bench.commands()

    bench.uses(cpu_seconds=104.9)
    within = bench.to_worker()
    bench.uses(cpu_seconds=105.3)

    assert within == []
    words = "The task used 5.3 s of processor time, its limit is 5 s."
    assert bench.to_worker() == [Interrupt((1, 1), "cpu", words)]


@pytest.mark.parametrize("use", [{"memory_mb": 900}, {"cpu_seconds": 900}])
def test_it_counts_like_a_timeout_and_not_as_lost(use):
    """Another attempt follows if there is one."""
    bench = running(max_memory_mb=200, max_cpu_seconds=5, max_attempts=2, kill_after_seconds=1).uses().uses(**use)

    outcome = bench.tick(10).dies().outcomes()[1]

    assert (outcome.state, outcome.lost, outcome.spends_attempt) == (TaskState.PENDING, False, True)


def test_what_comes_too_late_harms_nobody():
    """The answer may come when the attempt has ended, another one runs, or the worker is gone."""
    bench = running(max_memory_mb=200).ends(a_claim()).grant(a_claim(2))
    bench.commands()

    bench.uses(memory_mb=900).dies().uses(memory_mb=900)

    assert bench.kills() == []


def test_where_nobody_can_look_the_runner_says_so_once(caplog):
    """A limit is never without effect in silence; somebody has to look at it."""
    bench = running(max_memory_mb=200)

    with caplog.at_level(logging.WARNING):
        bench.engine.worker_measured(1, None, bench.now)
        bench.engine.worker_measured(1, None, bench.now)

    assert len(caplog.records) == 1
    assert "Tasks named 'task' run without their limits of memory and processor time" in caplog.text
    assert bench.engine.troubles == (caplog.records[0].getMessage(),)


def test_a_worker_that_dies_beyond_its_limit_by_itself_has_the_limit_as_its_cause():
    """The kernel may be quicker than its runner."""
    bench = running(max_memory_mb=200).uses(memory_mb=30).uses(memory_mb=250)

    bench.engine.worker_died(1, CRASH, bench.now)

    assert bench.outcomes()[1].error.type == "MemoryLimitReached"


def test_what_an_attempt_used_is_on_record_however_it_ended():
    """A success has a note only where somebody has looked: what it used stands nowhere else."""
    limited, plain = running(max_memory_mb=300).uses(memory_mb=30).uses(memory_mb=80.04), running()

    of_limited, of_plain = (
        [note for update in bench.ends(a_claim()).engine.holdings.take_updates() for note in update.notes]
        for bench in (limited, plain)
    )

    assert [(told_attempt(note).outcome, told_attempt(note).peak_memory_mb) for note in of_limited] == [
        ("succeeded", 80.0)
    ]
    assert of_plain == []


def test_an_attempt_that_died_before_it_could_say_that_it_began_is_on_record():
    """It counts as lost, so its number would else be missing, and why it died."""
    bench = Bench().ready().grant(a_claim())

    bench.dies()

    notes = [note for update in bench.engine.holdings.take_updates() for note in update.notes]
    assert [(told_attempt(note).outcome, told_attempt(note).error.type) for note in notes] == [("lost", "WorkerDied")]
