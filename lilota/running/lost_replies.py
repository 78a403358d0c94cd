"""Find out what the store has done with a commit of which the reply got lost.

It may have written everything, and granted claims that nobody here knows of; or nothing has reached it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from lilota.contract import ClaimRequest, Committed, Fence, TaskQuery, TaskStore
from lilota.engine.engine import Engine
from lilota.errors import StoreError, TaskNotFoundError
from lilota.models import AttemptUpdate, Outcome, TaskState

logger: logging.Logger = logging.getLogger(__name__)

_PAGE: Final = 1000


class LostReplies:
    """Remembers what may have happened, and asks the store about it as soon as it answers again."""

    def __init__(self, engine: Engine, store: TaskStore) -> None:
        self._engine = engine
        self._store = store
        self._may_have_written = False
        self._may_have_granted = False

    def note_failure(self, request: ClaimRequest | None) -> None:
        """A commit has failed, or only its reply got lost."""
        self._may_have_written = True
        self._may_have_granted = self._may_have_granted or (request is not None and request.limit > 0)

    def without_own_writes(self, updates: Sequence[AttemptUpdate], committed: Committed) -> Committed:
        """Take off the refusals what was written by a try before this one, of which only the reply was lost."""
        if self._may_have_written and committed.refused:
            outcomes = {update.fence: update.outcome for update in updates if update.outcome is not None}
            refused = tuple([fence for fence in committed.refused if not self._has_written(fence, outcomes.get(fence))])
            committed = msgspec.structs.replace(committed, refused=refused)
        self._may_have_written = False
        return committed

    def give_back_orphans(self) -> None:
        """Give back what the store has granted to this runner without its knowing; nobody else would run it."""
        if not self._may_have_granted:
            return
        try:
            orphans = [fence for fence in self._granted_to_us() if fence not in self._engine.holdings]
        except StoreError as error:
            logger.warning("The store could not be asked for lost claims; asking again later: %s", error)
            return
        for fence in orphans:
            logger.warning("The task %d was granted in a reply that got lost; it is given back.", fence[0])
            self._engine.holdings.give_back(fence)
        self._may_have_granted = False

    def _has_written(self, fence: Fence, outcome: Outcome | None) -> bool:
        """Tell whether the store has this outcome of this attempt."""
        if outcome is None:
            return False
        task_id, _ = fence
        try:
            info = self._store.get(task_id)
        except TaskNotFoundError:
            return False
        except StoreError as error:
            logger.warning("The store could not be asked what became of the task %d: %s", task_id, error)
            return False
        return info.fence == fence and info.state is outcome.state

    def _granted_to_us(self) -> Iterator[Fence]:
        """Yield the attempts that the store takes to be running here, page by page."""
        ours = self._engine.serves
        names = None if ours.families else ours.names
        query = TaskQuery(states=(TaskState.RUNNING,), names=names, queues=ours.queues, limit=_PAGE)
        while page := self._store.find(query):
            yield from (info.fence for info in page if info.runner_id == ours.runner_id)
            query = msgspec.structs.replace(query, after_id=page[-1].id)
