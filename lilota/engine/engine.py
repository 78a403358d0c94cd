"""Decide what a runner does next: what to claim, send, time out, stop, retry and give back.

No I/O and no clock: events and the time come in, commands and updates go out. The runner carries them out with real
processes and a real store; tests do it in virtual time.

    granted ──► backlog ──► worker's queue ──► running ──► outcome ──► updates ──► committed
                   ▲──────────── recalled, worker died ───────┘
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterable
from typing import Final

import msgspec

from lilota.contract import Claimed, ClaimRequest, Committed, Fence
from lilota.engine import fates
from lilota.engine.commands import Command, Kill, Send, StartWorker
from lilota.engine.fates import Death
from lilota.engine.messages import Finish, Interrupt, Loaded, Recall, Report, RunClaims, StopReason
from lilota.engine.pacing import Pacing
from lilota.engine.workload import Attempt, KnownWorker
from lilota.models import AttemptUpdate, Claim, Outcome
from lilota.tasks.options import TaskOptions

#: An attempt that runs for longer holds back what was queued behind it.
SLOW_SECONDS: Final = 0.05
#: What no worker can take for so long goes back to the store, where other runners find it.
KEEP_SECONDS: Final = 0.5
#: A runner that stops does not give an attempt longer than this for each step.
SHUTDOWN_PATIENCE_SECONDS: Final = 2.0
#: No step comes sooner after the one before it: a process needs a moment to die.
LEAST_PATIENCE_SECONDS: Final = 0.05
#: A worker that dies before it was ever ready is started again after this, doubled each time.
RESTART_SECONDS: Final = 0.1
RESTART_LIMIT_SECONDS: Final = 30.0


#: Until a class is loaded, what its task says of itself is the only limit to lost attempts.
_NOT_LOADED: Final = TaskOptions(max_lost_attempts=2**31)
_LEASE_LOST: Final = Death("was stopped, because its runner had lost its lease")


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
        self._number_of_workers = number_of_workers
        self._workers: dict[int, KnownWorker] = {}
        self._next_number = 1
        self._backlog: deque[Attempt] = deque()
        self._options: dict[str, TaskOptions] = {}
        self._pacing = Pacing()
        self._commands: list[Command] = []
        self._updates: list[AttemptUpdate] = []
        self._more_may_wait = True
        self._asks_for_work = False
        self._failed_starts = 0
        self._start_not_before = 0.0
        self._claiming = True
        self._closing = False
        self.last_start_failure: Death | None = None

    # --- what the runner asks

    @property
    def serves(self) -> ClaimRequest:
        """The task names and queues of this runner, as a request for nothing."""
        return self._request

    @property
    def held(self) -> int:
        """How many attempts are here that have no outcome yet."""
        return len(self._backlog) + sum(len(worker.attempts) for worker in self._workers.values())

    @property
    def is_ready(self) -> bool:
        """Whether a worker has come up."""
        return any(worker.ready for worker in self._workers.values())

    @property
    def failed_starts(self) -> int:
        """How many workers in a row died before they were ready."""
        return self._failed_starts

    @property
    def is_settled(self) -> bool:
        """Whether nothing is held here and nothing is to be written."""
        return not (self.held or self._updates)

    @property
    def is_idle(self) -> bool:
        """Whether it is settled, and the store had nothing when it was last asked."""
        return self.is_settled and not self._more_may_wait

    def options_of(self, name: str) -> TaskOptions:
        """Return what the workers told of a task class; the defaults until they did."""
        return self._options.get(name, _NOT_LOADED)

    def take_commands(self) -> list[Command]:
        """Return what is to be done with worker processes, in this order."""
        commands, self._commands = self._commands, []
        return commands

    def take_updates(self) -> list[AttemptUpdate]:
        """Return what is to be written; give it back with `keep_updates` if the store can't be reached."""
        updates, self._updates = self._updates, []
        return updates

    def holds(self, fence: Fence) -> bool:
        """Tell whether an attempt is here, or was and its outcome is not written yet."""
        return (
            any(attempt.fence == fence for attempt in self._backlog)
            or any(fence in worker.attempts for worker in self._workers.values())
            or any(update.fence == fence for update in self._updates)
        )

    def give_back(self, fence: Fence) -> None:
        """Give back a claim that the store has granted, and that never came here."""
        self._settle(fence, fates.GIVEN_BACK)

    def keep_updates(self, updates: list[AttemptUpdate]) -> None:
        """Take back updates that could not be written."""
        self._updates[:0] = updates

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

    def seconds_until_tick(self, now: float) -> float | None:
        """Return after which time `tick` has something to do, or None."""
        instants = [attempt.waits_since + KEEP_SECONDS for attempt in self._backlog]
        for worker in self._workers.values():
            instants += [a.next_push_at for a in worker.attempts.values() if a.next_push_at is not None]
            if worker.attempts and not worker.slow:
                instants.append(worker.first_since + SLOW_SECONDS)
        if self._needs_worker():
            instants.append(self._start_not_before)
        return max(0.0, min(instants) - now) if instants else None

    # --- what happens

    def tick(self, now: float) -> None:
        """Do what time demands."""
        self._start_missing_workers(now)
        for worker in self._workers.values():
            self._push_stops(worker, now)
            self._notice_slow(worker, now)
        self._give_back_stale(now)
        self._dispatch(now)

    def resize(self, number_of_workers: int) -> None:
        """Keep so many workers alive from now on; those that are too many go on until they leave."""
        self._number_of_workers = number_of_workers

    def worker_ready(self, number: int) -> None:
        """A worker process is up."""
        worker = self._workers[number]
        worker.ready = True
        self._failed_starts = 0
        if self._closing:
            self._commands.append(Send(number, Finish()))

    def worker_leaving(self, number: int) -> None:
        """A worker ends in good order: what is sent to it from now on does not start."""
        self._workers[number].leaving = True

    def task_loaded(self, message: Loaded) -> None:
        """A worker has imported a task class."""
        self._options[message.name] = message.options
        for worker in self._workers.values():
            first = worker.first()
            # Its import took so long that the attempt was reported as started before its options were known.
            if first is not None and first.started_at is not None and first.claim.name == message.name:
                self._apply_options(first)

    def reported(self, number: int, report: Report, now: float) -> None:
        """A worker tells how its attempts are getting on."""
        worker = self._workers[number]
        self._pacing.learn(report.durations)
        first = worker.first()
        for update in report.updates:
            self._note_update(worker, update, now)
        if worker.first() is not first:
            self._note_next(worker, now)
        if report.returned:
            self._take_back(worker, report.returned, now)

    def worker_died(self, number: int, death: Death, now: float) -> None:
        """A worker process is gone; the attempt that ran in it is lost, the others wait again."""
        worker = self._workers.pop(number)
        if worker.failed_to_start():
            self._failed_starts += 1
            self.last_start_failure = death
            pause = min(RESTART_LIMIT_SECONDS, RESTART_SECONDS * 2 ** min(self._failed_starts - 1, 16))
            self._start_not_before = now + pause
        first = worker.first()
        if first is not None and not worker.leaving:
            worker.take(first.fence)
            self._settle(first.fence, self._fate(first, death))
        self._take_back(worker, tuple(worker.attempts), now)

    def committed(self, committed: Committed, now: float) -> None:
        """The store has answered."""
        for fence in committed.refused:
            self._drop(fence, now)
        if committed.claimed is not None:
            self._granted(committed.claimed, now)

    def cancel(self, fence: Fence, reason: StopReason, now: float) -> None:
        """End an attempt that is held here, wherever it stands."""
        for attempt in self._backlog:
            if attempt.fence == fence:
                self._backlog.remove(attempt)
                self._settle(attempt.fence, fates.CANCELLED if reason == "cancel" else fates.GIVEN_BACK)
                return
        for worker in self._workers.values():
            attempt_there = worker.attempts.get(fence)
            if attempt_there is not None and attempt_there.stop_reason is None:
                self._begin_stop(worker, attempt_there, reason, now)

    def lose_lease(self, now: float) -> None:
        """Another runner may have everything that was held here: stop it.

        What is to be written about it is written nevertheless. The store refuses what is no longer ours; the rest it
        would keep for us as long as the lease is renewed again, and nobody would ever run it.
        """
        while self._backlog:
            self._settle(self._backlog.popleft().fence, fates.GIVEN_BACK)
        for worker in self._workers.values():
            first = worker.first()
            if first is not None:
                worker.take(first.fence)
                self._settle(first.fence, self._fate(first, _LEASE_LOST))
                self._kill(worker, signal.SIGKILL)
            for attempt in tuple(worker.attempts.values()):
                worker.take(attempt.fence)
                self._settle(attempt.fence, fates.GIVEN_BACK)
        self._more_may_wait = True
        self._start_not_before = now

    def stop_claiming(self) -> None:
        """Take nothing new, and give back what has not started."""
        self._claiming = False
        while self._backlog:
            self._settle(self._backlog.popleft().fence, fates.GIVEN_BACK)
        for worker in self._workers.values():
            self._recall(worker)

    def stop_running(self, now: float, *, by_force: bool) -> None:
        """End the attempts that run and give them back: by an exception first, or at once by force."""
        for worker in self._workers.values():
            for attempt in worker.attempts.values():
                if by_force:  # nobody is asked: a task could begin to answer in its last moment
                    attempt.stop_reason = attempt.stop_reason or "shutdown"
                elif attempt.stop_reason is None:
                    self._begin_stop(worker, attempt, "shutdown", now)
            if by_force and worker.attempts:
                self._kill(worker, signal.SIGKILL)

    def dismiss_workers(self) -> None:
        """Let the workers leave; no new ones are started."""
        self._closing = True
        self._commands.extend(Send(worker.number, Finish()) for worker in self._workers.values())

    @property
    def is_deserted(self) -> bool:
        """Whether all workers are gone."""
        return not self._workers

    # --- claims and workers

    def _granted(self, claimed: Claimed, now: float) -> None:
        for claim in claimed.claims:
            attempt = self._attempt_of(claim, now)
            if self._claiming:
                self._backlog.append(attempt)
            else:
                self._settle(attempt.fence, fates.GIVEN_BACK)
        if self._asks_for_work:  # a full runner asks only for cancellations, and learns nothing about what waits
            self._more_may_wait = bool(claimed.claims)
        for fence in claimed.cancel_requested:
            self.cancel(fence, "cancel", now)
        self._dispatch(now)

    def _attempt_of(self, claim: Claim, now: float) -> Attempt:
        limit = min(claim.max_lost_attempts, self.options_of(claim.name).max_lost_attempts)
        alone = claim.lost_attempts > 0 or limit == 1
        return Attempt(claim, now, self._pacing.expected_seconds(claim.name), must_run_alone=alone)

    def _free_places(self) -> int:
        size = self._pacing.batch_size()
        places = 0
        for worker in self._workers.values():
            if worker.takes_more() and not worker.slow:
                places += max(0, size - len(worker.attempts))
        return max(0, places - len(self._backlog))

    def _dispatch(self, now: float) -> None:
        """Send the backlog to workers that have room, the emptiest first, in few frames."""
        if not self._backlog:
            return
        free = (worker for worker in self._workers.values() if worker.takes_more() and not worker.slow)
        ready = sorted(free, key=lambda worker: worker.load_seconds)
        share = -(-len(self._backlog) // max(1, len(ready)))
        for worker in ready:
            batch: list[Claim] = []
            while self._backlog and len(batch) < share and worker.room_for(self._backlog[0]):
                attempt = self._backlog.popleft()
                worker.put(attempt, now)
                batch.append(attempt.claim)
            if batch:
                self._commands.append(Send(worker.number, RunClaims(tuple(batch))))

    def _needs_worker(self) -> bool:
        """Tell whether a worker should be started, as soon as the time has come."""
        if not self._claiming or len(self._workers) >= self._number_of_workers:
            return False
        # After a failed start one at a time, until one comes up.
        return not self._failed_starts or all(worker.ready for worker in self._workers.values())

    def _start_missing_workers(self, now: float) -> None:
        while self._needs_worker() and now >= self._start_not_before:
            worker = KnownWorker(self._next_number)
            self._next_number += 1
            self._workers[worker.number] = worker
            self._commands.append(StartWorker(worker.number))

    def _kill(self, worker: KnownWorker, signal_number: signal.Signals) -> None:
        """Send a signal that ends a worker, and nothing more to do."""
        self._commands.append(Kill(worker.number, signal_number))
        worker.doomed = True

    def _notice_slow(self, worker: KnownWorker, now: float) -> None:
        """Send nothing more to a worker whose attempt takes long, and fetch what waits behind it."""
        if worker.attempts and not worker.slow and now - worker.first_since >= SLOW_SECONDS:
            worker.slow = True
            self._recall(worker)

    def _recall(self, worker: KnownWorker) -> None:
        if len(worker.attempts) > 1:
            self._commands.append(Send(worker.number, Recall()))

    def _take_back(self, worker: KnownWorker, fences: tuple[Fence, ...], now: float) -> None:
        """Put attempts that did not start back to the front of the backlog, or to the store when stopping."""
        attempts = [attempt for fence in fences if (attempt := worker.take(fence)) is not None]
        for attempt in reversed(attempts):
            if attempt.stop_reason == "cancel":
                self._settle(attempt.fence, fates.CANCELLED)
            elif not self._claiming or attempt.stop_reason is not None:
                self._settle(attempt.fence, fates.GIVEN_BACK)
            else:
                attempt.waits_since = now
                self._backlog.appendleft(attempt)

    def _give_back_stale(self, now: float) -> None:
        stale = [attempt for attempt in self._backlog if now - attempt.waits_since >= KEEP_SECONDS]
        for attempt in stale:
            self._backlog.remove(attempt)
            self._settle(attempt.fence, fates.GIVEN_BACK)
            # As soon as a worker has room the store is worth a look: it has at least this one.
            self._more_may_wait = True

    # --- the course of an attempt

    def _note_update(self, worker: KnownWorker, update: AttemptUpdate, now: float) -> None:
        attempt = worker.attempts.get(update.fence)
        if attempt is None:
            return  # killed for a lost lease, with its last words still on the way
        if update.started_at is not None and attempt.started_at is None:
            attempt.started_at = worker.first_since = now
            if update.outcome is None:  # one that has ended already needs no time limit
                self._apply_options(attempt)
        if update.outcome is not None:
            worker.take(attempt.fence)
        self._updates.append(attempt.numbered(update) if update.log_lines else update)

    def _note_next(self, worker: KnownWorker, now: float) -> None:
        """Begin to watch the attempt that comes after those that have ended."""
        if worker.attempts:
            worker.first_since = now
        elif worker.doomed:
            self._kill(worker, signal.SIGKILL)  # it survived the signal that should have ended it

    def _apply_options(self, attempt: Attempt) -> None:
        """Let the options of its class hold for an attempt that runs, as far as they are known."""
        options = self.options_of(attempt.claim.name)
        if attempt.stop_reason is not None:
            attempt.next_push_at = attempt.pushed_at + self._patience(attempt)
        elif options.timeout_seconds is not None and attempt.started_at is not None:
            attempt.next_push_at = attempt.started_at + options.timeout_seconds
        if options.max_lost_attempts < attempt.claim.max_lost_attempts:
            # The store has to know a stricter limit too, for the case that this runner dies.
            task_id, token = attempt.fence
            limit = options.max_lost_attempts
            self._updates.append(AttemptUpdate(id=task_id, token=token, max_lost_attempts=limit))

    def _settle(self, fence: Fence, outcome: Outcome) -> None:
        task_id, token = fence
        self._updates.append(AttemptUpdate(id=task_id, token=token, outcome=outcome))

    def _fate(self, attempt: Attempt, death: Death) -> Outcome:
        options = self.options_of(attempt.claim.name)
        if attempt.stop_reason is not None:
            return fates.after_kill(attempt.claim, options, attempt.stop_reason, death)
        return fates.after_death(attempt.claim, options, death)

    def _drop(self, fence: Fence, now: float) -> None:
        """The store refused a write: the attempt is not ours any more, and must not go on."""
        for worker in self._workers.values():
            attempt = worker.take(fence)
            if attempt is not None:
                self._kill(worker, signal.SIGKILL)
                self._take_back(worker, tuple(worker.attempts), now)

    # --- stopping an attempt: ask, wait, SIGTERM, wait, SIGKILL

    def _begin_stop(self, worker: KnownWorker, attempt: Attempt, reason: StopReason, now: float) -> None:
        attempt.stop_reason = reason
        attempt.pushes = 0
        attempt.next_push_at = now
        self._push(worker, attempt, now)

    def _push_stops(self, worker: KnownWorker, now: float) -> None:
        for attempt in tuple(worker.attempts.values()):
            if attempt.next_push_at is not None and now >= attempt.next_push_at:
                attempt.stop_reason = attempt.stop_reason or "timeout"
                self._push(worker, attempt, now)

    def _push(self, worker: KnownWorker, attempt: Attempt, now: float) -> None:
        """Take the next step against an attempt that should end; the process is only harmed if it runs just that."""
        reason = attempt.stop_reason or "timeout"
        if attempt.pushes == 0:
            self._commands.append(Send(worker.number, Interrupt(attempt.fence, reason)))
            attempt.pushes = 1
        elif worker.first() is attempt:
            self._kill(worker, signal.SIGTERM if attempt.pushes == 1 else signal.SIGKILL)
            attempt.pushes += 1
        attempt.pushed_at = now
        attempt.next_push_at = now + self._patience(attempt)

    def _patience(self, attempt: Attempt) -> float:
        """Return how long to wait between two steps against an attempt."""
        patience = self.options_of(attempt.claim.name).kill_after_seconds
        if attempt.stop_reason == "shutdown":
            patience = min(patience, SHUTDOWN_PATIENCE_SECONDS)
        return max(patience, LEAST_PATIENCE_SECONDS)
