"""What must hold for every history: one pure function, and one rule per invariant.

The numbers are those of the project's list of invariants: I1 nothing is lost or stuck, I2 nothing is from nowhere or
half there, I3 tokens rise and attempts count, I4 one end, by the current holder, I5 no late writes, I6 leases hold, I7
limits and neighbours, I8 outputs, I9 ended is ended, I10 cancelled is cancelled, I15 attempts that overlap are
explained, I16 nobody idles while work waits. "Calm" is the rule that nobody goes round without a pause.

A rule speaks up only if the history can't be explained: what nobody saw may have happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from history import granting, holding, keeping, running
from history.events import History
from history.expectations import Expectation
from history.order import Events, by_task, placed
from lilota.models import TaskInfo


def violations(history: History, expect: Callable[[TaskInfo], Expectation]) -> list[str]:
    """Return one sentence for everything that should not have happened.

    Args:
        expect: says how a task may end that looks like this at the end of the history.
    """
    events = placed(history.events)
    common, tasks = Events(events), dict(by_task(events))
    found: list[str] = []
    for task_id in sorted(tasks.keys() | history.final.keys()):
        task, final = tasks.get(task_id, Events(())), history.final.get(task_id)
        found += (f"task {task_id}: {text}" for text in _of_task(task, common, final, expect))
    found += keeping.nothing_from_nowhere(common, history.final)
    found += running.nobody_spins(common)
    found += running.nobody_idles(common)
    return found


def _of_task(
    task: Events,
    common: Events,
    final: TaskInfo | None,
    expect: Callable[[TaskInfo], Expectation],
) -> Iterator[str]:
    yield from keeping.nothing_lost(task, final)
    yield from granting.tokens_rise(task)
    yield from granting.attempts_count(task, common, final)
    yield from holding.held_by_one(task, common)
    yield from holding.written_by_holder(task, common)
    yield from holding.ends_once(task, final)
    yield from granting.cancelled_stays(task)
    yield from keeping.ended_stays(task)
    yield from keeping.instants_in_order(task)
    yield from keeping.no_line_twice(task)
    yield from running.starts_are_granted(task, common)
    yield from running.overlaps_are_explained(task, common)
    if final is not None:
        expected = expect(final)
        yield from keeping.within_limits(final, expected)
        yield from keeping.right_end(task, final, expected)
