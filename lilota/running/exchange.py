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
    """Used by the thread of the engine.

    Attributes:
        schedule: when the store is talked with; any thread may ask it to look again.
    """

    def __init__(self, engine: Engine, store: TaskStore, teller: Teller, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._engine = engine
        self._store = store
        self._teller = teller
        self.schedule: LookSchedule = LookSchedule()
        self._lost_replies = LostReplies(engine, store)

    def run(self, now: float) -> None:
        """Write and claim in one go, if there is something to write or a reason to look."""
        if not self.schedule.may_talk(now):
            return
        request = self._engine.request(look_again=self.schedule.take_look(now))
        updates = self._engine.holdings.take_updates()
        if request is None and not updates:
            return
        try:
            committed = self._store.commit(updates, request)
        except StoreError as error:
            self._be_patient(error, updates, request, now)
            return
        committed = self._lost_replies.without_own_writes(updates, committed)
        answered_at = self._clock()
        self.schedule.note_answer(updates, answered_at)
        self._engine.committed(committed, answered_at)
        self._teller.committed(updates, committed)
        self._lost_replies.give_back_orphans()

    def _be_patient(
        self, error: StoreError, updates: list[AttemptUpdate], request: ClaimRequest | None, now: float
    ) -> None:
        """Keep everything and try again in a moment. What has gone for good is not waited for."""
        if isinstance(error, StoreVersionError | StoreGoneError):
            raise error
        self._engine.holdings.keep_updates(updates)
        self._lost_replies.note_failure(request)
        pause_seconds = self.schedule.note_failure(now)
        kept = f"; {len(updates)} update(s) are kept and written later" if updates else ""
        logger.warning("The store can't be used%s (next try in %.1f s): %s", kept, pause_seconds, error)
