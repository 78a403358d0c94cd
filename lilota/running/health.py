"""Whether a started runner goes on: its engine comes round, its workers start, its store answers."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from lilota.engine.engine import Engine
from lilota.errors import described
from lilota.running.driver import FIRST_STARTS, Driver

#: The engine comes round each second or two. One that has not for so long is held up by others' code.
HELD_UP_SECONDS: Final = 10.0
#: So long it may wait for an answer of its store, which has a patience of its own. Then that call is lost, and a new
#: start helps.
_ANSWER_SECONDS: Final = 120.0


class RunnerHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps a runner from running tasks, if anything does.

    Attributes:
        problem: a stable word: "failed" (its engine ended by an error), "held_up" (its engine does not come round: a
            hook, a log handler or an executor does not return, or a store not for minutes), "workers" (no worker
            process comes up), "store" (the store does not answer), or "" while all is well.
        text: the same as a sentence, for people.
    """

    problem: Literal["", "failed", "held_up", "workers", "store"] = ""
    text: str = ""

    @property
    def is_well(self) -> bool:
        """Whether it runs tasks as it should."""
        return not self.problem

    @property
    def goes_on(self) -> bool:
        """Whether its engine makes progress. To start the runner again helps only where it does not."""
        return self.problem not in {"failed", "held_up"}


def health_of(engine: Engine, driver: Driver) -> RunnerHealth:
    """Look at a runner, from any thread; what is worst comes first."""
    if driver.failure is not None:
        return RunnerHealth(problem="failed", text=f"The engine has failed: {described(driver.failure)}")
    seconds = driver.seconds_since_round()
    is_late = seconds >= HELD_UP_SECONDS
    if is_late and (seconds >= _ANSWER_SECONDS or not driver.waits_for_store):
        text = f"The engine has been held up for {seconds:.0f} s, at {driver.whereabouts()}"
        return RunnerHealth(problem="held_up", text=text)
    death = engine.crew.last_start_failure
    if death is not None and engine.crew.starts_in_vain >= FIRST_STARTS:
        return RunnerHealth(problem="workers", text=f"No worker process comes up; the last one {death.cause}")
    away_for = driver.store_away_for() or (seconds if is_late else 0.0)
    if away_for:
        return RunnerHealth(problem="store", text=f"The store has not answered for {away_for:.0f} s")
    return RunnerHealth()
