"""Which nodes there are, how many places they have, and which worker is on which of them.

Everything here happens in the event loop of the executor.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from itertools import count
from typing import Any, Final, assert_never

from lilota.errors import described
from lilota.executors import Died, Event, Measured, Received, Retiring
from lilota_dask.address import Target
from lilota_dask.cluster import Cluster
from lilota_dask.demand import Demand
from lilota_dask.lifeline import boot_clock
from lilota_dask.links import Link, UnfitNodeError
from lilota_dask.messages import (
    AskForStack,
    Born,
    Closing,
    Heard,
    HelperEnded,
    Kill,
    KillAll,
    Leave,
    Measure,
    NodeSetup,
    Order,
    Send,
    SlotTaken,
    StackWritten,
    Start,
    Tell,
    encode,
)
from lilota_dask.slots import Slots
from lilota_dask.versions import complaint_about

logger: logging.Logger = logging.getLogger(__name__)

#: How often the scheduler is asked who belongs to the cluster.
_LOOK_SECONDS: Final = 1.0
#: So long until a Dask worker that could not be reached is tried again.
_AGAIN_SECONDS: Final = 5.0
#: How often, until it is certain by time alone, somebody is looked for who can tell that a lost node is empty.
_CONFIRM_SECONDS: Final = 0.5
#: So long a task may go on in a Dask worker that is being closed, before it is stopped and given back.
_GRACE_SECONDS: Final = 2.0
#: So long without any place, and somebody should know why.
_PATIENCE_SECONDS: Final = 10.0
#: So long what runs in a place that is given back may go on; no task is stopped for that.
_UNTIL_IT_ENDS_SECONDS: Final = 10.0 * 365 * 24 * 3600
_CLOSE_SECONDS: Final = 15.0


class Placement:
    """The nodes of one runner.

    Args:
        setup: the first message for each helper process.
        session: names this start of the runner, in all Dask workers.
        tell: called with what happened to workers.
        changed: called when there are more or fewer places.
        fail: called with an error that was not expected: nothing can be relied on any more.
    """

    def __init__(
        self,
        cluster: Cluster,
        target: Target,
        setup: NodeSetup,
        session: str,
        *,
        silence_seconds: float,
        tell: Callable[[Sequence[Event]], None],
        changed: Callable[[], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._stacks: dict[int, tuple[int, str]] = {}
        self._cluster = cluster
        self._luggage = setup.luggage
        self._setup = encode(setup)
        self._session = session
        self._silence_seconds = silence_seconds
        self._tell = tell
        self._changed = changed
        self._fail = fail
        self._slots = Slots(cluster, target, session)
        self._links: dict[str, Link] = {}
        self._unfit: set[str] = set()
        self._homes: dict[int, Link] = {}
        self._numbers = count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._without_place_since = boot_clock()
        self._has_remarked = False

    @property
    def demand(self) -> Demand | None:
        """What is to hear how much there is to do, if the number of places depends on that."""
        return self._slots.demand

    def slots(self) -> dict[str, int]:
        """Return what each node is called -> how many workers may live there."""
        return {link.label: link.slots for link in self._links.values() if link.slots and link.is_open}

    def home(self, number: int) -> str:
        """Return what the node of a worker is called, "" if it has none."""
        link = self._homes.get(number)
        return "" if link is None else link.label

    def stack(self, number: int) -> tuple[int, str] | None:
        """Return the process of a worker and what it has written of its stacks; None if it is gone."""
        link = self._homes.get(number)
        process = link and link.processes.get(number)
        return self._stacks.get(number, (process.pid, "")) if process else None

    # --- the cluster

    async def follow(self) -> None:
        """Open nodes in Dask workers that come, and notice those that leave; never returns."""
        while True:
            members = await self._cluster.members()
            if members is not None:
                self._compare(members)
                for link in self._slots.adjust(self._links.values()):
                    self._close_slots(link, _UNTIL_IT_ENDS_SECONDS)
            self._remark()
            await asyncio.sleep(_LOOK_SECONDS)

    async def close(self) -> None:
        """End everything; what can't be reached ends by itself."""
        for task in self._tasks:
            task.cancel()
        closing = [link.close(_CLOSE_SECONDS) for link in self._links.values() if not link.lost_because]
        for error in await asyncio.gather(*closing, return_exceptions=True):
            if isinstance(error, BaseException):
                logger.warning("A node could not be told to end; it does so when its runner is silent: %r", error)

    def _compare(self, members: frozenset[str]) -> None:
        self._unfit &= members
        for address in members - self._unfit - self._links.keys():
            name = f"{self._session}-{next(self._numbers)}@{address}"
            link = Link(self._cluster, address, name, self._silence_seconds, self._hear)
            self._links[address] = link
            self._spawn(self._serve(link))
        for link in self._links.values():
            link.has_left = link.address not in members

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    async def _serve(self, link: Link) -> None:
        try:
            await link.open(self._setup, self._luggage)
        except Exception as error:  # noqa: BLE001 - whatever is wrong there, the other nodes are not
            await self._leave_out(link, error)
            return
        self._slots.take(self._links.values())
        await link.attend()
        self._changed()
        await self._bury(link)

    async def _leave_out(self, link: Link, error: Exception) -> None:
        if isinstance(error, OSError):
            logger.warning("The Dask worker %s can't be reached: %s", link.address, described(error))
            await asyncio.sleep(_AGAIN_SECONDS)
        else:
            reason = complaint_about(error, link.address) or _said(error)
            logger.error("The Dask worker %s gets no tasks. %s", link.address, reason)
            self._unfit.add(link.address)
        del self._links[link.address]

    async def _bury(self, link: Link) -> None:
        """Tell the deaths of the workers of a node that is lost, once it is certain that they have ended."""
        if link.workers:
            logger.warning("A node %s, with %d worker(s).", link.lost_because, len(link.workers))
            await self._wait_until_empty(link)
        deaths = [Died(worker, link.lost_because, "") for worker in link.workers]
        for worker in list(link.workers):
            self._forget(link, worker)
        del self._links[link.address]
        self._tell(deaths)

    async def _wait_until_empty(self, link: Link) -> None:
        while (seconds := link.seconds_until_empty()) > 0:
            for neighbour in list(self._links.values()):
                if await neighbour.confirms_end_of(link):
                    return
            await asyncio.sleep(min(seconds, _CONFIRM_SECONDS))

    async def _end(self, link: Link) -> None:
        """End a node on which nothing runs any more, so that Dask can close its worker."""
        try:
            await link.close(_CLOSE_SECONDS)
        except (OSError, LookupError) as error:
            logger.debug("The node %s could not be told to end: %r", link.address, error)

    def _close_slots(self, link: Link, grace_seconds: float) -> None:
        link.is_closing = True
        self._changed()
        self._tell([Retiring(worker, grace_seconds) for worker in link.workers])
        if not link.workers:
            self._spawn(self._end(link))

    def _remark(self) -> None:
        """Say once why there is no place; that there is none, and that there is one again, the runner says itself."""
        now = boot_clock()
        if self.slots():
            self._has_remarked, self._without_place_since = False, now
        elif not self._has_remarked and now - self._without_place_since > _PATIENCE_SECONDS:
            self._has_remarked = True
            logger.warning("There is no place: %s", self._why_without_place())

    def _why_without_place(self) -> str:
        cluster = self._cluster.name
        if self._links:
            return f"none of the {len(self._links)} Dask worker(s) of {cluster} has a free slot."
        if self._unfit:
            return f"all {len(self._unfit)} Dask worker(s) of {cluster} were left out, for the reasons above."
        return f"{cluster} has no Dask workers, or does not answer."

    # --- what the engine orders

    def obey(self, order: Order) -> None:
        """Pass an order on to the node that it is for; numbers that are unknown are ignored."""
        match order:
            case Start(worker):
                self._start(order)
            case Send(worker) | Kill(worker) | AskForStack(worker) | Measure(worker):
                if worker in self._homes:
                    if isinstance(order, AskForStack):
                        self._stacks.pop(worker, None)
                    self._homes[worker].order(order)
            case KillAll():
                for link in self._links.values():
                    link.order(order)
            case Heard() | Leave():
                pass
            case _:
                assert_never(order)

    def _start(self, order: Start) -> None:
        link = max(self._links.values(), key=lambda link: link.free_slots, default=None)
        if link is None or not link.free_slots:
            self._tell([Died(order.worker, "could not be started: no slot of the cluster is free any more", "")])
            return
        link.workers.add(order.worker)
        self._homes[order.worker] = link
        link.order(order)

    # --- what nodes tell

    def _hear(self, link: Link, tells: Sequence[Tell]) -> None:
        events = [event for tell in tells for event in self._events(link, tell)]
        if events:
            self._tell(events)
        if link.is_closing and not link.workers and not link.lost_because:
            self._spawn(self._end(link))

    def _events(self, link: Link, tell: Tell) -> Iterable[Event]:
        match tell:
            case Received() | Measured():
                return [tell]
            case Died(worker):
                self._forget(link, worker)
                return [tell]
            case Born(worker):
                link.processes[worker] = tell
            case StackWritten(worker, pid, stack):
                self._stacks[worker] = (pid, stack)
            case SlotTaken():
                link.slots += 1
                self._changed()
            case Closing():
                self._close_slots(link, _GRACE_SECONDS)
            case HelperEnded():
                pass  # the link has noted why
            case _:
                assert_never(tell)
        return []

    def _forget(self, link: Link, worker: int) -> None:
        link.workers.discard(worker)
        link.processes.pop(worker, None)
        self._homes.pop(worker, None)
        self._stacks.pop(worker, None)


def _said(error: Exception) -> str:
    """Return why a node is left out: what was said of it in sentences, or else an error that nobody expected."""
    return str(error) if isinstance(error, UnfitNodeError) else described(error)
