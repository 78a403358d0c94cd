"""A node as its runner sees it: slots, workers, orders on the way there, and what is heard from it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any, Final

from distributed import Future  # noqa: TC002 - as the others

from lilota.errors import LilotaError, described
from lilota_dask.cluster import Cluster
from lilota_dask.comparison import remarks
from lilota_dask.frames import first_of
from lilota_dask.holding import UnknownNodeError, hold_slot, open_node
from lilota_dask.lifeline import boot_clock
from lilota_dask.luggage import Luggage
from lilota_dask.messages import (
    Born,
    HelperEnded,
    NodePlace,
    Order,
    Settled,
    Tell,
    decode_place,
    decode_settled,
    decode_tell,
    encode,
)

logger: logging.Logger = logging.getLogger(__name__)

#: What goes to a node in one call has about so many bytes at most.
_BATCH_BYTES: Final = 4 * 1024 * 1024
#: So many bytes of orders may go with the call that listens; more has a call of its own, and the time that it takes.
_ALONG_BYTES: Final = 64 * 1024
#: So long after news, orders that these bring about are waited for, to go with the next call that listens.
_GATHER_SECONDS: Final = 0.005
#: So often, while a node is silent, it hears of its runner; counted in the time in which it would end itself.
_SIGNS: Final = 6
#: After a call that failed.
_RETRY_SECONDS: Final = 0.2
#: So much longer than it was told to a call may take before it counts as failed.
_PATIENCE_SECONDS: Final = 5.0
#: So long a node may take to start its helper process, which imports lilota.
_OPEN_SECONDS: Final = 60.0
#: So long a node has to end what runs, once it has not heard of its runner for too long.
_MARGIN_SECONDS: Final = 3.0


class UnfitNodeError(LilotaError):
    """A node can't run the tasks of this runner; the sentences say why, and what to do."""


