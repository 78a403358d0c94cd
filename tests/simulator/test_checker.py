"""The checker of histories finds every planted violation, and nothing in a good history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from simulation.checker import violations
from simulation.history import (
    Added,
    CancelAnswered,
    Claimed,
    History,
    Looked,
    Read,
    Retried,
    Spun,
    TakenBack,
    Wrote,
)
from simulation.plans import Plan, output_of, to_input

from lilota.models import Outcome, TaskInfo, TaskState

PLAN = Plan(name="plain", kind="good", seconds=0.25)
MORNING = datetime(2030, 1, 1, tzinfo=UTC)
SUCCESS = Outcome(state=TaskState.SUCCEEDED)
DONE = TaskInfo(
    id=1,
    name="plain",
    state=TaskState.SUCCEEDED,
    input_json=to_input(PLAN),
    output_json=output_of(1, to_input(PLAN)),
    created_at=MORNING,
    run_at=MORNING,
    started_at=MORNING + timedelta(seconds=1),
    finished_at=MORNING + timedelta(seconds=2),
    attempt=1,
)
GOOD = [Added(0, 1), Claimed(1, 1, 1, 1, "a"), Wrote(2, 1, 1, "a", None), Wrote(2, 1, 1, "a", SUCCESS), Read(3, DONE)]


def altered(**fields):
    """Return the task at the end of the good history, with some fields changed."""
    return msgspec.structs.replace(DONE, **fields)


def check(events, final=DONE, plan=PLAN):
    """Return what the checker finds."""
    history = History()
    history.events = list(events)
    if final is not None:
        history.final[1] = final
    return violations(history, {1: plan})


def test_a_good_history_has_no_violation():
    """A task that was added, claimed once and succeeded is in order."""
    assert check(GOOD) == []


def test_a_rescued_attempt_may_be_granted_again():
    """Taken back, granted to another with the next number and token: in order."""
    events = [
        Added(0, 1),
        Claimed(1, 1, 1, 1, "a"),
        TakenBack(5, 1, "a", counted=True, state=TaskState.PENDING),
        Claimed(6, 1, 2, 2, "b"),
        Wrote(7, 1, 2, "b", SUCCESS),
    ]

    assert check(events, altered(attempt=2, lost_attempts=1)) == []


PLANTED = {
    "I1 lost": (GOOD, None, PLAN),
    "I1 stuck": (GOOD[:2], altered(state=TaskState.RUNNING, finished_at=None), PLAN),
    "I1 from nowhere": (GOOD[1:], DONE, PLAN),
    "I3 token again": (
        [*GOOD[:2], TakenBack(2, 1, "a", counted=True, state=TaskState.PENDING), Claimed(3, 1, 2, 1, "b")],
        DONE,
        PLAN,
    ),
    "I3 gap": ([Added(0, 1), Claimed(1, 1, 2, 1, "a")], DONE, PLAN),
    "I3 spent what was given back": (
        [
            *GOOD[:2],
            Wrote(2, 1, 1, "a", Outcome(state=TaskState.PENDING, spends_attempt=False)),
            Claimed(3, 1, 2, 2, "a"),
        ],
        DONE,
        PLAN,
    ),
    "I4 two ends": ([*GOOD, Wrote(4, 1, 1, "a", SUCCESS)], DONE, PLAN),
    "I4 granted twice": ([*GOOD[:2], Claimed(2, 1, 2, 2, "b")], DONE, PLAN),
    "I4 late writer": (
        [
            *GOOD[:2],
            TakenBack(2, 1, "a", counted=True, state=TaskState.PENDING),
            Claimed(3, 1, 2, 2, "b"),
            Wrote(4, 1, 1, "a", None),
        ],
        DONE,
        PLAN,
    ),
    "I7 too many lost": (GOOD, altered(lost_attempts=4), PLAN),
    "I7 too many errors": (
        GOOD,
        altered(state=TaskState.FAILED, attempt=2),
        msgspec.structs.replace(PLAN, kind="failing"),
    ),
    "I7 neighbour failed": (GOOD, altered(state=TaskState.FAILED), PLAN),
    "I7 poison succeeded": (GOOD, DONE, msgspec.structs.replace(PLAN, kind="poison")),
    "I7 cancelled by nobody": (GOOD, altered(state=TaskState.CANCELLED), PLAN),
    "I8 other output": (GOOD, altered(output_json="{}"), PLAN),
    "I9 changed": ([*GOOD, Read(4, altered(state=TaskState.FAILED))], DONE, PLAN),
    "I9 out of order": ([*GOOD[:4], Read(3, altered(started_at=MORNING - timedelta(seconds=1)))], DONE, PLAN),
    "I10 granted after cancel": (
        [Added(0, 1), CancelAnswered(1, 1, TaskState.CANCELLED), *GOOD[1:]],
        DONE,
        PLAN,
    ),
    "Calm": ([*GOOD, Spun(4, "a")], DONE, PLAN),
    "I16": ([*GOOD, *(Looked(4 + i / 4, "a", is_idle=True, work_waits=True) for i in range(12))], DONE, PLAN),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_found(name):
    """Each rule finds what it is there for."""
    found = check(*PLANTED[name])

    assert any(name.split()[0] in text for text in found), found


def test_a_retried_task_may_end_again():
    """After a user's retry the end of a task is no longer its end."""
    again = [
        CancelAnswered(3, 1, TaskState.CANCELLED),
        Retried(4, 1),
        Claimed(5, 1, 1, 2, "a"),
        Wrote(6, 1, 2, "a", SUCCESS),
        Read(7, altered(finished_at=MORNING + timedelta(seconds=6))),
    ]

    assert check([*GOOD, *again]) == []


def test_short_idling_is_no_violation():
    """Less than two polls may pass before waiting work is noticed."""
    looks = [Looked(4 + i / 4, "a", is_idle=True, work_waits=True) for i in range(8)]

    assert check([*GOOD, *looks, Looked(6.5, "a", is_idle=False, work_waits=True)]) == []
