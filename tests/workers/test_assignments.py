"""What a worker was given to run: in its order, and ended by the runner wherever it stands."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, cast

import pytest
from msgspec.structs import replace

from lilota.models import Claim, Outcome, TaskState
from lilota.workers.assignments import Assignments
from lilota.workers.current import RunningAttempt
from lilota.workers.guard import Guard


class NothingPrinted:
    """Stands in for the capture of this process's output, which belongs to pytest."""

    def take_loss(self) -> None:
        return None

    def take(self, *, final: bool) -> list[str]:
        return []


def begin(claim: Claim) -> RunningAttempt:
    return RunningAttempt(claim, cast("Any", NothingPrinted()), Guard(nullcontext()), lambda: None)


def claim(task_id: int) -> Claim:
    return Claim(id=task_id, token=1, attempt=1, name="task")


@pytest.fixture
def assignments() -> Assignments:
    assignments = Assignments(begin)
    assignments.add([claim(1), claim(2), claim(3)])
    return assignments


def start(assignments: Assignments) -> RunningAttempt:
    attempt = assignments.start_next()
    assert attempt is not None
    return attempt


def test_claims_start_in_their_order(assignments):
    """Until there are none."""
    started = [start(assignments).claim.id for _ in range(3)]

    assert started == [1, 2, 3]
    assert not assignments.has_more()
    assert assignments.start_next() is None


def test_attempts_that_run_at_once_are_each_told_to_end(assignments):
    """As long as they run; what waits is looked at before it joins them, and may be taken back alone."""
    first = start(assignments)
    waiting = assignments.next_claim()
    second = assignments.join(waiting)

    told = assignments.stop((2, 1), "cancel")
    assignments.leave(first)
    late = assignments.stop((1, 1), "cancel")

    assert second is told
    assert (first.stop_reason, second.stop_reason, late) == (None, "cancel", None)
    assert assignments.join(waiting) is None
    assert assignments.take_back_one(claim(3))
    assert not assignments.take_back_one(claim(3))
    assert assignments.next_claim() is None


def test_a_request_to_stop_reaches_the_attempt_that_runs(assignments):
    """And is seen where the task looks; one for another token is not for it."""
    attempt = start(assignments)
    looked_before = attempt.is_cancelled()

    missed = assignments.stop((1, 2), "cancel")
    hit = assignments.stop((1, 1), "timeout")

    assert (looked_before, missed, hit) == (False, None, attempt)
    assert not attempt.saw_stop
    assert attempt.is_cancelled()
    assert (attempt.is_looking, attempt.saw_stop, attempt.stop_reason) == (True, True, "timeout")


def test_a_claim_that_waits_is_taken_out_when_it_should_stop(assignments):
    """It never starts, and the others keep their order."""
    stopped = assignments.stop((2, 1), "cancel")

    assert stopped == claim(2)
    assert [start(assignments).claim.id for _ in range(2)] == [1, 3]
    assert assignments.start_next() is None


def test_what_ended_is_not_there_any_more(assignments):
    """A message that comes late reaches nothing, and not the next attempt either."""
    start(assignments).end(Outcome(state=TaskState.SUCCEEDED))
    following = start(assignments)

    assert assignments.stop((1, 1), "cancel") is None
    assert following.stop_reason is None


@pytest.mark.parametrize("take_back", [Assignments.take_back_queued, Assignments.take_back_all])
def test_what_waits_can_be_taken_back(assignments, take_back):
    """In its order; what runs stays."""
    start(assignments)

    assert take_back(assignments) == ((2, 1), (3, 1))
    assert take_back(assignments) == ()
    assert assignments.stop((1, 1), "cancel") is not None


def test_what_is_about_to_start_is_taken_back_only_with_all(assignments):
    """A runner may ask for what waits in the very moment in which the first comes: both were held up on their way.

    What it gets back then counts against the worker, as something that this should have been running.
    """
    assert assignments.take_back_queued() == ((2, 1), (3, 1))
    assert assignments.take_back_queued() == ()
    assert assignments.take_back_all() == ((1, 1),)
    assert assignments.start_next() is None


@pytest.fixture
def hurried_threads() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def test_each_of_thousands_of_attempts_can_be_stopped_at_any_moment(hurried_threads):
    """Between the queue and its start too: a request finds it in one place or the other, whatever the threads do."""
    count = 5_000
    assignments = Assignments(begin)
    assignments.add([claim(number) for number in range(count)])
    found: list[object] = []

    def stop_all() -> None:
        found.extend(assignments.stop((number, 1), "cancel") for number in range(count))

    thread = threading.Thread(target=stop_all)
    thread.start()
    started = []
    while (attempt := assignments.start_next()) is not None:
        started.append(attempt)
    thread.join()

    stopped_queued = {each.id for each in found if isinstance(each, Claim)}
    stopped_running = {each.claim.id for each in found if isinstance(each, RunningAttempt)}
    assert {attempt.claim.id for attempt in started} | stopped_queued == set(range(count))
    assert {attempt.claim.id for attempt in started if attempt.stop_reason} == stopped_running
    assert {attempt.claim.id for attempt in started} & stopped_queued == set()


def expiring(task_id: int, **fields: object) -> Claim:
    """Return a claim on a task that had to start by the year 2000."""
    headers_json = '{"lilota.expires_at":"2000-01-01T00:00:00Z"}'
    return replace(claim(task_id), headers_json=headers_json, created_at=900_000_000.0, **fields)


def test_what_has_waited_until_it_expired_does_not_begin(assignments):
    """What comes behind it does; what had begun before does not expire."""
    assignments.take_back_all()
    assignments.add([expiring(1), expiring(2, attempt=2), expiring(3, log_count=1), claim(4), expiring(5)])

    started = [start(assignments).claim.id for _ in range(3)]

    assert started == [2, 3, 4]
    assert assignments.start_next() is None
    assert [(late.id, error.type) for late, error in assignments.take_expired()] == [(1, "Expired"), (5, "Expired")]
    assert assignments.take_expired() == []


def test_what_has_expired_does_not_join_others_and_nothing_joins_in_its_place(assignments):
    """Whether the next one may run beside them, nobody has looked yet."""
    assignments.take_back_all()
    late = expiring(1)
    assignments.add([claim(7), late, claim(2)])
    start(assignments)

    assert assignments.join(late) is None
    assert assignments.next_claim().id == 2
    assert [claim.id for claim, _error in assignments.take_expired()] == [1]
