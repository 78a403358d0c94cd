"""The decisions of the engine, one behaviour at a time, in virtual time."""

from __future__ import annotations

import signal
from math import inf

import pytest

from lilota.contract import Claimed, Committed
from lilota.engine.commands import Kill, Send, StartWorker
from lilota.engine.crew import RESTART_LIMIT_SECONDS, RESTART_SECONDS
from lilota.engine.engine import Engine
from lilota.engine.fates import Death
from lilota.engine.messages import Finish, Interrupt, Loaded, Recall, Report, RunClaims
from lilota.engine.pacing import BATCH_LIMIT
from lilota.engine.workload import KEEP_SECONDS, SLOW_SECONDS
from lilota.models import AttemptUpdate, Claim, LogLine, Outcome, TaskError, TaskState
from lilota.tasks.options import TaskOptions

SUCCESS = Outcome(state=TaskState.SUCCEEDED)
GIVEN_BACK = Outcome(state=TaskState.PENDING, spends_attempt=False)
CRASH = Death("was killed by signal 9 (SIGKILL)", "last words")


class Bench:
    """An engine, the time, and short words for what happens to it."""

    def __init__(self, workers: int = 1) -> None:
        self.engine = Engine("me", workers, ("task",))
        self.now = 0.0
        self.engine.tick(self.now)
        self.started = [command.worker for command in self.commands() if isinstance(command, StartWorker)]

    def commands(self):
        """Return the commands since the last look."""
        return self.engine.take_commands()

    def to_worker(self, worker=1):
        """Return the messages to a worker since the last look; other commands are lost."""
        return [c.message for c in self.commands() if isinstance(c, Send) and c.worker == worker]

    def kills(self):
        """Return the signals since the last look, per worker."""
        return [(c.worker, c.signal_number) for c in self.commands() if isinstance(c, Kill)]

    def outcomes(self):
        """Return task id -> outcome of what is to be written."""
        return {update.id: update.outcome for update in self.engine.take_updates() if update.outcome}

    def ready(self, *workers):
        """Let workers come up."""
        for worker in workers or self.started:
            self.engine.worker_ready(worker)
        return self

    def grant(self, *claims, cancel=()):
        """Ask for work and let the store answer."""
        self.engine.request(look_again=True)
        claimed = Claimed(claims=claims, cancel_requested=cancel)
        self.engine.committed(Committed(claimed=claimed), self.now)
        return self

    def tick(self, seconds):
        """Let time pass."""
        self.now += seconds
        self.engine.tick(self.now)
        return self

    def starts(self, claim, worker=1):
        """A worker tells that it has begun an attempt."""
        self.report(AttemptUpdate(id=claim.id, token=claim.token, started_at=1.0, pid=7), worker=worker)
        return self

    def ends(self, claim, outcome=SUCCESS, worker=1, seconds=0.0):
        """A worker tells that an attempt has ended."""
        durations = {"task": (1, seconds)} if seconds else {}
        self.report(AttemptUpdate(id=claim.id, token=claim.token, outcome=outcome), worker=worker, durations=durations)
        return self

    def report(self, *updates, worker=1, returned=(), durations=None):
        """A worker tells something."""
        report = Report(updates=updates, returned=returned, durations=durations or {})
        self.engine.reported(worker, report, self.now)

    def dies(self, worker=1):
        """A worker process is gone."""
        self.engine.worker_died(worker, CRASH, self.now)
        return self

    def learn(self, seconds, **options):
        """Let the engine know the class and how long its attempts take."""
        self.engine.task_loaded(Loaded("task", TaskOptions(**options)))
        for _ in range(30):
            self.report(durations={"task": (1, seconds)})
        return self


def a_claim(number=1, **fields):
    """Return a claim on the task `number`."""
    return Claim(**{"id": number, "token": 1, "attempt": 1, "name": "task", **fields})


def claims(count):
    """Return claims on the tasks 1 to `count`."""
    return [a_claim(number) for number in range(1, count + 1)]


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
    bench.engine.take_updates()

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


# --- workers die


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

    assert [update.max_lost_attempts for update in bench.engine.take_updates()].count(1) == 1


def test_before_a_class_is_known_the_limit_of_the_task_stays():
    """A task that may lose fifty attempts keeps that, though the default of classes is three."""
    claim = a_claim(max_lost_attempts=50, lost_attempts=10)
    bench = Bench().ready().grant(claim).starts(claim).dies()

    updates = bench.engine.take_updates()

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
    assert bench.engine.failed_starts == 14
    assert bench.engine.last_start_failure == CRASH


def test_when_a_worker_comes_up_after_all_the_others_are_started():
    """One success ends the caution."""
    bench = Bench(workers=3)
    for worker in bench.started:
        bench.dies(worker)
    bench.tick(RESTART_LIMIT_SECONDS)
    (start,) = bench.commands()

    bench.ready(start.worker).tick(0)

    assert len(bench.commands()) == 2
    assert bench.engine.failed_starts == 0


def test_a_worker_that_leaves_loses_nothing():
    """What was on its way to a worker that ended in good order did not start, and runs elsewhere."""
    claim = a_claim()
    bench = Bench(workers=2).ready(1).grant(claim)
    bench.engine.worker_leaving(1)
    bench.ready(2).dies(1).tick(0)

    assert bench.outcomes() == {}
    assert Send(2, RunClaims((claim,))) in bench.commands()


def test_a_worker_that_leaves_is_sent_nothing_more():
    """It would come back unrun."""
    bench = Bench().ready()
    bench.engine.worker_leaving(1)

    assert bench.engine.request(look_again=True).limit == 0


# --- refused writes and lost leases


