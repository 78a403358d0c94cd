"""Rules about what is kept: nothing lost, nothing from nowhere, ended is ended, with the right output."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

from history.events import AddAsked, Added, CancelAnswered, LogRead, Read, Retried
from history.expectations import Expectation
from history.order import Events, Placed
from lilota.models import TERMINAL_STATES, TaskInfo, TaskState


def nothing_lost(task: Events, final: TaskInfo | None) -> Iterator[str]:
    """I1: what anybody has seen is there at the end, and has ended."""
    if final is None:
        yield "I1: it is lost"
        return
    if not final.state.is_terminal:
        yield f"I1: it is stuck: {final.state} at attempt {final.attempt}"
    for added in task.of(Added):
        if added.event.mark and added.event.mark != mark_of(final):
            yield f"I1: it was acknowledged as {added.event.mark}, and is {mark_of(final)}"


def nothing_from_nowhere(common: Events, final: Mapping[int, TaskInfo]) -> Iterator[str]:
    """I2: what exists was asked for; what was asked for together exists as a whole or not at all, and once."""
    acknowledged = {added.event.task_id for added in common.of(Added)}
    asked = [asked.event.marks for asked in common.of(AddAsked)]
    known = {mark for marks in asked for mark in marks}
    existing = Counter(mark_of(info) for info in final.values() if mark_of(info))
    for info in final.values():
        if info.id not in acknowledged and mark_of(info) not in known:
            yield f"task {info.id}: I2: nobody added it"
    for mark, times in existing.items():
        if times > 1:
            yield f"I2: {mark} was added once and exists {times} times"
    for marks in asked:
        there = sum(mark in existing for mark in marks)
        if there not in {0, len(marks)}:
            yield f"I2: {there} of {len(marks)} tasks of one write exist: {marks[:5]}"


def mark_of(info: TaskInfo) -> str:
    """Return the mark that a task carries in its input, "" if it has none."""
    return str(json.loads(info.input_json).get("mark", ""))


def ended_stays(task: Events) -> Iterator[str]:
    """I9: an ended task changes no more, unless a user retries it."""
    ended: Placed[Read] | None = None
    for read in task.of(Read):
        if ended is not None and not _was_retried(task, ended, read) and _end(read) != _end(ended):
            yield f"I9: it changed from {ended.event.info.state} to {read.event.info.state} after its end"
        ended = read if read.event.info.state in TERMINAL_STATES else None


def _end(read: Placed[Read]) -> object:
    info = read.event.info
    return info.state, info.finished_at, info.token, info.output_json


def _was_retried(task: Events, first: Placed[Read], second: Placed[Read]) -> bool:
    return any(retried.may_be_between(first, second) for retried in task.of(Retried))


def no_line_twice(task: Events) -> Iterator[str]:
    """I5: what is sent again, because its answer got lost, is not written again."""
    for read in task.of(LogRead):
        for text, times in Counter(read.event.texts).items():
            if times > 1:
                yield f"I5: its log has the line {text!r} {times} times"


def instants_in_order(task: Events) -> Iterator[str]:
    """I9: a task was created before it started, and started before it ended, whatever the clock of its worker says."""
    for read in task.of(Read):
        info = read.event.info
        yield from _in_order([at for at in (info.created_at, info.started_at, info.finished_at) if at is not None])


def _in_order(instants: list[datetime]) -> Iterator[str]:
    if instants != sorted(instants):
        yield f"I9: its instants are out of order: {[str(at) for at in instants]}"


def within_limits(final: TaskInfo, expected: Expectation) -> Iterator[str]:
    """I7: no more attempts are spent or lost than the task allows."""
    if final.lost_attempts > final.max_lost_attempts:
        yield f"I7: {final.lost_attempts} attempts were lost, {final.max_lost_attempts} are allowed"
    errors = final.attempt - final.lost_attempts
    if errors > expected.max_attempts and final.state is TaskState.FAILED:
        yield f"I7: it had {errors} attempts that were not lost, {expected.max_attempts} are allowed"


def right_end(task: Events, final: TaskInfo, expected: Expectation) -> Iterator[str]:
    """I7 and I8: a good task succeeds with its output whatever its neighbours do; cancelled is who was asked to."""
    if final.state is TaskState.CANCELLED and not task.of(CancelAnswered):
        yield "I7: it ended as cancelled, and nobody cancelled it"
    if final.state is TaskState.FAILED and not expected.may_fail:
        yield f"I7: it is {expected.what} and failed: {final.error}"
    if final.state is TaskState.SUCCEEDED and not expected.may_succeed:
        yield f"I7: it is {expected.what} and succeeded"
    if final.state is TaskState.SUCCEEDED and _output_of(final) != expected.output:
        yield f"I8: its output is {final.output_json}, not {expected.output}"


def _output_of(final: TaskInfo) -> object:
    return None if final.output_json is None else json.loads(final.output_json)
