"""Decide what a runner does next: what to claim, send, time out, stop, retry and give back.

No I/O and no clock: events and the time come in, commands and updates go out. The runner carries them out with real
processes and a real store; tests do it in virtual time.

    granted ──► backlog ──► worker's queue ──► running ──► outcome ──► updates ──► committed
                   ▲──────────── recalled, worker died ───────┘
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from lilota.contract import Claimed, ClaimRequest, Committed, Fence
from lilota.engine.backlog import Backlog
from lilota.engine.commands import Command
from lilota.engine.crew import Crew
from lilota.engine.fates import Death
from lilota.engine.holdings import Holdings
from lilota.engine.messages import Loaded, Report
from lilota.engine.pacing import Pacing
from lilota.engine.stop_ladder import StopLadder
from lilota.engine.workload import KnownOptions
from lilota.models import AttemptUpdate


class TimedRule(NamedTuple):
    """Something that time demands.

    Attributes:
        due_at: returns the instant at which there is something to do, infinity if there is nothing.
        act: does all that is due; after that, `due_at` is later than the time it was given.
    """

    due_at: Callable[[], float]
    act: Callable[[float], None]


class Engine:
    """The decisions of one runner.

    Args:
        runner_id: goes into claim requests.
        number_of_workers: how many worker processes to keep alive.
        names: the task names that it can run.
        queues: the queues that it serves, or None for all.
    """

    def __init__(
        self, runner_id: str, number_of_workers: int, names: Iterable[str], queues: Iterable[str] | None = None
    ) -> None:
        self._request = ClaimRequest(
            runner_id=runner_id, names=tuple(names), queues=None if queues is None else tuple(queues), limit=0
        )
        self._options = KnownOptions()
        self._crew = Crew(number_of_workers)
        self._backlog = Backlog()
        self._stops = StopLadder(self._crew, self._options)
        self._holdings = Holdings(self._crew, self._backlog, self._stops, self._options)
        self._pacing = Pacing()
        self._claiming = True
        self._asks_for_work = False
        self._more_may_wait = True
        self._timed_rules = (
            TimedRule(self._crew.next_start_at, self._crew.start_missing),
            TimedRule(self._stops.next_step_at, self._stops.take_steps),
            TimedRule(self._crew.next_slow_at, self._crew.recall_slow),
            TimedRule(self._backlog.next_stale_at, self._give_back_stale),
        )

    # --- what the runner asks

    @property
    def serves(self) -> ClaimRequest:
        """The task names and queues of this runner, as a request for nothing."""
        return self._request

    @property
    def held(self) -> int:
        """How many attempts are here that have no outcome yet."""
        return self._holdings.count

    @property
    def is_ready(self) -> bool:
        """Whether a worker has come up."""
        return any(worker.ready for worker in self._crew.workers.values())

    @property
    def failed_starts(self) -> int:
        """How many workers in a row died before they were of any use."""
        return self._crew.failed_starts

    @property
    def last_start_failure(self) -> Death | None:
        """How the last of these died."""
        return self._crew.last_start_failure

    @property
    def is_settled(self) -> bool:
        """Whether nothing is held here and nothing is to be written."""
        return self._holdings.are_settled

    @property
    def is_idle(self) -> bool:
        """Whether it is settled, and the store had nothing when it was last asked."""
        return self.is_settled and not self._more_may_wait

    @property
    def is_deserted(self) -> bool:
        """Whether all workers are gone."""
        return not self._crew.workers

    def holds(self, fence: Fence) -> bool:
        """Tell whether an attempt is here, or was and its outcome is not written yet."""
        return fence in self._holdings

    def take_commands(self) -> list[Command]:
        """Return what is to be done with worker processes, in this order."""
        return self._crew.take_commands()

    def take_updates(self) -> list[AttemptUpdate]:
        """Return what is to be written; give it back with `keep_updates` if the store can't be reached."""
        return self._holdings.take_updates()

    def keep_updates(self, updates: list[AttemptUpdate]) -> None:
        """Take back updates that could not be written."""
        self._holdings.keep_updates(updates)

    def request(self, *, look_again: bool) -> ClaimRequest | None:
        """Return what to claim now, or None to leave the store alone.

        Args:
            look_again: the store may have changed, or was not asked for a while.
        """
        limit = self._free_places() if self._claiming else 0
        if not (look_again or (limit and self._more_may_wait)):
            return None
        self._asks_for_work = limit > 0
        return msgspec.structs.replace(self._request, limit=limit)

    # --- time

    def seconds_until_tick(self, now: float) -> float:
        """Return after which time `tick` has something to do, infinity if time alone changes nothing."""
        return max(0.0, min([rule.due_at() for rule in self._timed_rules]) - now)

    def tick(self, now: float) -> None:
        """Do what time demands."""
        for rule in self._timed_rules:
            if now >= rule.due_at():
                rule.act(now)
        self._backlog.deal(self._crew, now)

    # --- what happens

    def resize(self, number_of_workers: int) -> None:
        """Keep so many workers alive from now on; those that are too many go on until they leave."""
        self._crew.size = number_of_workers

    def worker_ready(self, number: int) -> None:
        """A worker process is up."""
        self._crew.came_up(number)

    def worker_leaving(self, number: int) -> None:
        """A worker ends in good order: what is sent to it from now on does not start."""
        self._crew.workers[number].leaving = True

    def worker_died(self, number: int, death: Death, now: float) -> None:
        """A worker process is gone; the attempt that ran in it is lost, the others wait again."""
        self._holdings.note_death(self._crew.died(number, death, now), death, now)

    def task_loaded(self, message: Loaded) -> None:
        """A worker has imported a task class."""
        self._options[message.name] = message.options
        self._holdings.note_options(message.name)

    def reported(self, number: int, report: Report, now: float) -> None:
        """A worker tells how its attempts are getting on."""
        self._pacing.learn(report.durations)
        self._holdings.note_report(self._crew.workers[number], report, now)

    def committed(self, committed: Committed, now: float) -> None:
        """The store has answered."""
        for fence in committed.refused:
            self._holdings.drop(fence, now)
        if committed.claimed is not None:
            self._note_claimed(committed.claimed, now)

    def give_back(self, fence: Fence) -> None:
        """Give back a claim that the store has granted, and that never came here."""
        self._holdings.give_back(fence)

    # --- what the runner orders

    def lose_lease(self, now: float) -> None:
        """Another runner may have everything that was held here: stop it.

        Its updates are written all the same. The store refuses those of attempts that it has given away. The others it
        takes to be running here; without an update they would stay so, and nobody would run them.
        """
        self._holdings.lose_all()
        self._more_may_wait = True
        self._crew.restart_from(now)

    def stop_claiming(self) -> None:
        """Take nothing new, and give back what has not started."""
        self._claiming = False
        self._crew.stop_starting()
        self._holdings.give_back_waiting()

    def stop_running(self, now: float, *, by_force: bool) -> None:
        """End the attempts that run and give them back: by an exception first, or at once by force."""
        if by_force:
            self._stops.force_all("shutdown")
        else:
            self._stops.begin_all("shutdown", now)

    def dismiss_workers(self) -> None:
        """Let the workers leave, also those that are not up yet."""
        self._crew.dismiss()

    # --- claims

    def _free_places(self) -> int:
        size = self._pacing.batch_size()
        places = 0
        for worker in self._crew.workers.values():
            if worker.takes_more():
                places += max(0, size - len(worker.attempts))
        return max(0, places - len(self._backlog))

    def _note_claimed(self, claimed: Claimed, now: float) -> None:
        for claim in claimed.claims:
            self._holdings.accept(claim, self._pacing.expected_seconds(claim.name), now)
        if self._asks_for_work:  # a full runner asks only for cancellations, and learns nothing about what waits
            self._more_may_wait = bool(claimed.claims)
        for fence in claimed.cancel_requested:
            self._holdings.cancel(fence, now)
        self._backlog.deal(self._crew, now)

    def _give_back_stale(self, now: float) -> None:
        self._holdings.give_back_stale(now)
        # As soon as a worker has room the store is worth a look: it has at least these.
        self._more_may_wait = True
