"""A runner talks with its store: write what happened, claim what there is room for, be patient when it is away."""

from __future__ import annotations

import logging
from collections.abc import Callable

from lilota.contract import ClaimRequest, TaskStore
from lilota.engine.engine import Engine
from lilota.errors import StoreError, StoreGoneError, StoreVersionError
from lilota.models import AttemptUpdate
from lilota.running.looking import LookSchedule
from lilota.running.lost_replies import LostReplies
from lilota.running.telling import Teller

logger: logging.Logger = logging.getLogger(__name__)


class Exchange:
    """Used by the thread of the engine, except `look_again`."""

    def __init__(self, engine: Engine, store: TaskStore, teller: Teller, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._engine = engine
        self._store = store
        self._teller = teller
        self._schedule = LookSchedule()
        self._lost_replies = LostReplies(engine, store)

    def look_again(self) -> bool:
        """Look at the store in the next round. For any thread; tells whether that was not going to happen anyway."""
        return self._schedule.look_again()

    def seconds_until_next(self, now: float) -> float:
        """Return after which time the store is to be asked, even if nothing happens here."""
        return self._schedule.seconds_until_next(now)

    def failing_for(self, now: float) -> float:
        """Return for how many seconds the store could not be used, 0 if it can."""
        return self._schedule.failing_for(now)

    def run(self, now: float) -> None:
        """Write and claim in one go, if there is something to write or a reason to look."""
        if not self._schedule.may_talk(now):
            return
        request = self._engine.request(look_again=self._schedule.take_look(now))
        updates = self._engine.take_updates()
        if request is None and not updates:
            return
        try:
            committed = self._store.commit(updates, request)
        except StoreError as error:
            self._be_patient(error, updates, request, now)
            return
        committed = self._lost_replies.without_own_writes(updates, committed)
        answered_at = self._clock()
        self._schedule.note_answer(updates, answered_at)
        self._engine.committed(committed, answered_at)
        self._teller.committed(updates, committed)
        self._lost_replies.give_back_orphans()

    def _be_patient(
        self, error: StoreError, updates: list[AttemptUpdate], request: ClaimRequest | None, now: float
    ) -> None:
        """Keep everything and try again in a moment. What has gone for good is not waited for."""
        if isinstance(error, StoreVersionError | StoreGoneError):
            raise error
        self._engine.keep_updates(updates)
        self._lost_replies.note_failure(request)
        pause_seconds = self._schedule.note_failure(now)
        kept = f"; {len(updates)} update(s) are kept and written later" if updates else ""
        logger.warning("The store can't be used%s (next try in %.1f s): %s", kept, pause_seconds, error)
