"""The worker processes of a runner: start them, start them again, notice the slow ones, let them leave."""

from __future__ import annotations

import signal
from math import inf
from typing import Final

from lilota.engine.commands import AskForStack, Command, Kill, Measure, Send, StartWorker
from lilota.engine.conduct import MisconductError
from lilota.engine.fates import Death
from lilota.engine.messages import Finish, Recall, ToWorker
from lilota.engine.workload import KnownOptions, KnownWorker
from lilota.tasks.limits import NAME_LIMIT

#: A worker that dies before it was of any use is started again after this, doubled each time.
RESTART_SECONDS: Final = 0.1
RESTART_LIMIT_SECONDS: Final = 30.0
#: A worker that has said that it leaves may take so long to do so.
LEAVE_SECONDS: Final = 10.0
#: So long a worker makes way for what needs one for itself, and so long none does when that was not long enough.
TURN_SECONDS: Final = 5.0


class Crew:
    """The workers of one runner, and what is to be done with them.

    Attributes:
        size: how many workers to keep alive, besides those that retire; where there are more, they go on until they
            leave.
        workers: by their numbers; those that are being started too.
        failed_starts: how many in a row died before they were of any use.
        starts_in_vain: how many of them at a time when no worker was up.
        last_start_failure: how the last of these died.
        unfit: what was said of the first that was not fit to run anything, "" when one has come up since.
        options: what the workers told of the task classes, the newest of each name.
        may_make_way: a worker that runs coroutines may stop taking more, for something that needs one for itself.
    """

    def __init__(
        self, size: int, places_per_worker: int = 1, way_seconds: float = 0.0, most_attempts: int | None = None
    ) -> None:
        self.failed_starts: int = 0
        self.starts_in_vain: int = 0
        self.last_start_failure: Death | None = None
        self.unfit: str = ""
        self.size = size
        self._places_per_worker = places_per_worker
        self._way_seconds = way_seconds
        self._most_attempts = inf if most_attempts is None else most_attempts
        self.options: KnownOptions = KnownOptions()
        self.workers: dict[int, KnownWorker] = {}
        self._retiring: dict[int, KnownWorker] = {}
        #: Those whose successor is being started, or is up already; with it, if there is one.
        self._relieved: dict[int, KnownWorker | None] = {}
        self.may_make_way: bool = False
        self._turn_at = 0.0
        self._next_number = 1
        self._start_not_before = 0.0
        #: In how many places the last start has failed, and the next one waits.
        self._held_back = 0
        self._starts_workers = True
        self._closing = False
        self._commands: list[Command] = []

    @property
    def is_ready(self) -> bool:
        """Whether a worker has come up that may still run something, or does."""
        return any(worker.ready and not worker.is_used_up() for worker in self.workers.values())

    @property
    def _missing(self) -> int:
        return self.size - len(self.workers) + len(self._retiring) + len(self._relieved)

    # --- what time demands

    def next_start_at(self) -> float:
        """Return when a worker is to be started, infinity if there are enough."""
        missing = self._missing
        if not self._starts_workers or missing <= 0:
            return inf
        # Where a place is new, or its worker has been of use, nobody has to wait because another place is bad.
        if missing > self._held_back:
            return 0.0
        # After a failed start one at a time, until one comes up.
        is_waiting = self.failed_starts and not all(worker.ready for worker in self.workers.values())
        return inf if is_waiting else self._start_not_before

    def start_missing(self, now: float) -> None:
        """Start as many workers as there should be."""
        self._turn_at = self._turn_at or now + TURN_SECONDS
        while now >= self.next_start_at():
            self._held_back = min(self._held_back, self._missing - 1)
            worker = KnownWorker(
                self._next_number,
                KnownOptions(self.options),
                places=self._places_per_worker,
                way_seconds=self._way_seconds,
                most_attempts=self._most_attempts,
            )
            self._next_number += 1
            self._make_successor(worker)
            self.workers[worker.number] = worker
            self._commands.append(StartWorker(worker.number))

    def next_slow_at(self) -> float:
        """Return when the next worker counts as slow, infinity if none is at work."""
        slow_at = inf
        for worker in self.workers.values():
            slow_at = min(slow_at, worker.slow_at)
        return slow_at

    def recall_slow(self, now: float) -> None:
        """Send nothing more to a worker whose attempt takes long, and fetch what waits behind it."""
        for worker in self.workers.values():
            if now >= worker.slow_at:
                worker.note_slow()
                self.recall(worker)

    def next_overstay_at(self) -> float:
        """Return when the next worker should have left, infinity if none is about to."""
        return min((worker.leave_by for worker in self.workers.values()), default=inf)

    def end_overstayers(self, now: float) -> None:
        """Kill workers that have said that they leave, and stay."""
        for worker in self.workers.values():
            if now >= worker.leave_by:
                worker.leave_by = inf
                self.kill(worker, signal.SIGKILL)

    def next_retirement_at(self) -> float:
        """Return when the grace of the next worker ends whose place is taken away, infinity if there is none."""
        return min((worker.retire_by for worker in self._retiring.values()), default=inf)

    def end_graces(self, now: float) -> list[KnownWorker]:
        """Return the workers whose grace has ended: what runs in them is to be stopped, and they are to leave then."""
        ended = [worker for worker in self._retiring.values() if now >= worker.retire_by]
        for worker in ended:
            worker.retire_by = inf
            worker.leave_by = min(worker.leave_by, now + LEAVE_SECONDS)
        return ended

    def next_turn_at(self) -> float:
        """Return when the next turn begins, infinity if no coroutines are at work."""
        return self._turn_at if any(worker.is_shared() for worker in self.workers.values()) else inf

    def begin_turn(self, now: float) -> None:
        """Let a worker make way in this turn; or none, where one has done so in vain: its coroutines take long."""
        made_way = [worker for worker in self.workers.values() if worker.makes_way]
        for worker in made_way:
            worker.makes_way = False
        self.may_make_way = not made_way
        self._turn_at = now + TURN_SECONDS

    def make_way(self) -> None:
        """Let the worker with the fewest coroutines take no more, if there are only such workers."""
        at_work = [worker for worker in self.workers.values() if worker.takes_more()]
        if at_work and all(worker.is_shared() for worker in at_work):
            min(at_work, key=lambda worker: len(worker.attempts)).makes_way = True
            self.may_make_way = False

    # --- what happens to workers

    def note_node(self, number: int, node: str) -> None:
        """A worker is on this node."""
        self.workers[number].node = node[:NAME_LIMIT]

    def came_up(self, number: int, now: float) -> None:
        """A worker process is up.

        Raises:
            MisconductError: it has said so before.
        """
        worker = self.workers[number]
        if worker.ready:
            raise MisconductError("said once more that it is ready")
        worker.ready = True
        worker.ready_at = now
        self.failed_starts = self.starts_in_vain = 0
        self.unfit = ""
        if self._closing:
            self.send(worker, Finish())
        elif worker.predecessor is not None:
            self._let_go(worker.predecessor)

    def leaves(self, number: int, now: float) -> None:
        """A worker ends in good order: what is sent to it from now on does not start.

        Raises:
            MisconductError: nobody told it to, and no task has left its marks on it; or an attempt runs in it.
        """
        worker = self.workers[number]
        is_at_work = any(attempt.started_at is not None for attempt in worker.running())
        if not (self._closing or worker.retiring or worker.relieved or worker.ended) or is_at_work:
            raise MisconductError("said that it leaves, though it has an attempt to run")
        worker.leaving = True
        worker.leave_by = min(worker.leave_by, now + LEAVE_SECONDS)

    def retire(self, number: int, grace_seconds: float, now: float) -> None:
        """The place of a worker is taken away: it returns what has not started, ends what runs, and leaves."""
        worker = self.workers.get(number)
        if worker is None:
            return
        self._free_successor(number)
        self._retiring[number] = worker
        worker.retiring = True
        worker.retire_by = now + grace_seconds
        self.recall(worker)
        self.send(worker, Finish())

    def relieve(self, worker: KnownWorker, *, may_overlap: bool) -> None:
        """Let a worker leave that has served long enough, and another one take its place.

        Args:
            may_overlap: it goes on until the other one is up.
        """
        if may_overlap:
            self._relieved[worker.number] = None
        else:
            self._let_go(worker)

    def is_relieving(self) -> bool:
        """Tell whether a worker is about to be replaced, and nobody serves in its place yet."""
        if any(successor is None or not successor.ready for successor in self._relieved.values()):
            return True
        return any(worker.relieved and not worker.attempts for worker in self.workers.values())

    def is_relieved(self, worker: KnownWorker) -> bool:
        """Tell whether a worker is being replaced already."""
        return worker.relieved or worker.number in self._relieved

    def _let_go(self, worker: KnownWorker) -> None:
        """Let a worker leave when it has ended what it has."""
        if not worker.relieved:
            worker.relieved = True
            self.send(worker, Finish())

    def _make_successor(self, worker: KnownWorker) -> None:
        """Let a new worker be the one that takes the place of another, if one is waited for."""
        for number, successor in self._relieved.items():
            if successor is None:
                self._relieved[number] = worker
                worker.predecessor = self.workers[number]
                return

    def _free_successor(self, number: int) -> None:
        """Let who takes the place of a worker wait for it no longer."""
        successor = self._relieved.pop(number, None)
        if successor is not None:
            successor.predecessor = None

    def _end_succession(self, worker: KnownWorker) -> None:
        """Forget whose place a worker that is gone has taken, or was to take, and who takes its own."""
        self._free_successor(worker.number)
        before = worker.predecessor
        if before is not None and self._relieved.get(before.number) is worker:
            self._relieved[before.number] = None

    def died(self, number: int, death: Death, now: float) -> KnownWorker:
        """A worker process is gone; return what was known of it."""
        worker = self.workers.pop(number)
        self._retiring.pop(number, None)
        self._end_succession(worker)
        if worker.unfit:
            cause = f"has not what its runner has. {worker.unfit}"
            death = Death(cause, death.last_lines, is_explained=True, node=death.node)
        self.starts_in_vain = 0 if self.is_ready else self.starts_in_vain
        if worker.failed_to_start():
            self.failed_starts += 1
            self.starts_in_vain += not self.is_ready
            self._held_back += 1
            self.last_start_failure = death
            pause = min(RESTART_LIMIT_SECONDS, RESTART_SECONDS * 2 ** min(self.failed_starts - 1, 16))
            self._start_not_before = now + pause
        return worker

    # --- what the engine wants

    def restart_from(self, now: float) -> None:
        """Replace those that die from now on at once, whatever was before."""
        self._start_not_before = now

    def stop_starting(self) -> None:
        """Replace no worker any more."""
        self._starts_workers = False

    def dismiss(self) -> None:
        """Let all leave, also those that are not up yet."""
        self._closing = True
        for worker in self.workers.values():
            self.send(worker, Finish())

    def recall(self, worker: KnownWorker) -> None:
        """Fetch what has not started, if there can be anything."""
        first = worker.first()
        if first is not None and (first.started_at is None or len(worker.attempts) > 1):
            self.send(worker, Recall())

    def kill(self, worker: KnownWorker, signal_number: signal.Signals) -> None:
        """Send a signal that ends a worker, and nothing more to do."""
        self._commands.append(Kill(worker.number, signal_number))
        worker.doomed = True

    def measure(self, worker: KnownWorker, exact_above_bytes: int) -> None:
        """Have somebody look what a worker uses."""
        self._commands.append(Measure(worker.number, exact_above_bytes))

    def ask_for_stack(self, worker: KnownWorker) -> None:
        """Have a worker's stacks written; they come with its death."""
        self._commands.append(AskForStack(worker.number))

    def send(self, worker: KnownWorker, message: ToWorker) -> None:
        """Send a message to a worker."""
        self._commands.append(Send(worker.number, message))

    def take_commands(self) -> list[Command]:
        """Return what is to be done with worker processes, in this order."""
        commands, self._commands = self._commands, []
        return commands
