"""Which nodes there are, how many places they have, and which worker is on which of them.

Everything here happens in the event loop of the executor.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from itertools import count
from typing import Any, Final, TypeVar, assert_never

from distributed import Future  # noqa: TC002 - as the others

from lilota.errors import described
from lilota.executors import Died, Event, Received, Retiring
from lilota_dask.address import Target
from lilota_dask.cluster import Cluster
from lilota_dask.demand import Demand
from lilota_dask.holding import wish as wish_for_slot
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
    NodeSetup,
    Order,
    Send,
    SlotTaken,
    StackWritten,
    Start,
    Tell,
    encode,
)
from lilota_dask.versions import complaint_about

Where = TypeVar("Where")

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

    Attributes:
        demand: what hears how much there is to do, if the number of places depends on that.
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
        self._target = target
        self._luggage = setup.luggage
        self._setup = encode(setup)
        self._session = session
        self._silence_seconds = silence_seconds
        self._tell = tell
        self._changed = changed
        self._fail = fail
        self.demand: Demand | None = None
        if target.least_places is not None and target.places is not None:
            self.demand = Demand(target.least_places, target.places, target.idle_seconds)
        self._wanted = target.least_places or target.places
        self._wishes: list[Future[None]] = []
        self._links: dict[str, Link] = {}
        self._unfit: set[str] = set()
        self._homes: dict[int, Link] = {}
        self._numbers = count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._without_place_since = boot_clock()
        self._has_remarked = False

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
                self._adjust()
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
        self._take_slots()
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

    def _adjust(self) -> None:
        """Have as many places as are wanted, if the cluster has them, and let it know if it has not."""
        if self.demand is not None:
            self._wanted = self.demand.wanted(sum(self.slots().values()))
            self._give_back_slots(self._wanted)
        self._take_slots()
        with contextlib.suppress(ConnectionError):
            self._wish()

    def _take_slots(self) -> None:
        """Spread the places that are wanted over the nodes, or take what there is."""
        nodes = [link for link in self._links.values() if link.is_open]
        capacities = {link: self._capacity(link) for link in nodes}
        taken = {link: link.asked_slots for link in nodes}
        with contextlib.suppress(ConnectionError):  # the next look at the cluster tries again
            for link, number in shares(capacities, taken, self._wanted).items():
                link.take_slots(number, self._target.resource)

    def _give_back_slots(self, wanted: int) -> None:
        """Leave nodes whose places are not needed; what runs there ends first."""
        surplus = sum(self.slots().values()) - wanted
        for link in reversed(self._links.values()):
            if link.is_open and 0 < link.slots <= surplus:
                surplus -= link.slots
                self._close_slots(link, _UNTIL_IT_ENDS_SECONDS)

    def _close_slots(self, link: Link, grace_seconds: float) -> None:
        link.is_closing = True
        self._changed()
        self._tell([Retiring(worker, grace_seconds) for worker in link.workers])
        if not link.workers:
            self._spawn(self._end(link))

    def _wish(self) -> None:
        """Have Dask tasks wait for the slots that the cluster has not got; for one, where it has no nodes at all."""
        lacking = 0
        if self._wanted is not None or not self._links:
            lacking = max(0, (self._wanted or 1) - sum(map(self._capacity, self._links.values())))
        waiting = [wish for wish in self._wishes if wish.status == "pending"]
        self._wishes = waiting[:lacking]  # Dask forgets a task when nobody has its future any more
        while len(self._wishes) < lacking:
            key = f"lilota-wish-{self._session}-{next(self._numbers)}"
            self._wishes.append(self._cluster.wish(wish_for_slot, key=key, resource=self._target.resource))

    def _capacity(self, link: Link) -> int:
        resource = self._target.resource
        return int(link.place.resources.get(resource, 0)) if resource else link.place.threads

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
            case Send(worker) | Kill(worker) | AskForStack(worker):
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
            case Received():
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


def shares(capacities: Mapping[Where, int], taken: Mapping[Where, int], wanted: int | None) -> dict[Where, int]:
    """Return how many places each node gets: all that it has, or as evenly as can be where fewer are wanted.

    Args:
        taken: how many each has already; it keeps them.
    """
    given = dict(taken)
    everything = sum(capacities.values())
    left = (everything if wanted is None else min(wanted, everything)) - sum(given.values())
    while left > 0:
        link = min((link for link in capacities if given[link] < capacities[link]), key=given.__getitem__)
        given[link] += 1
        left -= 1
    return given
