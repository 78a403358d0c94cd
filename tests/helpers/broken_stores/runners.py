"""Faults in what is known of runners, and in how they share chores."""

from __future__ import annotations

from msgspec.structs import replace

from broken_stores.wrapper import StoreWrapper
from lilota.contract import RegisteredRunner, RunnerInfo, TaskStore


class EveryHeartbeatIsAStart(StoreWrapper):
    """Takes the newest heartbeat for the start of the runner, as a store does that replaces the whole record."""

    def runners(self) -> list[RegisteredRunner]:
        return [replace(runner, started_at=runner.heartbeat_at) for runner in super().runners()]


class RunnersAreKnownByTheirFirstWords(StoreWrapper):
    """Keeps what a runner told at its start, so that nobody learns why it failed."""

    def __init__(self, inner: TaskStore) -> None:
        super().__init__(inner)
        self._first: dict[str, str | None] = {}

    def heartbeat(self, runner: RunnerInfo) -> bool:
        return super().heartbeat(replace(runner, about_json=self._first.setdefault(runner.id, runner.about_json)))


class LostRunnersAreHidden(StoreWrapper):
    """Lists only runners with a lease, so that nobody sees which one was lost."""

    def runners(self) -> list[RegisteredRunner]:
        return [runner for runner in super().runners() if not runner.has_expired]


class LostRunnersSeemAlive(StoreWrapper):
    """Tells what the runner said of itself, and never looks at the clock."""

    def runners(self) -> list[RegisteredRunner]:
        return [replace(runner, has_expired=False) for runner in super().runners()]


class RunnersAreListedByName(StoreWrapper):
    """Lists runners by their ids, which say nothing about when they started."""

    def runners(self) -> list[RegisteredRunner]:
        return sorted(super().runners(), key=lambda runner: runner.id)


class ReleasedRunnersStay(StoreWrapper):
    """Remembers runners that have stopped."""

    def __init__(self, store: TaskStore) -> None:
        super().__init__(store)
        self.stopped: list[RegisteredRunner] = []

    def release(self, runner_id: str) -> int:
        self.stopped += [runner for runner in super().runners() if runner.id == runner_id]
        return super().release(runner_id)

    def runners(self) -> list[RegisteredRunner]:
        return self.stopped + super().runners()


class EveryAskerGetsATurn(StoreWrapper):
    """Lets all runners do the chore at the same time."""

    def take_turn(self, chore: str, every_seconds: float) -> bool:
        super().take_turn(chore, every_seconds)
        return True


class TurnIsTakenForGood(StoreWrapper):
    """Whoever takes the first turn leads, and the chore dies with it."""

    def take_turn(self, chore: str, every_seconds: float) -> bool:
        return super().take_turn(chore, max(every_seconds, 86_400))


class AskingPutsOffTheTurn(StoreWrapper):
    """Counts from the last question, so that busy askers never get a turn."""

    def __init__(self, store: TaskStore) -> None:
        super().__init__(store)
        self.asked: set[str] = set()

    def take_turn(self, chore: str, every_seconds: float) -> bool:
        if chore in self.asked and every_seconds:
            return False
        self.asked.add(chore)
        return super().take_turn(chore, every_seconds)


class AllChoresShareOneTurn(StoreWrapper):
    """One chore keeps the others from being done."""

    def take_turn(self, chore: str, every_seconds: float) -> bool:
        del chore
        return super().take_turn("any", every_seconds)
