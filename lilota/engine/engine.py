"""Decide what a runner does next: what to claim, send, time out, stop, retry and give back.

No I/O and no clock: events and the time come in, commands and updates go out. The runner carries them out with real
processes and a real store; tests do it in virtual time.

    granted ──► backlog ──► worker's queue ──► running ──► outcome ──► updates ──► committed
                   ▲──────────── recalled, worker died ───────┘
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, assert_never

import msgspec

from lilota.contract import Claimed, ClaimRequest, Committed
from lilota.engine.backlog import Backlog
from lilota.engine.chronicle import Chronicle
from lilota.engine.conduct import MisconductError, check_remarks, check_report
from lilota.engine.crew import Crew
from lilota.engine.events import WorkerUse
from lilota.engine.fates import Death
from lilota.engine.holdings import Holdings
from lilota.engine.messages import FromWorker, Lacking, Leaving, Loaded, Ready, Remarks, Report, Unfit
from lilota.engine.pacing import BATCH_LIMIT, Pacing
from lilota.engine.pauses import Pauses
from lilota.engine.renewal import NO_RENEWAL, Renewal, RenewalRules
from lilota.engine.stop_ladder import StopLadder
from lilota.engine.use_watch import UseWatch
from lilota.engine.workload import Attempt, KnownWorker
from lilota.errors import described, listed
from lilota.tasks.families import prefixes
from lilota.tasks.limits import MESSAGE_LIMIT

logger: logging.Logger = logging.getLogger(__name__)

_LEASE_LOST: Final = Death("was stopped, because its runner had lost its lease")


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
        places_per_worker: how many attempts of concurrent tasks each of them runs at once.
        names: the task names that it can run; "reports:*" stands for all that begin with "reports:".
        queues: the queues that it serves, or None for all.
        chronicle: makes the lines that it writes itself into the logs of tasks.
        way_seconds: how long a message to a worker and its answer take.
        renewal: when workers are replaced.
        may_overlap: the executor has room for a worker and the one that replaces it, for a moment.

    Attributes:
        crew: its workers, and what is to be done with them.
        holdings: its attempts, and what is to be written about them.
    """

    def __init__(
        self,
        runner_id: str,
        number_of_workers: int,
        names: Iterable[str],
        queues: Iterable[str] | None = None,
        chronicle: Chronicle | None = None,
        *,
        places_per_worker: int = 1,
        way_seconds: float = 0.0,
        renewal: RenewalRules = NO_RENEWAL,
        may_overlap: bool = False,
    ) -> None:
        names = tuple(names)
        self._given_names: set[str] = set()
        self._request = ClaimRequest(
            runner_id=runner_id,
            names=names,
            families=prefixes(names),
            queues=None if queues is None else tuple(queues),
            limit=0,
        )
        self._takes = self._request
        #: What it takes without the names that have a pause, when the store was last asked.
        self._open = self._request
        self._pauses = Pauses()
        self._gave_up_because: str | None = None
        self._given_up: tuple[str, ...] = ()
        self._unwatched: tuple[str, ...] = ()
        self.crew: Crew = Crew(number_of_workers, places_per_worker, way_seconds, renewal.after_tasks)
        self._backlog = Backlog()
        self._stops = StopLadder(self.crew)
        self._use_watch = UseWatch(self.crew, self._stops)
        self._renewal = Renewal(self.crew, renewal, may_overlap=may_overlap)
        self.holdings: Holdings = Holdings(
            self.crew, self._backlog, self._stops, self._use_watch, chronicle or Chronicle(runner_id)
        )
        self._pacing = Pacing(way_seconds)
        self._claiming = True
        self._asks_for: tuple[str, ...] | None = None
        self._more_may_wait = True
        self._more_concurrent_may_wait = True
        self._looks_at_all = False
        self._timed_rules = (
            TimedRule(self._renewal.next_at, self._renewal.go_on),
            TimedRule(self.crew.next_start_at, self.crew.start_missing),
            TimedRule(self._stops.next_step_at, self._stops.take_steps),
            TimedRule(self._use_watch.next_look_at, self._use_watch.look),
            TimedRule(self.crew.next_slow_at, self.crew.recall_slow),
            TimedRule(self.crew.next_overstay_at, self.crew.end_overstayers),
            TimedRule(self.crew.next_retirement_at, self._end_graces),
            TimedRule(self._backlog.next_stale_at, self._give_back_stale),
            TimedRule(self.crew.next_turn_at, self._begin_turn),
            TimedRule(self._pauses.next_end_at, self._end_pauses),
        )

    # --- what the runner asks

    @property
    def serves(self) -> ClaimRequest:
        """The task names and queues of this runner, as a request for nothing; those that it has given up too."""
        return self._request

    @property
    def takes(self) -> ClaimRequest:
        """The task names and queues of which it takes tasks, as a request for nothing."""
        return self._takes

    @property
    def useless_because(self) -> str | None:
        """Why it will never take a task again; None as long as it may, has attempts in hand, or is to stop anyway."""
        if self._takes.names or not (self._claiming and self.holdings.are_settled):
            return None
        return self._gave_up_because

    @property
    def troubles(self) -> tuple[str, ...]:
        """What somebody has to look at, as sentences; any thread may ask."""
        found = (*self._given_up, *self._unwatched, *self._pauses.troubles, self.crew.unfit)
        return tuple(filter(None, found))

    @property
    def is_stopping(self) -> bool:
        """Whether it takes nothing any more, and waits for what runs; any thread may ask."""
        return not self._claiming

    @property
    def is_idle(self) -> bool:
        """Whether nothing is held or to be written, and the store had nothing when it was last asked."""
        return self.holdings.are_settled and not self._more_may_wait

    @property
    def busy_workers(self) -> int:
        """How many workers have an attempt to run."""
        return sum(bool(worker.attempts) for worker in self.crew.workers.values())

    @property
    def more_waits(self) -> bool:
        """Whether there is more to do than its workers have, though each of them has something."""
        is_full = self._claiming and self.busy_workers == len(self.crew.workers) > 0
        return is_full and (len(self._backlog) > 0 or self._more_may_wait)

    def request(self, *, look_again: bool) -> ClaimRequest | None:
        """Return what to claim now, or None to leave the store alone.

        Args:
            look_again: the store may have changed, or was not asked for a while.
        """
        limit = self._free_places() if self._claiming else 0
        concurrent = self._free_concurrent_places() if self._claiming and not limit else 0
        self._open = self._pauses.narrowed(self._takes)
        if concurrent and self._looks_at_all:
            # What comes first may need a worker for itself: coroutines that keep coming would leave none.
            self._looks_at_all = False
            self._asks_for = self._open.names
            return msgspec.structs.replace(self._open, limit=1)
        if concurrent and (look_again or self._more_concurrent_may_wait):
            # Only what can start beside the coroutines that run: nothing else gets a place before these have ended.
            self._asks_for = names = self._concurrent_names()
            return msgspec.structs.replace(self._open, names=names, families=prefixes(names), limit=concurrent)
        if not (look_again or (limit and self._more_may_wait)):
            return None
        self._asks_for = self._open.names if limit else None
        return msgspec.structs.replace(self._open, limit=limit)

    # --- time

    def seconds_until_tick(self, now: float) -> float:
        """Return after which time `tick` has something to do, infinity if time alone changes nothing."""
        return max(0.0, min([rule.due_at() for rule in self._timed_rules]) - now)

    def tick(self, now: float) -> None:
        """Do what time demands."""
        for rule in self._timed_rules:
            if now >= rule.due_at():
                rule.act(now)
        self._backlog.deal(self.crew, now)

    # --- what happens

    def hear(self, number: int, message: FromWorker, now: float) -> bool:
        """A worker tells something; tell whether it was taken. Whatever it is, it can end only this worker."""
        worker = self.crew.workers[number]
        if worker.fault:
            return False
        held = tuple(worker.attempts.values())
        try:
            self._listen(worker, message, now)
        except MisconductError as error:
            self._blame(worker, held, str(error), now)
        except Exception as error:
            logger.exception("This was not expected of any message.")
            self._blame(worker, held, f"told what the runner could not understand ({described(error)})", now)
        else:
            return True
        return False

    def worker_retires(self, number: int, grace_seconds: float, now: float) -> None:
        """The place of a worker will be taken away; nothing happens if there is no such worker any more."""
        self.crew.retire(number, grace_seconds, now)

    def worker_died(self, number: int, death: Death, now: float) -> None:
        """A worker process is gone; the attempt that ran in it is lost, the others wait again."""
        self.holdings.note_death(self.crew.died(number, death, now), death, now)

    def worker_measured(self, number: int, use: WorkerUse | None, now: float) -> None:
        """Somebody has looked what a worker uses; None if nobody can tell."""
        self._renewal.measured(number, use)
        name = self._use_watch.measured(number, use, now)
        if name is not None:
            limits = "their limits of memory and processor time"
            warning = f"Tasks named {name!r} run without {limits}: nothing tells here what a worker uses."
            self._unwatched += (warning,)
            logger.warning("%s", warning)

    def committed(self, committed: Committed, now: float) -> None:
        """The store has answered."""
        for fence in committed.refused:
            self.holdings.drop(fence, now)
        if committed.claimed is not None:
            self._note_claimed(committed.claimed, now)

    # --- what the runner orders

    def lose_lease(self, now: float) -> None:
        """Another runner may have everything that was held here: stop it.

        Its updates are written all the same. The store refuses those of attempts that it has given away. The others it
        takes to be running here; without an update they would stay so, and nobody would run them.
        """
        self.holdings.lose_all(_LEASE_LOST, now)
        self._more_may_wait = True
        self.crew.restart_from(now)

    def stop_claiming(self) -> None:
        """Take nothing new, and give back what has not started."""
        self._claiming = False
        self._renewal.end()
        self.crew.stop_starting()
        self.holdings.give_back_waiting()

    def stop_running(self, now: float, *, by_force: bool) -> None:
        """End the attempts that run and give them back: by an exception first, or at once by force."""
        if by_force:
            self._stops.force_all("shutdown")
        else:
            self._stops.begin_all("shutdown", now)

    # --- what a worker tells

    def _listen(self, worker: KnownWorker, message: FromWorker, now: float) -> None:
        if not (worker.ready or isinstance(message, Ready | Unfit | Remarks)):
            raise MisconductError("told something before it was ready")
        match message:
            case Report():
                check_report(worker, message, self._given_names)
                self.holdings.note_report(worker, message, now)
                self._pacing.learn(message.durations)
                self._leave_newer(now)
            case Loaded():
                self.holdings.note_options(worker, message)
                self._pauses.lift(message.name, message.options.version)
                self._more_concurrent_may_wait |= message.options.concurrent
            case Lacking():
                if self.holdings.check_lacking(worker, message):
                    self._give_up(message.name, message.reason[:MESSAGE_LIMIT])
            case Remarks():
                check_remarks(worker, message.lines)
            case Ready():
                self.crew.came_up(worker.number, now)
            case Unfit():
                self._note_unfit(worker, message)
            case Leaving():
                self.crew.leaves(worker.number, now)
            case _:
                assert_never(message)

    def _note_unfit(self, worker: KnownWorker, message: Unfit) -> None:
        """Count a worker that ends, because it must run nothing, as one that could not start; say it of the first."""
        if worker.ready:
            raise MisconductError("said that it is not fit to run anything, after it had been")
        worker.unfit = message.reason[:MESSAGE_LIMIT]
        if not self.crew.unfit:
            due = "takes no tasks, and a restart of the runner is due"
            on = f" on {worker.node}" if worker.node else ""
            self.crew.unfit = f"The worker process {message.pid}{on} {due}: {worker.unfit}"
            logger.error("%s", self.crew.unfit)

    def _give_up(self, name: str, reason: str) -> None:
        """Take no more tasks of a name, nor of a family that it belongs to: a claim can't leave out one of a family."""
        given_up = [known for known in self._takes.names if known == name or name.startswith(prefixes([known]))]
        if given_up:
            names = tuple(known for known in self._takes.names if known not in given_up)
            self._takes = msgspec.structs.replace(self._takes, names=names, families=prefixes(names))
            self._gave_up_because = reason
            until = "until the runner is started again"
            self._given_up += (f"Tasks named {listed(given_up)} are not taken any more, {until}: {reason}",)
            logger.error("%s", self._given_up[-1])

    def _leave_newer(self, now: float) -> None:
        """Take no tasks for a while of the names of which some are for newer code, and have gone back to the store."""
        for claim, of_task, of_class in self.holdings.take_newer():
            text = self._pauses.begin(claim.name, of_task, of_class, now)
            if text is not None:
                logger.warning("%s", text)

    def _blame(self, worker: KnownWorker, held: Sequence[Attempt], fault: str, now: float) -> None:
        logger.error("Worker %d is ended and replaced, because it %s.", worker.number, fault)
        self.holdings.blame(worker, held, fault, now)

    # --- claims

    def _free_places(self) -> int:
        size = self._pacing.batch_size()
        places = 0
        for worker in self.crew.workers.values():
            if worker.takes_more() and not worker.is_shared():
                places += max(0, int(min(size - len(worker.attempts), worker.left())))
        return max(0, places - len(self._backlog))

    def _free_concurrent_places(self) -> int:
        """Return how many more concurrent attempts have room beside those that run."""
        places = sum(worker.free_places() for worker in self.crew.workers.values())
        return min(BATCH_LIMIT, max(0, places - len(self._backlog)))

    def _concurrent_names(self) -> tuple[str, ...]:
        """Return the names of which it takes tasks, but for those whose tasks are known not to be concurrent.

        The others have to be tried, or else nobody would learn of them as long as there are coroutines.
        """
        alone = [name for name, options in self.crew.options.items() if not options.concurrent]
        return tuple(
            name
            for name in self._open.names
            if name not in alone and not any(each.startswith(prefixes([name])) for each in alone)
        )

    def _note_claimed(self, claimed: Claimed, now: float) -> None:
        for claim in claimed.claims:
            self._given_names.add(claim.name)
            self.holdings.accept(claim, self._pacing.expected_seconds(claim.name), now)
        self._leave_newer(now)
        if self._asks_for is not None:  # a full runner asks only for cancellations, and learns nothing of what waits
            self._more_concurrent_may_wait = bool(claimed.claims)
            if self._asks_for == self._open.names:
                self._more_may_wait = bool(claimed.claims)
        for fence in claimed.cancel_requested:
            self.holdings.cancel(fence, now)
        self._backlog.deal(self.crew, now)

    def _end_graces(self, now: float) -> None:
        for worker in self.crew.end_graces(now):
            self._stops.begin_in(worker, "shutdown", now)

    def _begin_turn(self, now: float) -> None:
        self.crew.begin_turn(now)
        self._looks_at_all = self.crew.may_make_way

    def _end_pauses(self, now: float) -> None:
        self._pauses.end_due(now)
        self._more_may_wait = self._more_concurrent_may_wait = True

    def _give_back_stale(self, now: float) -> None:
        self.holdings.give_back_stale(now)
        # As soon as a worker has room the store is worth a look: it has at least these.
        self._more_may_wait = True
