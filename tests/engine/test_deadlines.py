"""The terms of tasks: which do not start any more, how long attempts may take, and whether another one follows."""

from __future__ import annotations

import json

import msgspec
import pytest
from engine_bench import CRASH, GIVEN_BACK, SUCCESS, Bench, a_claim

from lilota.engine.deadlines import Deadlines
from lilota.engine.messages import Interrupt, RunClaims
from lilota.engine.workload import Attempt
from lilota.models import Outcome, TaskError, TaskState

#: When all tasks here were added, by the clock of the store.
ADDED = 1000.0
FAILURE = Outcome(
    state=TaskState.PENDING,
    error=TaskError(type="ValueError", message="no", traceback="where"),
    delay_seconds=2.0,
)


def the_claim(number=1, *, headers=None, **fields):
    """Return a claim on a task with these terms."""
    text = json.dumps({f"lilota.{name}": value for name, value in (headers or {}).items()})
    return a_claim(number, **{"headers_json": text, "created_at": ADDED, "run_at": ADDED, "log_count": 0, **fields})


def a_bench(seconds_later=0.0, **options):
    """Return a bench whose worker waits, so long after the tasks were added."""
    return Bench(now=ADDED + seconds_later, **options).ready()


def given(bench, worker=1):
    """Return the ids of the tasks that a worker was given."""
    return [c.id for m in bench.to_worker(worker) if isinstance(m, RunClaims) for c in m.claims]


def updates(bench):
    """Return what is to be written, by the id of the task."""
    return {update.id: update for update in bench.engine.holdings.take_updates()}


# --- Expiry ---


def test_a_task_that_has_not_started_in_time_is_cancelled():
    """Its error and a line in its log say so, and no worker gets it."""
    bench = a_bench(seconds_later=75.0)
    claim = the_claim(headers={"expires_after_seconds": 60})

    bench.grant(claim)

    assert given(bench) == []
    update = updates(bench)[claim.id]
    assert update.outcome.state is TaskState.CANCELLED
    assert update.outcome.error.type == "Expired"
    assert "15 s before a runner could start it" in update.outcome.error.message
    [line] = update.log_lines
    assert (line.source, line.text, line.at) == ("lilota", update.outcome.error.message, ADDED + 75)
    assert update.log_offset == 0


@pytest.mark.parametrize(
    ("terms", "ends_after"),
    [
        ({"expires_after_seconds": 60}, 60),
        ({"expires_after_seconds": 60, "due_after_seconds": 30}, 90),
        ({"expires_after_seconds": 60, "due_at": "1970-01-01T00:17:00Z"}, 80),
        ({"expires_after_seconds": 60, "due_at": "1970-01-01T00:01:00Z"}, 60),
        ({"expires_at": "1970-01-01T00:17:00Z"}, 20),
    ],
)
def test_time_counts_from_when_it_was_due(terms, ends_after):
    """That was when it was added, or later, as it was said; a task of the past was due when it was added."""
    in_time, too_late = a_bench(seconds_later=ends_after - 0.5), a_bench(seconds_later=ends_after)

    in_time.grant(the_claim(headers=terms))
    too_late.grant(the_claim(headers=terms))

    assert given(in_time) == [1]
    assert given(too_late) == []


@pytest.mark.parametrize("begun", [{"attempt": 2}, {"log_count": 1}])
def test_a_task_that_has_begun_does_not_expire(begun):
    """It may come again because of an error, of a dead worker, or because somebody has retried it."""
    bench = a_bench(seconds_later=75.0)

    bench.grant(the_claim(headers={"expires_after_seconds": 60}, **begun))

    assert given(bench) == [1]


def test_a_runner_whose_clock_is_behind_takes_the_time_of_the_claim():
    """The store grants nothing before its time: it is at least as late as that."""
    bench = Bench(now=5.0).ready()

    bench.grant(the_claim(headers={"expires_after_seconds": 60}, run_at=ADDED + 61))

    assert given(bench) == []


def test_a_store_that_does_not_tell_when_it_was_added_lets_it_start():
    """Nobody knows from when to count."""
    bench = a_bench(seconds_later=75.0)

    bench.grant(the_claim(headers={"expires_after_seconds": 60, "deadline_seconds": 1}, created_at=None, run_at=None))

    assert given(bench) == [1]


@pytest.mark.parametrize(
    "headers_json",
    ['{"lilota.expires_after_seconds": "soon"}', '{"lilota.deadline_seconds": -1}', '{"lilota.', '["lilota."]'],
)
def test_terms_that_nobody_can_read_stop_no_runner(headers_json, caplog):
    """Whoever reaches the store can write anything there; a warning names the task."""
    bench = a_bench(seconds_later=75.0)

    bench.grant(the_claim(headers_json=headers_json))

    assert given(bench) == [1]
    assert "The terms of the task 1 can't be read" in caplog.text


