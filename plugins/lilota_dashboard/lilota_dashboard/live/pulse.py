"""Look at the store for all pages that show the whole of it: once a tick, and only while one of them is open."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool

from lilota.client import TaskClient
from lilota.contract import Commands
from lilota.errors import LilotaError
from lilota.texts.safe import safe
from lilota_dashboard.data.history import history
from lilota_dashboard.data.overview import overview
from lilota_dashboard.data.records.history import History
from lilota_dashboard.data.records.overview import Overview
from lilota_dashboard.data.records.runners import RunnersPage
from lilota_dashboard.data.runners import runners

logger: Final = logging.getLogger(__name__)

#: A busy store is looked at so often, and one in which nothing happens so seldom.
_SHORTEST_SECONDS: Final = 2.0
_LONGEST_SECONDS: Final = 6.0
#: What ended lately takes longer to count, and moves a chart by a hair.
_HISTORY_SECONDS: Final = 15.0
_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)


class Sight(NamedTuple):
    """What one look saw.

    Attributes:
        number: which look it was that saw something new.
        problem: why the store can't be asked; "" if it can. The rest is then as it was before.
    """

    number: int
    overview: Overview | None = None
    runners: RunnersPage | None = None
    history: History | None = None
    problem: str = ""


class Pulse:
    """Tells all who listen what the newest look saw. For one event loop.

    Args:
        commands: what somebody types here.
    """

    def __init__(self, client: TaskClient, commands: Commands) -> None:
        self._client = client
        self._commands = commands
        self._listeners = 0
        self._sight = Sight(0)
        self._changed = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._history: tuple[float, History] | None = None
        self._html: tuple[int, str] | None = None

    async def behind(self, number: int) -> Sight:
        """Wait for a sight that is another one than that of a number, and return it."""
        self._listeners += 1
        try:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look_again_and_again())
            while self._sight.number == number:
                await self._changed.wait()
            return self._sight
        finally:
            self._listeners -= 1

    def look(self) -> Sight:
        """Look now. In a thread: it asks the store.

        Raises:
            LilotaError: the store can't be asked.
        """
        store = self._client.store
        seen, who = overview(self._client, self._commands), runners(store, self._commands)
        if self._history is None or time.monotonic() - self._history[0] > _HISTORY_SECONDS:
            self._history = time.monotonic(), history(store)
        return Sight(0, seen, who, self._history[1])

    def html(self, sight: Sight, render: Callable[[Sight], str]) -> str:
        """Return the text of a sight, which is written once for all who see it."""
        if self._html is None or self._html[0] != sight.number:
            self._html = sight.number, render(sight)
        return self._html[1]

    async def _look_again_and_again(self) -> None:
        """Look as long as somebody listens, or has just gone to tell what he heard and comes back."""
        unheard = 0
        while unheard < 2:
            began = time.monotonic()
            await self._look_once()
            await self._wait_for_change()
            await asyncio.sleep(began + _SHORTEST_SECONDS - time.monotonic())
            unheard = 0 if self._listeners else unheard + 1

    async def _look_once(self) -> None:
        try:
            seen = await run_in_threadpool(self.look)
        except LilotaError as error:
            seen = self._sight._replace(problem=safe(str(error)))
        except Exception as error:  # a stranger's store may raise anything, and the pages have to say so
            logger.exception("The store could not be looked at.")
            seen = self._sight._replace(problem=f"The store can't be asked: {type(error).__name__}.")
        if _what_counts(seen) != _what_counts(self._sight) or self._sight.number == 0:
            self._sight = seen._replace(number=self._sight.number + 1)
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()

    async def _wait_for_change(self) -> None:
        try:
            await run_in_threadpool(self._client.store.wait_for_change, _LONGEST_SECONDS - _SHORTEST_SECONDS)
        except LilotaError as error:
            logger.debug("The store tells of no changes: %s", error)


def _what_counts(sight: Sight) -> object:
    """Return what makes a sight another one: not the ages in it, which a page counts itself."""
    seen, who = sight.overview, sight.runners
    if seen is not None:
        oldest = seen.oldest and replace(seen.oldest, waited_seconds=0)
        seen = replace(seen, at=_NO_TIME, oldest=oldest)
    rows = [replace(row, heartbeat_age_seconds=0) for row in who.rows] if who else []
    return seen, rows, sight.history, sight.problem
