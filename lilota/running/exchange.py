"""A runner talks with its store: write what happened, claim what there is room for, be patient when it is away."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from lilota.contract import ClaimRequest, Committed, Fence, TaskStore
from lilota.engine.engine import Engine
from lilota.errors import StoreError, StoreGoneError, StoreVersionError, described
from lilota.models import AttemptUpdate, Outcome, TaskError, TaskState
from lilota.plugins.guarded_stores import StoreFaultError
from lilota.running.looking import LookSchedule
from lilota.running.lost_replies import LostReplies
from lilota.running.outages import Outage
from lilota.running.telling import Teller
from lilota.tasks.limits import MESSAGE_LIMIT
from lilota.workers.descriptions import storable

logger: logging.Logger = logging.getLogger(__name__)


class Exchange:
    """Used by the thread of the engine.

    Attributes:
        schedule: when the store is talked with; any thread may ask it to look again.
        is_waiting: whether the store was asked, and has not answered yet; any thread may look.
    """

    def __init__(self, engine: Engine, store: TaskStore, teller: Teller, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._engine = engine
        self._store = store
        self._teller = teller
        self.schedule: LookSchedule = LookSchedule()
        self.is_waiting: bool = False
        self._lost_replies = LostReplies(engine, store)
        self._outage = Outage(logger, clock)

    def run(self, now: float) -> None:
        """Write and claim in one go, if there is something to write or a reason to look."""
        if not self.schedule.may_talk(now):
            return
        request = self._engine.request(look_again=self.schedule.take_look(now))
        updates = self._engine.holdings.take_updates()
        if request is None and not updates:
            return
        try:
            committed = self._commit(updates, request)
        except StoreFaultError as error:
            if not updates:
                self._be_patient(error, updates, request, now)
                return
            logger.warning("What tasks have reported can't be written together; it is written task by task: %s", error)
            self._lost_replies.note_failure(request)
            self.schedule.look_again()
            self.write_apart(updates, now)
            return
        except StoreError as error:
            self._be_patient(error, updates, request, now)
            return
        committed = self._lost_replies.without_own_writes(updates, committed)
        answered_at = self._clock()
        self.schedule.note_answer(updates, answered_at)
        self._outage.end("The store answers again.")
        self._engine.committed(committed, answered_at)
        self._teller.committed(updates, committed)
        self._lost_replies.give_back_orphans()

    def write_apart(self, updates: Sequence[AttemptUpdate], now: float) -> None:
        """Write the updates of each attempt for themselves; an attempt of which they can't be written has failed.

        Where not even that can be written, it is the store that is broken, and not the report: what is left is kept.
        """
        left: dict[Fence, list[AttemptUpdate]] = {}
        for update in updates:
            left.setdefault(update.fence, []).append(update)
        try:
            for fence in tuple(left):
                self._write_group(left[fence], now)
                del left[fence]
        except StoreError as error:
            self._be_patient(error, [update for group in left.values() for update in group], None, now)

    def _write_group(self, updates: list[AttemptUpdate], now: float) -> None:
        """Write the updates of one attempt, or that it has failed."""
        try:
            committed = self._commit(updates)
        except StoreFaultError as error:
            task_id, token = updates[0].fence
            updates = [AttemptUpdate(id=task_id, token=token, outcome=_unwritable(error.__cause__ or error))]
            committed = self._commit(updates)
            logger.warning("What the task %d has reported can't be written; it fails: %s", task_id, error)
            self._engine.holdings.drop((task_id, token), now)
        self._lost_replies.note_failure(None)  # the whole batch may have been written before it failed
        committed = self._lost_replies.without_own_writes(updates, committed)
        self._engine.committed(committed, now)
        self._teller.committed(updates, committed)

    def _commit(self, updates: Sequence[AttemptUpdate], request: ClaimRequest | None = None) -> Committed:
        self.is_waiting = True
        try:
            return self._store.commit(updates, request)
        finally:
            self.is_waiting = False

    def _be_patient(
        self, error: StoreError, updates: list[AttemptUpdate], request: ClaimRequest | None, now: float
    ) -> None:
        """Keep everything and try again in a moment. What has gone for good is not waited for."""
        if isinstance(error, StoreVersionError | StoreGoneError):
            raise error
        self._engine.holdings.keep_updates(updates)
        self._lost_replies.note_failure(request)
        pause_seconds = self.schedule.note_failure(now)
        if updates:
            kept = "The store can't be used; %d update(s) are kept and written later (next try in %.1f s): %s"
            self._outage.warn(kept, len(updates), pause_seconds, error)
        else:
            self._outage.warn("The store can't be used (next try in %.1f s): %s", pause_seconds, error)


def _unwritable(error: BaseException) -> Outcome:
    message = storable(f"What the task reported can't be written: {described(error)}")[:MESSAGE_LIMIT]
    return Outcome(state=TaskState.FAILED, error=TaskError(type="UnwritableReport", message=message))