class Link:
    """One Dask worker, with the helper process and the workers that this runner has there.

    Args:
        name: of the node, in all Dask workers and for ever.
        hear: called with what is heard, in order.

    Attributes:
        place: what the Dask worker said of itself when the helper process was started.
        workers: the numbers of the workers that are there, or on their way.
        processes: the number of a worker that is up -> its process; 0 is the helper.
        slots: how many slots Dask has given.
        is_closing: no more workers are to be started there.
        has_left: the scheduler does not know the Dask worker any more. It may still be there, and answer, while it is
            closed in good order.
        has_helper: the helper process has not told that it ended.
        lost_because: why it can't be reached any more, a predicate; "" as long as it may be.
    """

    def __init__(
        self,
        cluster: Cluster,
        address: str,
        name: str,
        silence_seconds: float,
        hear: Callable[[Link, list[Tell]], None],
    ) -> None:
        self.address = address
        self.workers: set[int] = set()
        self.processes: dict[int, Born] = {}
        self.place: NodePlace = NodePlace()
        self.slots: int = 0
        self.is_closing: bool = False
        self.has_left: bool = False
        self.has_helper: bool = True
        self.lost_because: str = ""
        self._cluster = cluster
        self._name = name
        self._silence_seconds = silence_seconds
        self._hear = hear
        self._slot_tasks: list[Future[None]] = []
        self._unsent: deque[bytes] = deque()
        self._sent = 0
        self._heard = 0
        self._has_orders = asyncio.Event()
        self._is_listening = asyncio.Event()
        self._is_giving = False
        self._spoke_at = -inf
        self._answered_at = boot_clock()

    @property
    def label(self) -> str:
        """What the node is called for people."""
        return f"{self.address} ({self.place.host})"

    @property
    def is_open(self) -> bool:
        """Whether workers can be started there, if there is a slot."""
        return not (self.is_closing or self.lost_because)

    @property
    def asked_slots(self) -> int:
        """How many slots Dask was asked for; it gives them when they are free."""
        return len(self._slot_tasks)

    @property
    def free_slots(self) -> int:
        """How many workers can be started there."""
        return max(0, self.slots - len(self.workers)) if self.is_open else 0

    async def open(self, setup: bytes, luggage: Luggage) -> None:
        """Start the helper process, and judge by what it has there whether the node can run tasks.

        Raises:
            OSError: the node can't be reached.
            UnfitNodeError: it can't.
            Exception: whatever was raised there.
        """
        async with asyncio.timeout(_OPEN_SECONDS):
            asked_at = time.time()
            place, settled = await self._cluster.run(self.address, open_node, self._name, setup)
            answered_at = time.time()
        await self._cluster.find_way(self.address)
        self.place = decode_place(place)
        complaints = self._judge(decode_settled(settled), luggage, asked_at, answered_at)
        if complaints:
            await self.close(_OPEN_SECONDS)
            raise UnfitNodeError(" ".join(complaints))

    def take_slots(self, number: int, resource: str | None) -> None:
        """Ask Dask for so many slots in all; those that were asked for already are kept."""
        while len(self._slot_tasks) < number:
            key = f"lilota-slot-{self._name}-{len(self._slot_tasks)}"
            task = self._cluster.submit(hold_slot, self._name, address=self.address, key=key, resource=resource)
            self._slot_tasks.append(task)

    def order(self, order: Order) -> None:
        """Have an order carried out, after those before it."""
        self._unsent.append(encode(order))
        self._has_orders.set()

    async def attend(self) -> None:
        """Carry orders there and news here until the node is over; then `lost_because` says why."""
        carrier = asyncio.create_task(self._carry())
        try:
            await self._listen()
        finally:
            carrier.cancel()
            for slot in self._slot_tasks:
                slot.release()  # type: ignore[no-untyped-call]  # Dask has no types here

    def seconds_until_empty(self) -> float:
        """Return after how long nothing of this runner can be running there, whatever has become of the node."""
        return max(0.0, self._spoke_at + self._silence_seconds + _MARGIN_SECONDS - boot_clock())

    async def confirms_end_of(self, other: Link) -> bool:
        """Ask there whether the processes of a node that is lost have ended, if it was on the same machine."""
        if self.place.machine != other.place.machine or 0 not in other.processes or not self._can_tell(other):
            return False
        processes = [(process.pid, process.created_at) for process in other.processes.values()]
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS * 2):
                return bool(await self._cluster.call(self.address, "lilota_confirm_end", processes=processes))
        except OSError:
            return False

    async def close(self, timeout_seconds: float) -> None:
        """End the helper process and wait for that."""
        async with asyncio.timeout(timeout_seconds):
            await self._call("lilota_close_node")

    def _can_tell(self, other: Link) -> bool:
        return self.is_open or (self is other and not self.has_helper and not self.has_left)

    def _judge(self, settled: Settled, luggage: Luggage, asked_at: float, answered_at: float) -> list[str]:
        if settled.environment is None:
            return [settled.problem]
        for remark in remarks(luggage.environment, settled.environment, self.address, asked_at, answered_at):
            logger.warning("%s", remark)
        return luggage.complaints(settled.environment, self.address)

    async def _carry(self) -> None:
        while True:
            await self._has_orders.wait()
            await self._is_listening.wait()
            have_gone_along = not self._has_orders.is_set()
            self._has_orders.clear()
            if have_gone_along or not self._unsent:
                continue
            first, batch = self._sent + 1, first_of(self._unsent, _BATCH_BYTES)
            self._is_giving = True
            await self._give(first, batch)
            self._is_giving = False
            self._note_sent(first, batch)

    def _note_sent(self, first: int, batch: list[bytes]) -> None:
        while self._sent < first + len(batch) - 1:
            self._unsent.popleft()
            self._sent += 1
        if self._unsent:
            self._has_orders.set()

    async def _give(self, first: int, batch: list[bytes]) -> None:
        """Hand orders over, as often as it takes; the node leaves out what it has."""
        while True:
            try:
                async with asyncio.timeout(self._silence_seconds):
                    await self._call("lilota_give", sent_at=self._speak(), first=first, orders=batch)
            except OSError:
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception:  # noqa: BLE001 - who listens hears the same, and ends this
                await asyncio.Event().wait()
            else:
                return

    async def _listen(self) -> None:
        seconds = self._silence_seconds / _SIGNS
        while not self.lost_because:
            first_order, along = self._sent + 1, self._gathered()
            self._is_listening.set()
            try:
                async with asyncio.timeout(seconds + _PATIENCE_SECONDS):
                    first, bodies = await self._call(
                        "lilota_listen",
                        sent_at=self._speak(),
                        first_order=first_order,
                        orders=along,
                        after=self._heard,
                        wait_seconds=seconds,
                    )
            except UnknownNodeError:
                self.lost_because = f"was lost: the Dask worker {self.address} was started again"
            except OSError as error:
                self._has_orders.set()  # whether those that went along have come is not known
                await self._bear_silence(error)
            except Exception as error:  # noqa: BLE001 - what happens to a node is no error of the runner
                self.lost_because = f"was lost: the Dask worker {self.address} answered with {described(error)}"
            else:
                self._is_listening.clear()  # what the news bring about shall wait for the next call
                self._answered_at = boot_clock()
                self._note_sent(first_order, along)
                self._take(first, bodies)
                await self._gather(bodies)
            finally:
                self._is_listening.clear()

    def _gathered(self) -> list[bytes]:
        """Return the orders that go along with the call that listens: all that wait, or none."""
        if self._is_giving or sum(map(len, self._unsent)) > _ALONG_BYTES:
            return []
        self._has_orders.clear()
        return list(self._unsent)

    async def _gather(self, bodies: list[bytes]) -> None:
        """Wait a moment for what news bring about."""
        if bodies and not self._unsent:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._has_orders.wait(), _GATHER_SECONDS)

    async def _bear_silence(self, error: OSError) -> None:
        if self.has_left:
            self.lost_because = f"was lost: the Dask worker {self.address} left the cluster"
        elif boot_clock() - self._answered_at >= self._silence_seconds:
            self.lost_because = f"was lost: the Dask worker {self.address} did not answer any more ({described(error)})"
        else:
            await asyncio.sleep(_RETRY_SECONDS)

    def _take(self, first: int, bodies: list[bytes]) -> None:
        tells = [decode_tell(body) for body in bodies[max(0, self._heard + 1 - first) :]]
        self._heard += len(tells)
        for tell in tells:
            if isinstance(tell, HelperEnded):
                self.has_helper = False
                self.lost_because = f"was lost: the helper process on {self.address} {tell.cause}"
        self._hear(self, tells)

    async def _call(self, operation: str, **arguments: object) -> Any:  # noqa: ANN401 - what the operation returns
        return await self._cluster.call(self.address, operation, name=self._name, **arguments)

    def _speak(self) -> float:
        self._spoke_at = boot_clock()
        return self._spoke_at
