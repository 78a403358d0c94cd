"""A runner in a simulation: the real engine, driver and lease keeper, on simulated workers and a watched store."""

from __future__ import annotations

from typing import cast

from history.events import History, Looked, Spun

from lilota.adding.waiters import Waiters
from lilota.contract import RunnerInfo
from lilota.engine.engine import Engine
from lilota.engine.renewal import NO_RENEWAL, RenewalRules
from lilota.errors import StoreError
from lilota.plugins import Plugins
from lilota.running.driver import Driver
from lilota.running.lease import LeaseKeeper
from lilota.running.looking import POLL_SECONDS
from lilota.running.telling import Teller
from simulation.plans import OPTIONS
from simulation.stores import RunnerStore, SharedStore
from simulation.workers import SimulatedProcesses
from simulation.world import World

#: So many rounds without a pause and without news are no longer a coincidence.
_ROUNDS_WITHOUT_NEWS = 30
_LEAST_STEP_SECONDS = 1e-4
#: When workers are replaced.
_RENEWALS = (NO_RENEWAL, RenewalRules(after_tasks=1), RenewalRules(after_tasks=7), RenewalRules(after_seconds=3.0))


class NoPlugins:
    """Nobody observes."""

    def has(self, _hook_name: str) -> bool:
        return False


class Host:
    """One start of a runner, on a machine that can freeze and die.

    Args:
        hears_hints: whether notifications of the store reach it; polling must do without.
    """

    def __init__(
        self,
        world: World,
        shared: SharedStore,
        history: History,
        name: str,
        *,
        workers: int,
        places: int,
        hears_hints: bool,
    ) -> None:
        self.world = world
        self.info = RunnerInfo(id=name, lease_seconds=3.0, host="simulated", pid=1)
        self.store = RunnerStore(shared, name)
        self.alive = True
        self.ended = False
        self.stopping = False
        self.frozen_until = 0.0
        self._history = history
        self._shared = shared
        self.processes = SimulatedProcesses(world, history, self._wake, workers, places)
        self.engine = Engine(
            name,
            self.processes.places(),
            tuple(OPTIONS),
            places_per_worker=places,
            renewal=world.rng.choice(_RENEWALS),
            may_overlap=world.rng.random() < 0.7,
        )
        teller = Teller(cast("Plugins", NoPlugins()), Waiters(self.store, told=True))
        self.driver = Driver(self.engine, self.processes, self.store, teller, world.monotonic)
        self.lease = LeaseKeeper(self.store, self.info, self.driver.lose_lease, self.driver.look_again, world.monotonic)
        self._next_round_at = float("inf")
        self._rounds_without_news = 0
        self._has_news = False
        self._begin(hears_hints=hears_hints)

    def freeze(self, seconds: float) -> None:
        """Stop the process of the runner for a while, as SIGSTOP does; its workers go on."""
        self.frozen_until = max(self.frozen_until, self.world.now + seconds)

    def die(self) -> None:
        """End the process of the runner without a last word; its workers follow."""
        self.alive = False
        self.processes.close()

    def stop(self, timeout_seconds: float | None) -> None:
        """Begin to stop in good order."""
        self.stopping = True
        self.driver.stop(drain=False, timeout_seconds=timeout_seconds)

    # --- the loop of the driver

    def _begin(self, *, hears_hints: bool) -> None:
        # Like `LeaseKeeper.start`, without the thread; while the store is down a real runner would not start.
        try:
            self.store.heartbeat(self.info)
            self.lease._look()
        except StoreError:
            self.world.after(0.5, lambda: self._begin(hears_hints=hears_hints))
            return
        self.lease._renewed_at = self.world.now
        self.world.after(self.info.lease_seconds / 3, self._beat)
        if hears_hints:
            self._shared.changed.append(self._hear)
        self.world.after(0.25, self._look)
        self._wake()

    def _hear(self) -> None:
        if self.alive and not self.ended:
            self.world.after(self.world.rng.uniform(1e-4, 2e-3), self.driver.look_again)

    def _wake(self) -> None:
        self._has_news = True
        self._plan_round(self.world.now)

    def _plan_round(self, instant: float) -> None:
        if instant < self._next_round_at:
            self._next_round_at = instant
            self.world.at(instant, lambda: self._round(instant))

    def _round(self, planned_at: float) -> None:
        if not self.alive or self.ended or planned_at != self._next_round_at:
            return
        if self.world.now < self.frozen_until:
            self._next_round_at = float("inf")
            self._plan_round(self.frozen_until)
            return
        self._next_round_at = float("inf")
        had_news, self._has_news = self._has_news, False
        self.driver.run_round()
        if self.driver._stop.is_done:
            self._end()
            return
        pause = self.driver._seconds_to_wait()
        self._watch_for_spinning(had_news, pause)
        self._plan_round(self.world.now + max(pause, _LEAST_STEP_SECONDS))

    def _watch_for_spinning(self, had_news: bool, pause: float) -> None:
        busy = had_news or self._has_news or pause > _LEAST_STEP_SECONDS
        self._rounds_without_news = 0 if busy else self._rounds_without_news + 1
        if self._rounds_without_news == _ROUNDS_WITHOUT_NEWS:
            self._history.note(Spun(self.world.now, self.info.id))

    def _end(self) -> None:
        self.ended = True
        self.processes.close()
        self._release()

    def _release(self) -> None:
        try:
            self.store.release(self.info.id)
        except StoreError:
            return  # as the runner does: the lease runs out

    # --- the lease keeper's thread

    def _beat(self) -> None:
        if not self.alive or self.ended:
            return
        if self.world.now < self.frozen_until:
            self.world.at(self.frozen_until, self._beat)
            return
        pause = self.info.lease_seconds / 3
        self.world.after(pause if self.lease._beat() else min(1.0, pause), self._beat)

    # --- whether it does what it should

    def _look(self) -> None:
        if not self.alive or self.ended:
            return
        is_well = (
            self.store.is_reachable
            # After a failure it leaves the store in peace for up to two seconds, which are as long as two polls.
            and self.driver._exchange.schedule.may_talk(self.world.monotonic())
            and self.world.now >= self.frozen_until
            and not self.stopping
            and any(
                worker.ready and not (worker.retiring or worker.is_used_up())
                for worker in self.engine.crew.workers.values()
            )
            and self.world.time() < self.store.lease_until
        )
        waits = is_well and self._shared.is_work_due()
        self._history.note(Looked(self.world.now, self.info.id, is_well and not self.engine.holdings.count, waits))
        self.world.after(POLL_SECONDS / 4, self._look)
