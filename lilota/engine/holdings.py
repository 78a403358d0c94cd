"""What a runner holds: attempts on their way from a claim to an outcome, and what is to be written about them."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from lilota.contract import Fence
from lilota.contract.rules import node_line
from lilota.engine import fates
from lilota.engine.backlog import Backlog
from lilota.engine.chronicle import Chronicle
from lilota.engine.conduct import MisconductError, check_update
from lilota.engine.crew import Crew
from lilota.engine.deadlines import Deadlines
from lilota.engine.fates import Death
from lilota.engine.messages import Lacking, Loaded, Report, Stored
from lilota.engine.stop_ladder import StopLadder
from lilota.engine.use_watch import UseWatch
from lilota.engine.workload import Attempt, KnownOptions, KnownWorker
from lilota.models import AttemptUpdate, Claim, Outcome, TaskState
from lilota.tasks.numbers import Version
from lilota.tasks.terms import NO_TERMS, is_older


class Place(NamedTuple):
    """Where an attempt is: which one of its task, and the worker that runs it, None if it waits for its turn."""

    token: int
    attempt: int
    worker: int | None


class Newer(NamedTuple):
    """A claim that is for newer code than that of this runner, and has gone back to the store.

    Attributes:
        of_task: the version that it needs, and `of_class` the one that is here.
    """

    claim: Claim
    of_task: Version
    of_class: Version | None


class Holdings:
    """Follows each attempt: into the backlog, to a worker, sometimes back, and to its end."""

    def __init__(
        self, crew: Crew, backlog: Backlog, stops: StopLadder, use_watch: UseWatch, chronicle: Chronicle
    ) -> None:
        self._crew = crew
        self._backlog = backlog
        self._stops = stops
        self._use_watch = use_watch
        self._chronicle = chronicle
        self._deadlines = Deadlines(chronicle.now)
        self._updates: list[AttemptUpdate] = []
        self._questions: dict[Fence, tuple[KnownWorker, int]] = {}
        self._starts_attempts = True
        self._newer: list[Newer] = []

    def __contains__(self, fence: Fence) -> bool:
        """Tell whether an attempt is here, or was and its outcome is not written yet."""
        return (
            fence in self._backlog
            or any(fence in worker.attempts for worker in self._crew.workers.values())
            or any(update.fence == fence for update in self._updates)
        )

    def place_of(self, task_id: int) -> Place | None:
        """Return where a task is, None if it is not here."""
        for worker in self._crew.workers.values():
            for attempt in worker.attempts.values():
                if attempt.claim.id == task_id:
                    runs = worker.ready and worker.runs(attempt)
                    return Place(attempt.claim.token, attempt.claim.attempt, worker.number if runs else None)
        claim = self._backlog.find(task_id)
        return None if claim is None else Place(claim.token, claim.attempt, None)

    @property
    def count(self) -> int:
        """How many attempts are here that have no outcome yet."""
        return len(self._backlog) + sum(len(worker.attempts) for worker in self._crew.workers.values())

    @property
    def running(self) -> list[Claim]:
        """What runs in a worker, or is about to."""
        return [attempt.claim for worker in self._crew.workers.values() for attempt in worker.running()]

    @property
    def are_settled(self) -> bool:
        """Whether nothing is here and nothing is to be written."""
        return not (self.count or self._updates)

    def take_updates(self) -> list[AttemptUpdate]:
        """Return what is to be written; give it back with `keep_updates` if the store can't be reached."""
        updates, self._updates = self._updates, []
        return updates

    def keep_updates(self, updates: list[AttemptUpdate]) -> None:
        """Take back updates that could not be written, before those that came since."""
        self._updates[:0] = updates

    def take_newer(self) -> list[Newer]:
        """Return what has gone back because it is for newer code, since this was asked."""
        newer, self._newer = self._newer, []
        return newer

    def answer_questions(self) -> None:
        """Tell the attempts that wait for it what the store has. Called when `take_updates` gave all that is not in it.

        Who has lost its attempt gets no answer: it must not go on, not even for the moment until it is killed.
        """
        if not self._questions:
            return
        unwritten = {update.fence for update in self._updates}
        for fence, (worker, number) in tuple(self._questions.items()):
            if fence not in unwritten:
                del self._questions[fence]
                if fence in worker.attempts and not worker.doomed:
                    self._crew.send(worker, Stored(fence, number))

    # --- the way to a worker, and back

    def accept(self, claim: Claim, expected_seconds: float, now: float) -> None:
        """Let an attempt wait for a worker; give it back if nothing is to start any more."""
        if not self._starts_attempts:
            self.give_back(claim.fence)
            return
        limit = min(claim.max_lost_attempts, self._crew.options[claim.name].max_lost_attempts)
        alone = claim.lost_attempts > 0 or limit == 1
        attempt = Attempt(claim, now, expected_seconds, must_run_alone=alone)
        if claim.headers_json is None or self._may_start(attempt, now):
            self._backlog.add(attempt)

    def _may_start(self, attempt: Attempt, now: float) -> bool:
        """Tell whether the terms of its task let an attempt start; end it if they do not."""
        end = self._deadlines.begin(attempt, now)
        if end is not None and end.error is not None:
            task_id, token = attempt.fence
            line = self._chronicle.line(attempt, end.error.message)
            update = AttemptUpdate(id=task_id, token=token, outcome=end, log_lines=(line,))
            self._updates.append(attempt.numbered(update))
            return False
        is_too_new = self._crew.options.knows(attempt.claim.name) and self._note_newer(attempt, self._crew.options)
        if is_too_new:
            self.give_back(attempt.fence)
        return not is_too_new

    def _note_newer(self, attempt: Attempt, options: KnownOptions) -> bool:
        """Tell whether an attempt needs newer code than that of which these options were told; remember it if so."""
        of_task, of_class = attempt.terms.version, options[attempt.claim.name].version
        if of_task is None or not is_older(of_class, of_task):
            return False
        self._newer.append(Newer(attempt.claim, of_task, of_class))
        return True

    def give_back_waiting(self) -> None:
        """From now on start nothing, and give back what has not started."""
        self._starts_attempts = False
        self._give_back_all(self._backlog.take_all())
        for worker in self._crew.workers.values():
            self._crew.recall(worker)

    def give_back_stale(self, now: float) -> None:
        """Give back what no worker could take for too long."""
        self._give_back_all(self._backlog.take_stale(now))

    def _take_back(self, worker: KnownWorker, fences: Iterable[Fence], now: float) -> None:
        """Put attempts that did not start back to the front of the backlog, or to the store when stopping.

        Those that have started beside one that is to blame go to the store, as if they had never been claimed.
        """
        attempts = [attempt for fence in tuple(fences) if (attempt := worker.take(fence)) is not None]
        for attempt in reversed(attempts):
            if attempt.stop_reason == "cancel":
                self._settle(attempt.fence, fates.CANCELLED)
            elif attempt.stop_reason is not None or attempt.started_at is not None or not self._starts_attempts:
                self.give_back(attempt.fence)
            else:
                self._backlog.put_back(attempt, now)

    # --- what a worker tells

    def note_report(self, worker: KnownWorker, report: Report, now: float) -> None:
        """Take what a worker tells of its attempts, and begin to watch the one that comes next.

        Raises:
            MisconductError: it tells what no worker tells; what it told before that was taken.
        """
        first = worker.first()
        for update in report.updates:
            self._note_update(worker, update, now)
        if report.question is not None:
            self._note_question(worker, *report.question)
        if report.returned:
            self._take_back(worker, report.returned, now)
        if worker.attempts and worker.first() is not first:
            worker.note_first(now)
        elif first is not None and worker.doomed and not worker.attempts:
            self._crew.kill(worker, signal.SIGKILL)  # it survived the signal that should have ended it

    def note_options(self, worker: KnownWorker, loaded: Loaded) -> None:
        """Take the options of a class, and apply them to the attempt that was told as started during its import.

        Raises:
            MisconductError: the worker does not run such a task, or has imported the class before.
        """
        if not self._runs_first(worker, loaded.name):
            return
        worker.options[loaded.name] = self._crew.options[loaded.name] = loaded.options
        if worker.is_shared():
            worker.note_shared()
        for attempt in worker.running():
            if attempt.started_at is not None and attempt.claim.name == loaded.name:
                self._apply_options(worker, attempt)

    def check_lacking(self, worker: KnownWorker, lacking: Lacking) -> bool:
        """Tell whether a worker that lacks a task class has an attempt for which it needs the class.

        Raises:
            MisconductError: the worker does not run such a task, or has imported the class before.
        """
        return self._runs_first(worker, lacking.name)

    def _runs_first(self, worker: KnownWorker, name: str) -> bool:
        """Tell whether a worker runs the first task of its class; False if it is as good as gone.

        Raises:
            MisconductError: the worker does not run such a task, or has imported the class before.
        """
        if all(attempt.claim.name != name for attempt in worker.running()):
            if worker.doomed:
                return False  # killed for a lost lease, with its last words still on the way
            raise MisconductError("told of a task class that it was not asked to run")
        if dict.__contains__(worker.options, name):
            raise MisconductError("imported a task class twice")
        return True

    def _note_update(self, worker: KnownWorker, update: AttemptUpdate, now: float) -> None:
        attempt = worker.attempts.get(update.fence)
        if attempt is None:
            if worker.doomed:
                return  # killed for a lost lease, with its last words still on the way
            raise MisconductError("spoke of an attempt that it does not have")
        check_update(attempt, update)
        if worker.node and update.started_at is not None and attempt.started_at is None:
            line = node_line(attempt.claim.attempt, worker.node, update.pid, update.started_at)
            update = replace(update, log_lines=(line, *update.log_lines))
        outcome = update.outcome
        if outcome is None or outcome.state is not TaskState.SUCCEEDED or attempt.use is not None:
            attempt.note_told(update)
        if update.outcome is not None:
            if attempt.terms is not NO_TERMS:
                if not update.outcome.spends_attempt:
                    self._note_newer(attempt, worker.options)
                update = self._by_terms(attempt, update, update.outcome, now)
            worker.take(attempt.fence)
            worker.ended += 1
            worker.first_returns = 0
            worker.remarks = worker.remark_characters = 0
            if update.outcome is not None and (notes := self._chronicle.notes(attempt, update.outcome, worker.node)):
                update = replace(update, notes=(*update.notes, *notes))
        elif update.started_at is not None and attempt.started_at is None:
            attempt.started_at = now
            worker.first_returns = 0
            worker.note_first(now)
            self._apply_options(worker, attempt)
        self._updates.append(attempt.numbered(update) if update.log_lines else update)

    def _note_question(self, worker: KnownWorker, task_id: int, token: int, number: int) -> None:
        fence = task_id, token
        if fence in worker.attempts:
            self._questions[fence] = worker, number
        elif not worker.doomed:
            raise MisconductError("asked about an attempt that it does not have")

    def _apply_options(self, worker: KnownWorker, attempt: Attempt) -> None:
        """Apply what its class says of time, of its use and of lost attempts, if it is loaded already."""
        self._stops.set_times(worker, attempt)
        if worker.options[attempt.claim.name].limits_use:
            self._use_watch.begin(worker)
        limit = worker.options[attempt.claim.name].max_lost_attempts
        if limit < attempt.claim.max_lost_attempts:
            # The store has to know a stricter limit too, for the case that this runner dies.
            task_id, token = attempt.fence
            self._updates.append(AttemptUpdate(id=task_id, token=token, max_lost_attempts=limit))

    # --- ends that no worker tells of

    def cancel(self, fence: Fence, now: float) -> None:
        """End an attempt, wherever it stands."""
        if self._backlog.take(fence) is not None:
            self._settle(fence, fates.CANCELLED)
            return
        for worker in self._crew.workers.values():
            attempt = worker.attempts.get(fence)
            if attempt is not None:
                self._stops.begin(worker, attempt, "cancel", now)

    def drop(self, fence: Fence, now: float) -> None:
        """Stop an attempt that does not belong to this runner any more: the store has refused to write about it."""
        for worker in self._crew.workers.values():
            is_shared = worker.is_shared()
            attempt = worker.take(fence)
            if attempt is not None:
                self._crew.kill(worker, signal.SIGKILL)
                if is_shared:
                    worker.killed_for = worker.killed_for or attempt  # those beside it go back when they have ended
                else:
                    self._take_back(worker, worker.attempts, now)

    def blame(self, worker: KnownWorker, held: Sequence[Attempt], fault: str, now: float) -> None:
        """End a worker for what it told. What runs in it is lost when it is dead, as with any other death.

        Args:
            held: what it had before it told that: nothing of it may get lost, whatever went wrong on the way.
        """
        worker.fault = fault
        self._crew.kill(worker, signal.SIGKILL)
        for attempt in held:
            if attempt.fence not in self:
                death = Death(_faulty(fault), node=worker.node)
                outcome = fates.after_death(attempt.claim, worker.options[attempt.claim.name], death)
                self._lose(attempt, outcome, death, now)

    def note_death(self, worker: KnownWorker, death: Death, now: float) -> None:
        """A worker is gone: what ran in it is lost, the rest waits again."""
        if worker.fault:
            death = Death(_faulty(worker.fault), death.last_lines, node=death.node)
        elif worker.retiring:
            death = replace(death, in_retirement=True)
        if not worker.leaving or worker.fault:
            self._lose_running(worker, death, now)
        self._take_back(worker, worker.attempts, now)

    def lose_all(self, death: Death, now: float) -> None:
        """Kill what runs, and give back the rest.

        Args:
            death: what is said of the workers with the attempts that ran in them.
        """
        self._give_back_all(self._backlog.take_all())
        for worker in self._crew.workers.values():
            if worker.attempts:
                self._lose_running(worker, death, now)
                self._crew.kill(worker, signal.SIGKILL)
            self._give_back_all(worker.take_all())

    def give_back(self, fence: Fence) -> None:
        """Let the store have an attempt as if it had never been claimed."""
        self._settle(fence, fates.GIVEN_BACK)

    def _give_back_all(self, attempts: Iterable[Attempt]) -> None:
        for attempt in attempts:
            self.give_back(attempt.fence)

    def _lose_running(self, worker: KnownWorker, death: Death, now: float) -> None:
        """Settle what ran in a worker that is gone, or as good as gone.

        Of several at once it is the one for which it was killed, or was about to be: to write its stack by force may
        crash it. Where nobody knows who is to blame, all have lost an attempt that are known to have run; the others
        may be to blame, too, and run alone from now on.
        """
        about_to_be_killed = next((attempt for attempt in worker.running() if attempt.has_shown_stack), None)
        first, culprit = worker.first(), worker.killed_for or about_to_be_killed
        for attempt in worker.running():
            if culprit is not None and attempt is not culprit:
                continue
            if attempt.started_at is None and attempt is not first:
                attempt.must_run_alone = True
                continue
            worker.take(attempt.fence)
            options = worker.options[attempt.claim.name]
            outcome = fates.after_loss(attempt.claim, options, attempt.stop_reason, death, attempt.stop_words)
            self._lose(attempt, outcome, death, now)

    def _lose(self, attempt: Attempt, outcome: Outcome, death: Death, now: float) -> None:
        """Settle an attempt that ended with its worker, and have the log of its task tell how."""
        task_id, token = attempt.fence
        outcome = self._deadlines.follow(attempt, outcome, now)
        lines = self._chronicle.lines(attempt, outcome, death)
        notes = self._chronicle.notes(attempt, outcome, death.node)
        update = AttemptUpdate(id=task_id, token=token, outcome=outcome, log_lines=lines, notes=notes)
        self._updates.append(attempt.numbered(update))

    def _by_terms(self, attempt: Attempt, update: AttemptUpdate, outcome: Outcome, now: float) -> AttemptUpdate:
        """Return the last update of an attempt, as its outcome is by the terms of its task."""
        if attempt.started_at is None and update.started_at is None:
            return update  # it has waited in its worker, and was cancelled there
        return replace(update, outcome=self._deadlines.follow(attempt, outcome, now))

    def _settle(self, fence: Fence, outcome: Outcome) -> None:
        task_id, token = fence
        self._updates.append(AttemptUpdate(id=task_id, token=token, outcome=outcome))


def _faulty(fault: str) -> str:
    return f"was stopped, because it {fault}"
