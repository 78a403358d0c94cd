"""A runner talks with its store: write what happened, claim what there is room for, be patient when it is away."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from lilota.contract import ClaimRequest, Committed, Fence, TaskQuery, TaskStore
from lilota.engine.engine import Engine
from lilota.errors import StoreError, StoreGoneError, StoreVersionError, TaskNotFoundError
from lilota.models import AttemptUpdate, Outcome, TaskState
from lilota.running.telling import Teller

logger = logging.getLogger(__name__)

#: The store is asked for work at least this often, whether it gave a hint or not.
POLL_SECONDS: Final = 1.0
#: After a failed write, doubled each time.
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 2.0
_PAGE: Final = 1000


class Exchange:
    """Used by the thread of the engine, except `look_again`."""

    def __init__(self, engine: Engine, store: TaskStore, teller: Teller, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._engine = engine
        self._store = store
        self._teller = teller
        self._look_again = True
        self._next_poll_at = 0.0
        self._due_at: list[float] = []
        self._pause_seconds = 0.0
        self._not_before = 0.0
        self._failing_since: float | None = None
        self._may_have_orphans = False
        self._in_doubt = False

    def look_again(self) -> bool:
        """Look at the store in the next round. For any thread; tells whether that was not going to happen anyway."""
        is_news = not self._look_again
        self._look_again = True
        return is_news

    def seconds_until_next(self, now: float) -> float:
        """Return after which time the store is to be asked, even if nothing happens here."""
        if self._look_again and now >= self._not_before:
            return 0.0
        # While the store can't be used, neither a poll nor a write that is due may keep the loop going round.
        return max(0.0, self._next_look_at() - now, self._not_before - now)

    def failing_for(self, now: float) -> float:
        """Return for how many seconds the store could not be used, 0 if it can."""
        return 0.0 if self._failing_since is None else now - self._failing_since

    def run(self, now: float) -> None:
        """Write and claim in one go, if there is something to write or a reason to look."""
        if now < self._not_before:
            return
        look_again = self._look_again or now >= self._next_look_at()
        self._look_again = False
        request = self._engine.request(look_again=look_again)
        updates = self._engine.take_updates()
        if request is None and not updates:
            return
        if look_again:
            self._note_look(now)
        try:
            committed = self._store.commit(updates, request)
        except StoreError as error:
            self._be_patient(error, updates, request, now)
            return
        self._pause_seconds = 0.0
        self._failing_since = None
        if self._in_doubt and committed.refused:
            committed = self._without_written(updates, committed)
        self._in_doubt = False
        self._note_short_delays(updates)
        self._engine.committed(committed, self._clock())
        self._teller.committed(updates, committed)
        if self._may_have_orphans:
            self._give_back_orphans()

    def _next_look_at(self) -> float:
        return min(self._next_poll_at, self._due_at[0]) if self._due_at else self._next_poll_at

    def _note_look(self, now: float) -> None:
        self._next_poll_at = now + POLL_SECONDS
        while self._due_at and self._due_at[0] <= now:
            heapq.heappop(self._due_at)

    def _note_short_delays(self, updates: Sequence[AttemptUpdate]) -> None:
        """Look again when a task is due that comes back sooner than the store is polled."""
        now = self._clock()
        for update in updates:
            if update.outcome is not None and 0 < update.outcome.delay_seconds < POLL_SECONDS:
                heapq.heappush(self._due_at, now + update.outcome.delay_seconds)

    def _be_patient(
        self, error: StoreError, updates: list[AttemptUpdate], request: ClaimRequest | None, now: float
    ) -> None:
        """Keep everything and try again in a moment. What has gone for good is not waited for."""
        if isinstance(error, StoreVersionError | StoreGoneError):
            raise error
        self._engine.keep_updates(updates)
        self._in_doubt = True
        # It may have granted claims, and only its reply was lost.
        self._may_have_orphans = self._may_have_orphans or (request is not None and request.limit > 0)
        self._failing_since = self._failing_since or now
        self._look_again = True
        self._pause_seconds = min(_LONGEST_PAUSE_SECONDS, max(_FIRST_PAUSE_SECONDS, 2 * self._pause_seconds))
        self._not_before = now + self._pause_seconds
        kept = f"; {len(updates)} update(s) are kept and written later" if updates else ""
        logger.warning("The store can't be used%s (next try in %.1f s): %s", kept, self._pause_seconds, error)

    def _without_written(self, updates: Sequence[AttemptUpdate], committed: Committed) -> Committed:
        """Take off the refusals what was written by a try before this one, of which only the reply was lost."""
        outcomes = {update.fence: update.outcome for update in updates if update.outcome is not None}
        written = {fence for fence in committed.refused if self._has_written(fence, outcomes.get(fence))}
        refused = tuple(fence for fence in committed.refused if fence not in written)
        return msgspec.structs.replace(committed, refused=refused)

    def _has_written(self, fence: Fence, outcome: Outcome | None) -> bool:
        """Tell whether the store has this outcome of this attempt."""
        if outcome is None:
            return False
        try:
            info = self._store.get(fence[0])
        except TaskNotFoundError:
            return False
        except StoreError as error:
            logger.warning("The store could not be asked what became of the task %d: %s", fence[0], error)
            return False
        return info.fence == fence and info.state is outcome.state

    def _give_back_orphans(self) -> None:
        """Give back what the store has granted to this runner without its knowing; nobody else would run it."""
        try:
            orphans = [fence for fence in self._granted_to_us() if not self._engine.holds(fence)]
        except StoreError as error:
            logger.warning("The store could not be asked for lost claims; asking again later: %s", error)
            return
        for fence in orphans:
            logger.warning("The task %d was granted in a reply that got lost; it is given back.", fence[0])
            self._engine.give_back(fence)
        self._may_have_orphans = False

    def _granted_to_us(self) -> Iterator[Fence]:
        """Yield the attempts that the store takes to be running here, page by page."""
        ours = self._engine.serves
        query = TaskQuery(states=(TaskState.RUNNING,), names=ours.names, queues=ours.queues, limit=_PAGE)
        while page := self._store.find(query):
            yield from (info.fence for info in page if info.runner_id == ours.runner_id)
            query = msgspec.structs.replace(query, after_id=page[-1].id)
