"""One simulation from a seed: tasks, runners and faults, then peace until everything has ended."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from history.checker import violations
from history.events import History, Read

from lilota.models import NewTask
from simulation import faults
from simulation.hosts import Host
from simulation.plans import OPTIONS, Kind, Plan, draw_plan, expectation_of, to_input
from simulation.stores import SharedStore
from simulation.world import World

_TROUBLE_SECONDS = 20.0
#: What has not ended so long after the last fault never will.
_PATIENCE_SECONDS = 600.0
_KINDS: tuple[Kind, ...] = ("failing", "returning", "poison", "clumsy", "stuck", "staining", "good")


class Scenario:
    """What a seed stands for: how many runners and workers, which tasks, and which faults.

    Args:
        only: the faults that may strike, and the kinds of tasks that there may be; None for any that the seed draws.
    """

    def __init__(self, world: World, only: tuple[Sequence[faults.Fault], Sequence[Kind]] | None = None) -> None:
        self.world = world
        self.history = History()
        self.shared = SharedStore(self.world, self.history)
        self.clock_was_set = False
        self.hosts: list[Host] = []
        self.plans: dict[int, Plan] = {}
        rng = self.world.rng
        self.faults = [fault for group in _GROUPS if rng.random() < 0.5 for fault in group]
        self.kinds = tuple(rng.sample(_KINDS, rng.randint(1, len(_KINDS))))
        if only is not None:
            self.faults, self.kinds = list(only[0]), tuple(only[1])
        self._workers = rng.randint(1, 4)
        self._places_per_worker = rng.choice((1, 2, 5, 30))
        self._hears_hints = rng.random() < 0.7
        self._left_to_add = rng.randint(20, 120)
        for _ in range(rng.randint(1, 2)):
            self.add_host()
        self._add_tasks()
        if self.faults:
            self.world.after(rng.expovariate(1.0), self._strike)

    def run(self) -> History:
        """Let it all happen and return what happened."""
        self.world.run(_TROUBLE_SECONDS)
        # Trouble that lasts longer than its time goes by; somebody always starts a runner again.
        self.world.run(_TROUBLE_SECONDS + 10.0)
        if not any(host.alive and not host.stopping for host in self.hosts):
            self.add_host()
        self.world.run(self.world.now + _PATIENCE_SECONDS, self._all_ended)
        for info in self.shared.inner.get_all_tasks():
            self.history.note(Read(self.world.now, info))
            self.history.final[info.id] = info
        return self.history

    def add_host(self) -> None:
        """Start a runner."""
        name = f"runner-{len(self.hosts) + 1}"
        host = Host(
            self.world,
            self.shared,
            self.history,
            name,
            workers=self._workers,
            places=self._places_per_worker,
            hears_hints=self._hears_hints,
        )
        self.hosts.append(host)

    def _add_tasks(self) -> None:
        rng = self.world.rng
        count = min(self._left_to_add, rng.choice((1, 3, 20, 60)))
        plans = [draw_plan(rng, self.kinds) for _ in range(count)]
        ids = self.shared.add([self._new_task(plan) for plan in plans])
        self.plans.update(zip(ids, plans, strict=True))
        self._left_to_add -= count
        if self._left_to_add:
            self.world.after(rng.uniform(0.0, 5.0), self._add_tasks)

    def _new_task(self, plan: Plan) -> NewTask:
        rng = self.world.rng
        return NewTask(
            name=plan.name,
            input_json=to_input(plan),
            priority=rng.choice((0, 0, 0, 5)),
            delay_seconds=rng.choice((0.0, 0.0, 0.0, rng.uniform(0, 5))),
            max_lost_attempts=OPTIONS[plan.name].max_lost_attempts,
        )

    def _strike(self) -> None:
        if self.world.now > _TROUBLE_SECONDS:
            return
        rng = self.world.rng
        rng.choice(self.faults)(self)
        for info in self.shared.inner.get_all_tasks():
            self.history.note(Read(self.world.now, info))
        self.world.after(rng.expovariate(2.0), self._strike)

    def _all_ended(self) -> bool:
        return not self._left_to_add and not self.shared.has_open_tasks()


_GROUPS = (faults.USERS, faults.WORKERS, faults.HOSTS, faults.STORE, faults.CLOCK)


def simulate(
    seed: int, only: tuple[Sequence[faults.Fault], Sequence[Kind]] | None = None
) -> tuple[Scenario, list[str]]:
    """Run the simulation of a seed; return it with all violations of what must hold."""
    world = World(seed)
    with _chance_of(world):
        scenario = Scenario(world, only)
        history = scenario.run()
    found = violations(history, lambda info: expectation_of(scenario.plans[info.id], info.id))
    if scenario.clock_was_set:
        # By a clock that was set back, a task ends before it was added; all else must hold.
        found = [text for text in found if "its instants are out of order" not in text]
    return scenario, found


@contextmanager
def _chance_of(world: World) -> Iterator[None]:
    """Let the runner use the chance of the world, and keep its log quiet about what was planted."""
    logging.disable(logging.CRITICAL)
    chance = random.getstate()
    random.seed(world.rng.random())  # backoff draws from it
    try:
        yield
    finally:
        random.setstate(chance)
        logging.disable(logging.NOTSET)
