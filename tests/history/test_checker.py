"""The checker of histories finds every planted violation, and nothing in a history that can be explained."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from history.checker import violations
from history.events import (
    NEVER,
    AddAsked,
    Added,
    Beat,
    BodyEnded,
    BodyStarted,
    CancelAnswered,
    Claimed,
    ClaimUnknown,
    Froze,
    History,
    LogRead,
    Looked,
    Read,
    Refused,
    Released,
    Retried,
    Spun,
    TakeBackUnknown,
    TakenBack,
    WorkerKilled,
    WriteUnknown,
    Wrote,
)
from history.expectations import Expectation

from lilota.models import Outcome, TaskInfo, TaskState

MORNING = datetime(2030, 1, 1, tzinfo=UTC)
SUCCESS = Outcome(state=TaskState.SUCCEEDED)
FAILURE = Outcome(state=TaskState.FAILED)
GIVEN_BACK = Outcome(state=TaskState.PENDING, spends_attempt=False)
GOOD_PLAN = Expectation(output={"x": 1})
BAD_PLAN = Expectation(what="poison", may_succeed=False, may_fail=True)
DONE = TaskInfo(
    id=1,
    name="plain",
    state=TaskState.SUCCEEDED,
    input_json=json.dumps({"mark": "m1"}),
    output_json=json.dumps({"x": 1}),
    created_at=MORNING,
    run_at=MORNING,
    started_at=MORNING + timedelta(seconds=1),
    finished_at=MORNING + timedelta(seconds=2),
    attempt=1,
    token=1,
)
ADDED = (AddAsked(0, ("m1",)), Added(0.1, 1, 0, "m1"))
FIRST = Claimed(1, 1, 1, 1, "a")
WROTE = Wrote(2, 1, 1, "a", SUCCESS)
GOOD = (*ADDED, FIRST, Wrote(2, 1, 1, "a", None), WROTE, Read(3, DONE))


def altered(**fields):
    """Return the task at the end of the good history, with some fields changed."""
    return msgspec.structs.replace(DONE, **fields)


TWICE = altered(attempt=2, token=2, lost_attempts=1)


def check(events, final=DONE, plan=GOOD_PLAN):
    """Return what the checker finds."""
    history = History()
    history.events = list(events)
    for info in final if isinstance(final, list) else [final]:
        if info is not None:
            history.final[info.id] = info
    return violations(history, lambda _: plan)


EXPLAINED = {
    "one attempt": (GOOD, DONE),
    "one attempt, of which a write was in doubt": ((*GOOD, LogRead(4, 1, ("a", "b"))), DONE),
    "taken back and granted again": (
        (*ADDED, FIRST, TakenBack(5, 1, "a", counted=True), Claimed(6, 1, 2, 2, "b"), Wrote(7, 1, 2, "b", SUCCESS)),
        TWICE,
    ),
    "taken back while the next beat of its runner waited for a lock": (
        (*ADDED, Beat(0.9, "a", 3.0, 7, 0.8), FIRST, TakenBack(3.9, 1, "", counted=True, since=3.85),
         Beat(4.2, "a", 3.0, 7, 0.99), Claimed(4.5, 1, 2, 2, "b"), Wrote(6, 1, 2, "b", SUCCESS)),
        TWICE,
    ),
    "given back, without spending the attempt": (
        (*ADDED, FIRST, Wrote(2, 1, 1, "a", GIVEN_BACK), Claimed(3, 1, 1, 2, "b"), Wrote(4, 1, 2, "b", SUCCESS)),
        altered(token=2),
    ),
    "released by a runner that stops": (
        (*ADDED, FIRST, Released(2.5, "a", 2), Claimed(3, 1, 1, 2, "b"), Wrote(4, 1, 2, "b", SUCCESS)),
        altered(token=2),
    ),
    "the answer to an add got lost, and it is there": ((ADDED[0], FIRST, WROTE), DONE),
    "the answer to an add got lost, and it is not there": ((AddAsked(0, ("m2", "m3")), *GOOD), DONE),
    "the answer to a claim got lost": (
        (
            *ADDED,
            ClaimUnknown(NEVER, "a", 0.5),
            Wrote(2, 1, 1, "a", GIVEN_BACK),
            Claimed(3, 1, 1, 2, "b"),
            Wrote(4, 1, 2, "b", SUCCESS),
        ),
        altered(token=2),
    ),
    "an attempt that nobody saw": (
        (
            *ADDED,
            FIRST,
            TakenBack(5, 1, "", counted=True, since=4.9),
            ClaimUnknown(NEVER, "b", 5),
            TakenBack(9, 1, "", counted=True, since=8.9),
            Claimed(10, 1, 3, 3, "c", 9.5),
            Wrote(11, 1, 3, "c", SUCCESS),
        ),
        altered(attempt=3, token=3, lost_attempts=2),
    ),
    "the answer to an outcome got lost, and it counts": (
        (*ADDED, FIRST, WriteUnknown(NEVER, 1, 1, "a", SUCCESS, 2), Refused(3, 1, 1, "a", 2.5)),
        DONE,
    ),
    "the answer to a give-back got lost": (
        (
            *ADDED,
            FIRST,
            WriteUnknown(NEVER, 1, 1, "a", GIVEN_BACK, 2),
            Claimed(5, 1, 1, 2, "b"),
            Wrote(6, 1, 2, "b", SUCCESS),
        ),
        altered(token=2),
    ),
    "the answer to a rescue got lost": (
        (*ADDED, FIRST, TakeBackUnknown(NEVER, 4), Claimed(6, 1, 2, 2, "b"), Wrote(7, 1, 2, "b", SUCCESS)),
        TWICE,
    ),
    "an answer that comes late, from before a newer grant": (
        (*ADDED, Claimed(9, 1, 1, 1, "a", 1), TakenBack(5, 1, "", counted=True), Claimed(6, 1, 2, 2, "b"),
         Wrote(7, 1, 2, "b", SUCCESS)),
        TWICE,
    ),
    "taken back at the end of the lease": (
        (*ADDED, Beat(0.9, "a", 3.0, 7, 0.8), FIRST, TakenBack(4, 1, "", counted=True, since=3.9),
         Claimed(5, 1, 2, 2, "b"), Wrote(6, 1, 2, "b", SUCCESS)),
        TWICE,
    ),
    "attempts overlap, because a runner was frozen": (
        (*ADDED, Beat(0.9, "a", 1.0, 7), FIRST, BodyStarted(1.1, 1, 1), Froze(1.2, 7),
         TakenBack(5, 1, "", counted=True), Claimed(6, 1, 2, 2, "b"), BodyStarted(6.1, 1, 2), BodyEnded(6.2, 1, 1),
         Refused(6.5, 1, 1, "a"), Wrote(7, 1, 2, "b", SUCCESS)),
        TWICE,
    ),
    "run again, because its worker was killed before it told": (
        (*ADDED, FIRST, BodyStarted(1.1, 1, 1, 7), BodyEnded(1.2, 1, 1), WorkerKilled(1.3, 7),
         BodyStarted(1.4, 1, 1, 8), BodyEnded(1.5, 1, 1), WROTE),
        DONE,
    ),
    "retried by a user": (
        (*GOOD, CancelAnswered(3, 1, TaskState.CANCELLED), Retried(4, 1), Claimed(5, 1, 1, 2, "a"),
         Wrote(6, 1, 2, "a", SUCCESS), Read(7, altered(token=2, finished_at=MORNING + timedelta(seconds=6)))),
        altered(token=2),
    ),
    "idle for less than two polls": (
        (*GOOD, *(Looked(4 + i / 4, "a", is_idle=True, work_waits=True) for i in range(8)),
         Looked(6.5, "a", is_idle=False, work_waits=True)),
        DONE,
    ),
}  # fmt: skip

PLANTED = {
    "I1 lost": (GOOD, None),
    "I1 lost, and nobody ran it": (ADDED, None),
    "I1 stuck": ((*ADDED, FIRST), altered(state=TaskState.RUNNING, finished_at=None)),
    "I1 another task in its place": (GOOD, altered(input_json='{"mark": "m2"}')),
    "I2 from nowhere": (GOOD[2:], DONE),
    "I2 twice": (GOOD, [DONE, altered(id=2)]),
    "I2 half of a write": ((*GOOD, AddAsked(4, ("m2", "m3"))), [DONE, altered(id=2, input_json='{"mark": "m2"}')]),
    "I3 token again": ((*ADDED, FIRST, TakenBack(2, 1, "a", counted=True), Claimed(3, 1, 2, 1, "b")), DONE),
    "I3 token falls": ((*ADDED, FIRST, TakenBack(2, 1, "a", counted=True), Claimed(3, 1, 2, 0, "b")), DONE),
    "I3 token lost": ((*ADDED, FIRST), altered(token=0)),
    "I3 gap": ((*ADDED, Claimed(1, 1, 2, 1, "a")), DONE),
    "I3 spent what was given back": ((*ADDED, FIRST, Wrote(2, 1, 1, "a", GIVEN_BACK), Claimed(3, 1, 2, 2, "a")), DONE),
    "I3 did not count": ((*ADDED, FIRST, TakenBack(2, 1, "a", counted=True), Claimed(3, 1, 1, 2, "b")), DONE),
    "I3 fell behind an attempt that nobody saw": (
        (*ADDED, FIRST, TakenBack(2, 1, "a", counted=True), ClaimUnknown(NEVER, "c", 2), Claimed(3, 1, 1, 2, "b")),
        DONE,
    ),
    "I4 two ends": ((*GOOD, Wrote(4, 1, 1, "a", SUCCESS)), DONE),
    "I4 ended by two attempts": ((*GOOD, Claimed(4, 1, 2, 2, "b"), Wrote(5, 1, 2, "b", SUCCESS)), TWICE),
    "I4 granted twice": ((*ADDED, FIRST, Claimed(2, 1, 2, 2, "b")), DONE),
    "I4 granted while held, with answers that overlap": (
        (*ADDED, Claimed(2, 1, 1, 1, "a", 1), Claimed(2.5, 1, 2, 2, "b", 1.5), Wrote(4, 1, 2, "b", SUCCESS)),
        TWICE,
    ),
    "I4 wrote without holding it": ((*ADDED, Wrote(2, 1, 1, "a", None)), DONE),
    "I4 wrote with the token of another": ((*ADDED, FIRST, Wrote(2, 1, 1, "b", SUCCESS)), DONE),
    "I4 wrote after it was taken back": (
        (*ADDED, FIRST, TakenBack(2, 1, "", counted=True), Wrote(4, 1, 1, "a", SUCCESS)),
        DONE,
    ),
    "I4 wrote after its runner had stopped": ((*ADDED, FIRST, Released(2, "a"), Wrote(4, 1, 1, "a", SUCCESS)), DONE),
    "I5 late writer": (
        (*ADDED, FIRST, TakenBack(2, 1, "a", counted=True), Claimed(3, 1, 2, 2, "b"), Wrote(4, 1, 1, "a", None)),
        DONE,
    ),
    "I5 a line twice": ((*GOOD, LogRead(4, 1, ("a", "b", "a"))), DONE),
    "I6 taken back while the lease held": (
        (*ADDED, Beat(0.9, "a", 3.0, 7, 0.8), FIRST, Beat(2.1, "a", 3.0, 7, 2), TakenBack(4, 1, "", counted=True),
         Claimed(4.5, 1, 2, 2, "b"), Wrote(6, 1, 2, "b", SUCCESS)),
        TWICE,
    ),
    "I6 taken back unseen while the lease held": (
        (*ADDED, Beat(0.9, "a", 9.0, 7, 0.8), FIRST, TakeBackUnknown(NEVER, 3), Claimed(4.5, 1, 2, 2, "b"),
         Wrote(6, 1, 2, "b", SUCCESS)),
        TWICE,
    ),
    "I7 too many lost": (GOOD, altered(lost_attempts=4)),
    "I7 too many errors": (GOOD, altered(state=TaskState.FAILED, attempt=2), BAD_PLAN),
    "I7 neighbour failed": (GOOD, altered(state=TaskState.FAILED)),
    "I7 poison succeeded": (GOOD, DONE, BAD_PLAN),
    "I7 cancelled by nobody": (GOOD, altered(state=TaskState.CANCELLED)),
    "I8 other output": (GOOD, altered(output_json="{}")),
    "I8 no output": (GOOD, altered(output_json=None)),
    "I9 changed": ((*GOOD, Read(4, altered(state=TaskState.FAILED))), DONE),
    "I9 began again": ((*GOOD, Read(4, altered(state=TaskState.PENDING, finished_at=None))), DONE),
    "I9 an acknowledged end got lost": ((*ADDED, FIRST, Wrote(2, 1, 1, "a", FAILURE)), DONE),
    "I9 out of order": ((*GOOD, Read(3, altered(started_at=MORNING - timedelta(seconds=1)))), DONE),
    "I10 granted after cancel": ((*ADDED, CancelAnswered(0.5, 1, TaskState.CANCELLED), *GOOD[2:]), DONE),
    "I15 started twice": ((*GOOD, BodyStarted(1.1, 1, 1), BodyStarted(1.2, 1, 1)), DONE),
    "I15 started twice by workers that live, though another was killed": (
        (*GOOD, BodyStarted(1.1, 1, 1, 7), WorkerKilled(1.2, 9), BodyStarted(1.3, 1, 1, 8)),
        DONE,
    ),
    "I15 started without a grant": ((*GOOD, BodyStarted(1.1, 1, 7)), DONE),
    "I15 overlap": (
        (*ADDED, FIRST, BodyStarted(1.1, 1, 1), TakenBack(5, 1, "", counted=True), Claimed(6, 1, 2, 2, "b"),
         BodyStarted(6.1, 1, 2), BodyEnded(6.2, 1, 1), Refused(6.5, 1, 1, "a"), Wrote(7, 1, 2, "b", SUCCESS)),
        TWICE,
    ),
    "I16": ((*GOOD, *(Looked(4 + i / 4, "a", is_idle=True, work_waits=True) for i in range(12))), DONE),
    "Calm": ((*GOOD, Spun(4, "a")), DONE),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPLAINED)
def test_a_history_that_can_be_explained_has_no_violation(name):
    """What nobody saw may have happened: nothing is held against the store that it need not have done."""
    assert check(*EXPLAINED[name]) == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_found(name):
    """Each rule finds what it is there for."""
    found = check(*PLANTED[name])

    assert any(f"{name.split()[0]}:" in text for text in found), found