# --- Deadline ---


def test_an_attempt_is_asked_to_end_at_the_deadline():
    """It gets what is left of the time of all attempts together."""
    bench = a_bench(seconds_later=50.0)
    claim = the_claim(headers={"deadline_seconds": 60}, attempt=3)

    bench.grant(claim).loads(timeout_seconds=600.0).starts(claim).tick(9.9)
    early = bench.to_worker()
    bench.tick(0.2)

    assert not any(isinstance(message, Interrupt) for message in early)
    assert Interrupt(claim.fence, "deadline") in bench.to_worker()


def test_a_time_limit_that_comes_first_is_a_time_limit():
    bench = a_bench()
    claim = the_claim(headers={"deadline_seconds": 60})

    bench.grant(claim).loads(timeout_seconds=5.0).starts(claim).tick(5.1)

    assert Interrupt(claim.fence, "timeout") in bench.to_worker()


def test_a_task_that_ignores_the_deadline_is_killed_and_fails_for_that():
    """There is no other attempt, however many it may have."""
    bench = a_bench()
    claim = the_claim(headers={"deadline_seconds": 60})

    bench.grant(claim).loads(max_attempts=9, kill_after_seconds=1.0).starts(claim).tick(62.5)
    kills = bench.kills()
    bench.dies()

    assert [worker for worker, _signal in kills] == [1, 1]
    outcome = updates(bench)[claim.id].outcome
    assert (outcome.state, outcome.error.type) == (TaskState.FAILED, "DeadlineReached")
    assert "had 60 s for all its attempts together" in outcome.error.message
    assert "attempt 1 was asked to end when they were over, did not end, and was stopped" in outcome.error.message


def test_when_nothing_is_left_there_is_no_attempt():
    """It fails with what it had, and how late it is."""
    bench = a_bench(seconds_later=72.0)
    claim = the_claim(headers={"deadline_seconds": 60}, attempt=2)

    bench.grant(claim)

    assert given(bench) == []
    update = updates(bench)[claim.id]
    assert (update.outcome.state, update.outcome.error.type) == (TaskState.FAILED, "DeadlineReached")
    assert update.outcome.error.message == (
        "The task had 60 s for all its attempts together, from when it was due; "
        "attempt 2 would have begun 12 s after they were over."
    )
    assert [line.text for line in update.log_lines] == [update.outcome.error.message]


def test_a_retry_that_would_come_after_the_deadline_fails_at_once():
    """It says so, and what the attempt ended with; the traceback of that stays."""
    bench = a_bench(seconds_later=58.5)
    claim = the_claim(headers={"deadline_seconds": 60}, attempt=4)

    bench.grant(claim).loads().starts(claim).ends(claim, FAILURE)

    outcome = updates(bench)[claim.id].outcome
    assert (outcome.state, outcome.error.type, outcome.error.traceback) == (
        TaskState.FAILED,
        "DeadlineReached",
        "where",
    )
    assert "the next attempt would begin 0.5 s after they are over" in outcome.error.message
    assert outcome.error.message.endswith("Attempt 4 ended with ValueError: no")


def test_a_retry_within_the_deadline_stands():
    bench = a_bench()
    claim = the_claim(headers={"deadline_seconds": 60})

    bench.grant(claim).loads().starts(claim).ends(claim, FAILURE)

    assert updates(bench)[claim.id].outcome == FAILURE


def test_a_task_that_asks_to_come_back_after_its_deadline_fails():
    """It does not spend an attempt with that, and would come back for ever."""
    bench = a_bench(seconds_later=30.0)
    claim = the_claim(headers={"deadline_seconds": 60})
    later = Outcome(
        state=TaskState.PENDING,
        error=TaskError(type="Retry", message="busy"),
        delay_seconds=31.0,
        spends_attempt=False,
    )

    bench.grant(claim).loads().starts(claim).ends(claim, later)

    outcome = updates(bench)[claim.id].outcome
    assert (outcome.state, outcome.spends_attempt) == (TaskState.FAILED, True)
    assert outcome.error.message.endswith("Attempt 1 asked to run again")


def test_a_lost_attempt_after_the_deadline_is_the_last():
    """Its loss is counted all the same."""
    bench = a_bench(seconds_later=59.9)
    claim = the_claim(headers={"deadline_seconds": 60})
    bench.grant(claim).loads().starts(claim)
    bench.now += 0.2

    bench.dies()

    outcome = updates(bench)[claim.id].outcome
    assert (outcome.state, outcome.lost, outcome.error.type) == (TaskState.FAILED, True, "DeadlineReached")
    assert CRASH.cause in outcome.error.message


