"""Who runs the tasks of a store: each runner with its places, and what it tells of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from lilota.contract import COMMANDS, Commands, RegisteredRunner, TaskCount, TaskStore
from lilota.models import TaskState
from lilota.serving import Service, Serving, running_per_runner
from lilota_dashboard.data.records.overview import RunnersSummary
from lilota_dashboard.data.records.runners import RunnerRow, RunnersPage, RunnerState
from lilota_dashboard.data.texts import line
from lilota_dashboard.data.troubles import troubles_of_runner

#: Where more tasks run, nobody reads them to say whose they are.
_COUNTED: Final = 2000
_ROWS: Final = 500
_NAMES: Final = 20
_STATES: Final[tuple[RunnerState, ...]] = ("failed", "stuck", "lost", "stopping", "alive")


def runners(store: TaskStore, commands: Commands = COMMANDS) -> RunnersPage:
    """Return the runners of a store, those first that somebody has to look at.

    Args:
        commands: what somebody types here.
    """
    found, counts = store.runners(), store.counts()
    busy = busy_places(store, found, counts)
    rows = [_row(runner, Service.told_by(runner), busy) for runner in found]
    rows.sort(key=lambda row: _STATES.index(row.state))
    return RunnersPage(
        summary=summary(found, busy, counts),
        rows=tuple(rows[:_ROWS]),
        complaints=tuple(line(text, 2000) for text in Serving(found, commands).complaints(counts)),
        start_command=commands.worker,
    )


def summary(
    found: Iterable[RegisteredRunner], busy: Counter[str] | None, counts: Iterable[TaskCount]
) -> RunnersSummary:
    """Return how many runners live, and how many of their places are busy; where nobody counted, at most all."""
    runners = list(found)
    living = [(runner.id, Service.told_by(runner).places) for runner in runners if not runner.has_expired]
    places = sum(number for _, number in living)
    running = sum(row.count for row in counts if row.state is TaskState.RUNNING)
    taken = min(running, places) if busy is None else sum(min(busy[runner], number) for runner, number in living)
    return RunnersSummary(alive=len(living), lost=len(runners) - len(living), places=places, busy=taken)


def busy_places(
    store: TaskStore, found: Iterable[RegisteredRunner], counts: Iterable[TaskCount]
) -> Counter[str] | None:
    """Return how many tasks each runner runs; None where they are too many to be read."""
    running = sum(row.count for row in counts if row.state is TaskState.RUNNING)
    if not running or not any(True for _ in found):
        return Counter()
    return running_per_runner(store) if running <= _COUNTED else None


def _row(runner: RegisteredRunner, service: Service, busy: Counter[str] | None) -> RunnerRow:
    about = runner.about
    names = None if service.names is None else sorted(service.names)
    taken = None if busy is None else busy[runner.id]
    return RunnerRow(
        id=line(runner.id),
        state=_state(runner, service),
        host=line(runner.host),
        pid=runner.pid,
        places=service.places,
        busy=min(taken, service.places) if taken is not None and service.places else taken,
        queues=None if service.queues is None else tuple(map(line, service.queues[:_NAMES])),
        tells_queues=service.tells_queues,
        more_queues=service.more_queues + len((service.queues or ())[_NAMES:]),
        names=None if names is None else tuple(map(line, names[:_NAMES])),
        more_names=service.more_names + len((names or [])[_NAMES:]),
        nodes=tuple((line(node), places) for node, places in sorted(service.nodes.items())[:_NAMES]),
        memory_bytes=service.memory_bytes,
        version=line(str(about.get("lilota", ""))),
        python=line(str(about.get("python", ""))),
        started_at=runner.started_at,
        heartbeat_at=runner.heartbeat_at,
        heartbeat_age_seconds=max(0.0, (datetime.now(UTC) - runner.heartbeat_at).total_seconds()),
        lease_seconds=runner.lease_seconds,
        troubles=tuple(troubles_of_runner(runner, service)),
    )


def _state(runner: RegisteredRunner, service: Service) -> RunnerState:
    if runner.has_expired:
        return "failed" if service.failure else "lost"
    if service.problem:
        return "stuck"
    return "stopping" if service.is_stopping else "alive"
