"""What must hold for every history: one pure function, and one rule per invariant.

The numbers are those of the project's list of invariants: I1 nothing is lost, I3 tokens rise and attempts count,
I4 one end, by the current holder, I7 limits and neighbours, I8 outputs, I9 ended is ended, I10 cancelled is cancelled,
I16 nobody idles while work waits. "Calm" is the rule that nobody goes round without a pause.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise

from lilota.exchange import POLL_SECONDS
from lilota.models import TERMINAL_STATES, TaskInfo, TaskState
from simulation.history import (
    Added,
    CancelAnswered,
    Claimed,
    Event,
    History,
    Looked,
    Read,
    Retried,
    Spun,
    TakenBack,
    Wrote,
)
from simulation.plans import OPTIONS, Plan, output_of


def violations(history: History, plans: Mapping[int, Plan]) -> list[str]:
    """Return one sentence for everything that should not have happened."""
    per_task: dict[int, list[Event]] = defaultdict(list)
    for event in history.events:
        if not isinstance(event, Looked | Spun):
            per_task[event.info.id if isinstance(event, Read) else event.task_id].append(event)
    found: list[str] = []
    for task_id, events in per_task.items():
        found += (f"task {task_id}: {text}" for text in _of_task(events, history.final.get(task_id), plans[task_id]))
    return [*found, *_of_runners(history)]


def _of_task(events: list[Event], final: TaskInfo | None, plan: Plan) -> Iterator[str]:
    yield from _nothing_lost(events, final)
    yield from _tokens_rise(events)
    yield from _attempts_count(events)
    yield from _one_end(events)
    yield from _cancelled_stays(events)
    yield from _ended_stays(events)
    if final is not None:
        yield from _limits(final)
        yield from _right_end(events, final, plan)


def _nothing_lost(events: list[Event], final: TaskInfo | None) -> Iterator[str]:
    if not any(isinstance(event, Added) for event in events):
        yield "I1: it was never added"
    if final is None:
        yield "I1: it is lost"
    elif not final.state.is_terminal:
        yield f"I1: it is stuck: {final.state} at attempt {final.attempt}"


def _tokens_rise(events: list[Event]) -> Iterator[str]:
    tokens = [event.token for event in events if isinstance(event, Claimed)]
    if any(later <= earlier for earlier, later in pairwise(tokens)):
        yield f"I3: its tokens do not rise: {tokens}"


def _attempts_count(events: list[Event]) -> Iterator[str]:
    """Follow the number of the attempt: claims add one, what is given back takes one away."""
    attempt = 0
    for event in events:
        match event:
            case Claimed():
                attempt += 1
                if event.attempt != attempt:
                    yield f"I3: attempt {event.attempt} was granted, {attempt} was next"
                    attempt = event.attempt
            case Wrote(outcome=outcome) if outcome is not None and not outcome.spends_attempt:
                attempt -= 1
            case TakenBack(counted=False):
                attempt -= 1
            case Retried():
                attempt = 0


def _one_end(events: list[Event]) -> Iterator[str]:
    """Only the current holder writes, and nothing after an end."""
    current: tuple[int, str] | None = None
    for event in events:
        match event:
            case Claimed():
                if current is not None:
                    yield f"I4: it was granted to {event.runner} while {current[1]} held it"
                current = event.token, event.runner
            case Wrote():
                if (event.token, event.runner) != current:
                    yield f"I4: {event.runner} wrote with the token {event.token} without holding it"
                if event.outcome is not None:
                    current = None
            case TakenBack():
                current = None


def _cancelled_stays(events: list[Event]) -> Iterator[str]:
    """After a cancellation that was accepted nothing new starts."""
    accepted = False
    for event in events:
        match event:
            case CancelAnswered(state=TaskState.CANCELLED | TaskState.RUNNING):
                accepted = True
            case Retried():
                accepted = False
            case Claimed() if accepted:
                yield f"I10: attempt {event.attempt} was granted after the cancellation"


def _ended_stays(events: list[Event]) -> Iterator[str]:
    """An ended task changes no more, unless a user retries it; its instants are in order."""
    ended: TaskInfo | None = None
    for event in events:
        match event:
            case Retried():
                ended = None
            case Read(info=info):
                if ended is not None and (info.state, info.finished_at) != (ended.state, ended.finished_at):
                    yield f"I9: it changed from {ended.state} to {info.state} after its end"
                ended = info if info.state in TERMINAL_STATES else ended
                yield from _instants(info)


def _instants(info: TaskInfo) -> Iterator[str]:
    instants = [at for at in (info.created_at, info.started_at, info.finished_at) if at is not None]
    if instants != sorted(instants):
        yield f"I9: its instants are out of order: {instants}"


def _limits(final: TaskInfo) -> Iterator[str]:
    if final.lost_attempts > final.max_lost_attempts:
        yield f"I7: {final.lost_attempts} attempts were lost, {final.max_lost_attempts} are allowed"
    errors = final.attempt - final.lost_attempts
    if errors > OPTIONS[final.name].max_attempts and final.state is TaskState.FAILED:
        yield f"I7: it had {errors} attempts that were not lost, {OPTIONS[final.name].max_attempts} are allowed"


def _right_end(events: list[Event], final: TaskInfo, plan: Plan) -> Iterator[str]:
    """A good task succeeds whatever its neighbours do, a poisonous one fails; cancelled is only who was asked to."""
    was_cancelled = any(isinstance(event, CancelAnswered) for event in events)
    if final.state is TaskState.CANCELLED and not was_cancelled:
        yield "I7: it ended as cancelled, and nobody cancelled it"
    if final.state is TaskState.SUCCEEDED and final.output_json != output_of(final.id, final.input_json):
        yield f"I8: its output is {final.output_json}"
    can_fail = (
        plan.kind in {"failing", "poison", "stuck"} or OPTIONS[plan.name].timeout_seconds or plan.name == "fragile"
    )
    if final.state is TaskState.FAILED and not can_fail:
        yield f"I7: it is {plan.kind} and failed: {final.error}"
    if final.state is TaskState.SUCCEEDED and plan.kind in {"failing", "poison", "stuck"}:
        yield f"I7: it is {plan.kind} and succeeded"


def _of_runners(history: History) -> Iterator[str]:
    spun = Counter(event.runner for event in history.events if isinstance(event, Spun))
    for runner, times in spun.items():
        yield f"{runner}: Calm: it went round without a pause, {times} times"
    idle_since: dict[str, float] = {}
    for event in history.events:
        if not isinstance(event, Looked):
            continue
        if not (event.is_idle and event.work_waits):
            idle_since.pop(event.runner, None)
            continue
        since = idle_since.setdefault(event.runner, event.at)
        if event.at - since > 2 * POLL_SECONDS:
            idle_since[event.runner] = float("inf")
            yield f"{event.runner}: I16: it idles from {since:.2f} on, though work waits"
