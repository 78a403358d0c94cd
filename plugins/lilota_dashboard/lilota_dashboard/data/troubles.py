"""What is wrong with a store and its runners, in words, with the remedy: what can be told at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from lilota.contract import COMMANDS, Commands, RegisteredRunner, TaskCount, TaskStore
from lilota.serving import WAITING_STATES, Service, Serving
from lilota_dashboard.data.records.troubles import Trouble
from lilota_dashboard.data.texts import line

#: How many are told; a hundred runners that fail alike are one trouble for who reads.
_MOST: Final = 20


def quick_troubles(store: TaskStore, commands: Commands = COMMANDS) -> tuple[Trouble, ...]:
    """Return what is wrong: nobody runs tasks, runners that failed or are stuck, tasks that wait in vain.

    Args:
        commands: what somebody types here.
    """
    runners = store.runners()
    return troubles_of(runners, store.counts(), Serving(runners, commands), store.capabilities().warnings)


def troubles_of(
    runners: Sequence[RegisteredRunner], counts: Iterable[TaskCount], serving: Serving, warnings: Iterable[str] = ()
) -> tuple[Trouble, ...]:
    """Return the same of what was read before, the worst first."""
    waiting = [row for row in counts if row.state in WAITING_STATES]
    found = [
        *_of_runners(runners),
        *(Trouble(level="problem", check="tasks", text=line(text, 2000)) for text in serving.complaints(waiting)),
        *_of_nobody(serving, waiting),
        *(Trouble(level="warning", check="store", text=line(text, 2000)) for text in warnings),
    ]
    found.sort(key=lambda trouble: trouble.level != "problem")
    return (*found[:_MOST], *_rest(len(found) - _MOST))


def troubles_of_runner(runner: RegisteredRunner, service: Service) -> list[str]:
    """Return the sentences in which a runner tells what troubles it, the worst first."""
    problem = "" if runner.has_expired else service.problem
    sentences = [f"It failed: {service.failure}" if service.failure else "", problem, *service.troubles]
    return [line(text, 2000) for text in sentences if text]


def _of_runners(runners: Iterable[RegisteredRunner]) -> Iterator[Trouble]:
    for runner in runners:
        service = Service.told_by(runner)
        is_bad = bool(service.failure or (service.problem and not runner.has_expired))
        for text in troubles_of_runner(runner, service):
            where = line(f"The runner {runner.id} (process {runner.pid} on {runner.host})")
            yield Trouble(level="problem" if is_bad else "warning", check="runners", text=f"{where}: {text}")
            is_bad = False  # only the first one keeps it from its work
        if runner.has_expired and not service.failure:
            yield Trouble(level="warning", check="runners", text=_lost(runner))


def _lost(runner: RegisteredRunner) -> str:
    return line(
        f"The runner {runner.id} (process {runner.pid} on {runner.host}) was lost: its lease has expired. Another "
        "runner takes back what it had. If its process is alive, look whether it can reach the store."
    )


def _of_nobody(serving: Serving, waiting: Sequence[TaskCount]) -> Iterator[Trouble]:
    """Tell that nobody runs tasks also where none waits; where some do, the complaints say so."""
    if not waiting and not serving.is_alive:
        yield Trouble(level="warning", check="runners", text=f"{line(serving.nobody(), 2000)}.")


def _rest(number: int) -> Iterator[Trouble]:
    if number > 0:
        yield Trouble(
            level="warning", check="runners", text=f"There are {number:,} more: examine the store to see them."
        )