@pytest.mark.parametrize("outcome", [SUCCESS, GIVEN_BACK])
def test_an_end_is_an_end_and_what_is_given_back_is_for_the_next_runner(outcome):
    """A task that has succeeded a moment too late has succeeded; the next runner knows the deadline, too."""
    attempt = Attempt(the_claim(headers={"deadline_seconds": 60}), 0.0, 0.0)
    deadlines = Deadlines(lambda: ADDED)
    deadlines.begin(attempt, 0.0)

    assert deadlines.follow(attempt, outcome, 61.0) is outcome


def test_a_task_without_terms_has_all_time():
    """Headers of an application say nothing of it."""
    bench = a_bench(seconds_later=1e6)
    claim = msgspec.structs.replace(the_claim(), headers_json='{"expires_after_seconds": 1}')

    bench.grant(claim).loads().starts(claim).ends(claim, FAILURE)

    assert updates(bench)[claim.id].outcome == FAILURE


# --- Version ---


def asked_for(bench):
    """Return the names for which the store is asked."""
    return bench.engine.request(look_again=True).names


def test_a_newer_task_goes_back_as_if_nobody_had_claimed_it(caplog):
    """The class is too old for it; it is said once."""
    bench = a_bench()
    newer, older = the_claim(1, headers={"version": "1.10"}), the_claim(2, headers={"version": "1.9"})
    bench.engine.crew.options["task"] = msgspec.structs.replace(bench.engine.crew.options["task"], version="1.9.0")

    bench.grant(newer, older)

    assert updates(bench)[1].outcome == GIVEN_BACK
    assert given(bench) == [2]
    assert caplog.text.count("Tasks named 'task' of version 1.10 are left to a newer runner") == 1
    assert "the class here has version 1.9.0" in caplog.text


def test_what_a_worker_leaves_because_it_is_newer_begins_a_pause(caplog):
    """Before its class was imported, nobody knew; from then on, nothing of that name is asked for."""
    bench = a_bench(names=("task", "other"))
    claim = the_claim(headers={"version": 2})

    bench.grant(claim).loads(version=1).ends(claim, GIVEN_BACK)

    assert asked_for(bench) == ("other",)
    assert "of version 2 are left" in caplog.text
    assert any("Deploy the newer code" in trouble for trouble in bench.engine.troubles)


def test_after_a_pause_the_name_is_asked_for_again_and_the_next_pause_is_longer(caplog):
    """However long newer tasks wait, nobody claims and gives back in a circle; a sentence says it once."""
    bench = a_bench()
    claim = the_claim(headers={"version": 2})
    bench.grant(claim).loads(version=1).ends(claim, GIVEN_BACK)

    pauses = []
    for token in range(2, 12):
        began = bench.now
        while not asked_for(bench):
            bench.tick(bench.engine.seconds_until_tick(bench.now))
        pauses.append(bench.now - began)
        bench.grant(msgspec.structs.replace(claim, token=token))

    assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60, 60])
    assert caplog.text.count("are left to a newer runner") == 1


def test_a_pause_of_a_member_is_one_of_its_family():
    """A claim can't leave out one name of a family."""
    bench = a_bench(names=("reports:*", "task"))
    claim = the_claim(headers={"version": 2}, name="reports:daily")

    bench.grant(claim).loads(name="reports:daily", version=1).ends(claim, GIVEN_BACK)

    request = bench.engine.request(look_again=True)
    assert (request.names, request.families) == (("task",), ())


@pytest.mark.parametrize(("imported", "asks_for"), [(1, ()), (2, ("task",))])
def test_a_worker_with_newer_code_ends_the_pause(imported, asks_for):
    """The package was upgraded, and a new worker has imported it; one with the same code changes nothing."""
    bench = a_bench(workers=2)
    claim = the_claim(headers={"version": 2})
    bench.grant(claim).loads(version=1).ends(claim, GIVEN_BACK)
    other = the_claim(2, headers={"version": 1})

    bench.grant(other)
    worker = next(number for number in (1, 2) if other.fence in bench.engine.crew.workers[number].attempts)
    bench.engine.crew.workers[worker].options.pop("task", None)
    bench.loads(worker=worker, version=imported)

    assert asked_for(bench) == asks_for
    assert bool(bench.engine.troubles) is (imported == 1)


@pytest.mark.parametrize("of_class", [None, 0, 2, "2.0.0", "10"])
def test_a_task_without_a_version_runs_everywhere(of_class):
    bench = a_bench()
    bench.engine.crew.options["task"] = msgspec.structs.replace(bench.engine.crew.options["task"], version=of_class)

    bench.grant(the_claim())

    assert given(bench) == [1]