def refuse(bench, claim):
    """Let the store refuse a write of an attempt."""
    bench.engine.committed(Committed(refused=((claim.id, claim.token),)), bench.now)


def test_a_refused_write_kills_the_worker_and_spares_what_waited_in_it():
    """The attempt belongs to somebody else; its neighbours run on in another worker, and nothing is written."""
    one, two = claims(2)
    bench = Bench().ready().learn(seconds=0.001).grant(one, two).starts(one)
    bench.engine.take_updates()
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
    assert bench.engine.held == 1


def test_a_refused_write_of_an_attempt_that_ended_changes_nothing():
    """The outcome came too late; there is nobody to stop."""
    bench = Bench().ready().grant(a_claim()).ends(a_claim())
    bench.commands()

    refuse(bench, a_claim())

    assert bench.kills() == []
    assert bench.engine.held == 0


def test_a_lost_lease_stops_what_runs_and_gives_back_the_rest():
    """If the store still counts the attempts as ours, they must not stay with a runner that dropped them."""
    one, two, three = claims(3)
    bench = Bench(workers=2).ready(1).learn(seconds=0.001).grant(one, two).starts(one)
    bench.engine.take_updates()
    bench.tick(SLOW_SECONDS)
    bench.grant(three)
    bench.commands()

    bench.engine.lose_lease(bench.now)

    outcomes = bench.outcomes()
    assert bench.kills() == [(1, signal.SIGKILL)]
    assert outcomes[1].lost
    assert outcomes[2] == outcomes[3] == GIVEN_BACK
    assert bench.engine.held == 0


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


# --- stopping one attempt


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
    bench.engine.task_loaded(Loaded("task", TaskOptions(timeout_seconds=3.0)))
    bench.commands()

    bench.tick(1.1)

    assert bench.to_worker() == [Interrupt((1, 1), "timeout")]


def test_the_grace_period_of_a_class_counts_also_if_it_is_known_only_after_the_cancellation():
    """A cancellation that comes during the import waits neither longer nor shorter than the class says."""
    bench = Bench().ready().grant(a_claim()).starts(a_claim())
    bench.grant(cancel=((1, 1),)).tick(0.3)
    bench.engine.task_loaded(Loaded("task", TaskOptions(kill_after_seconds=0.5)))
    bench.commands()

    bench.tick(0.3)

    assert bench.kills() == [(1, signal.SIGTERM)]


@pytest.mark.parametrize(("max_attempts", "state"), [(1, TaskState.FAILED), (2, TaskState.PENDING)])
def test_an_attempt_that_was_killed_for_its_timeout_is_retried_like_an_error(max_attempts, state):
    """Attempts that are left are used; the error says what happened."""
    options = {"timeout_seconds": 3.0, "kill_after_seconds": 1.0, "max_attempts": max_attempts}
    bench = Bench().ready().learn(seconds=5.0, **options).grant(a_claim()).starts(a_claim())
    bench.tick(3).tick(1).tick(1)
    bench.engine.take_updates()

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


# --- stopping all of it


def test_stop_claiming_gives_back_what_has_not_started():
    """The backlog goes back, workers return what is queued, and nothing new is claimed."""
    one, two, three = claims(3)
    bench = Bench().ready().learn(seconds=0.001).grant(one, two).starts(one)
    bench.engine.take_updates()
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
    bench.engine.take_updates()

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

    bench.engine.dismiss_workers()
    told = bench.commands()
    bench.ready(2)
    told_late = bench.to_worker(2)
    bench.dies(1).dies(2)

    assert Send(1, Finish()) in told
    assert told_late == [Finish()]
    assert bench.engine.is_deserted


def test_updates_that_could_not_be_written_keep_their_place():
    """What is given back after a failed write comes before what happened since."""
    one, two = claims(2)
    bench = Bench().ready().learn(seconds=0.001).grant(one, two).ends(one)
    unwritten = bench.engine.take_updates()
    bench.ends(two)

    bench.engine.keep_updates(unwritten)

    assert list(bench.outcomes()) == [1, 2]


# --- log lines


def test_lines_are_numbered_from_those_on_that_the_log_had_when_the_task_was_claimed():
    """Each batch can be sent again: a store that has its lines already can tell."""
    bench = Bench().ready().grant(a_claim(log_count=3))
    line = LogLine(at=1.0, text="line")

    bench.report(AttemptUpdate(id=1, token=1, started_at=1.0, log_lines=(line, line)))
    bench.report(AttemptUpdate(id=1, token=1, progress=1.0))
    bench.report(AttemptUpdate(id=1, token=1, log_lines=(line,), outcome=SUCCESS))

    assert [update.log_offset for update in bench.engine.take_updates()] == [3, None, 5]


def test_lines_have_no_numbers_where_the_store_does_not_say_how_many_there_are():
    """It appends what it gets."""
    bench = Bench().ready().grant(a_claim())

    bench.report(AttemptUpdate(id=1, token=1, log_lines=(LogLine(at=1.0, text="line"),)))

    assert [update.log_offset for update in bench.engine.take_updates()] == [None]


def test_an_attempt_that_runs_again_in_another_worker_is_counted_on():
    """Under the same claim the log goes on, whatever has been told of it before."""
    bench = Bench(workers=2).ready(1).learn(0.001).grant(*(a_claim(number, log_count=0) for number in (1, 2)))
    line = LogLine(at=1.0, text="line")
    bench.report(AttemptUpdate(id=2, token=1, log_lines=(line,)))
    bench.ready(2).dies(1).tick(0)

    bench.report(AttemptUpdate(id=2, token=1, log_lines=(line, line)), worker=2)

    offsets = [update.log_offset for update in bench.engine.take_updates() if update.id == 2]
    assert offsets == [0, 1]
