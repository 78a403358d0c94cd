"""The executor `dask`: workers on the nodes of a Dask cluster, for one runner."""

from __future__ import annotations

import asyncio
import signal
import threading
import uuid
from collections import deque
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from lilota.executors import Event, ExecutorCapabilities, ExecutorOptions, StackWay, ToWorker
from lilota_dask.address import Target
from lilota_dask.cluster import Cluster
from lilota_dask.luggage import pack
from lilota_dask.messages import AskForStack, Kill, KillAll, Measure, NodeSetup, Order, Send, Start
from lilota_dask.placement import Placement

#: Of the lease of the runner: so long a node goes on without a sign of it.
_SILENCE: Final = 2 / 3
#: So long a start waits for the first place.
_FIRST_PLACE_SECONDS: Final = 5.0
#: A message and its answer pass from one process to another eight times; on a busy cluster that takes about so long.
_WAY_SECONDS: Final = 0.03

Answer = TypeVar("Answer")


class DaskExecutor:
    """See `lilota.executors.Executor`.

    The thread of the engine leaves its orders in a queue; all the rest happens in the event loop of a thread of its
    own, where the client of Dask lives too.

    Raises:
        ConfigurationError: the scheduler can't be reached, or a file can't be brought to the nodes.
    """

    def __init__(self, target: Target, options: ExecutorOptions) -> None:
        silence_seconds = options.lease_seconds * _SILENCE
        self._cluster = Cluster(target, options.number_of_processes)
        self._placement = Placement(
            self._cluster,
            target,
            NodeSetup(options=options, luggage=pack(options), silence_seconds=silence_seconds),
            uuid.uuid4().hex[:12],
            silence_seconds=silence_seconds,
            tell=self._tell,
            changed=self._count,
            fail=self._fail,
        )
        self._slots: dict[str, int] = {}
        self._orders: deque[Order] = deque()
        self._events: list[Event] = []
        self._failure: BaseException | None = None
        self._is_woken = False
        self._closed = False
        self._follower: Future[None] | None = None
        self._news = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lilota-dask", daemon=True)
        self._thread.start()
        try:
            self._run(self._cluster.connect())
        except BaseException:
            self.close()
            raise
        self._follower = asyncio.run_coroutine_threadsafe(self._follow(), self._loop)
        with self._news:  # a runner that starts without a place says so, and nearly always there is one soon
            self._news.wait_for(lambda: self._slots or self._failure, _FIRST_PLACE_SECONDS)

    def capabilities(self) -> ExecutorCapabilities:
        where = f"workers on the nodes of a Dask cluster, {self._cluster.name}"
        return ExecutorCapabilities(description=where, way_seconds=_WAY_SECONDS)

    def places(self) -> int:
        return sum(self._slots.values())

    def nodes(self) -> dict[str, int]:
        return self._slots

    def node(self, number: int) -> str:
        return self._placement.home(number)

    def note_demand(self, busy: int, *, more_waits: bool) -> None:
        if self._placement.demand is not None:
            self._placement.demand.note(busy, more_waits=more_waits)

    def start(self, number: int) -> None:
        self._order(Start(number))

    def send(self, number: int, message: ToWorker) -> None:
        self._order(Send(number, message))

    def kill(self, number: int, signal_number: signal.Signals) -> None:
        self._order(Kill(number, signal_number))

    def ask_for_stack(self, number: int, way: StackWay) -> None:
        self._order(AskForStack(number, way.name))

    def stack(self, number: int) -> tuple[int, str] | None:
        return self._placement.stack(number)

    def measure(self, number: int, exact_above_bytes: int) -> None:
        self._order(Measure(number, exact_above_bytes))

    def kill_all(self) -> None:
        self._order(KillAll())

    def wait(self, timeout_seconds: float | None) -> Sequence[Event]:
        with self._news:
            if not (self._events or self._is_woken or self._failure):
                seconds = None if timeout_seconds is None else min(timeout_seconds, threading.TIMEOUT_MAX)
                self._news.wait(seconds)
            self._is_woken = False
            events, self._events = self._events, []
            if self._failure is not None:
                raise self._failure
            return events

    def wake(self) -> None:
        with self._news:
            self._is_woken = True
            self._news.notify_all()

    def close(self) -> None:
        with self._news:
            if self._closed:
                return
            self._closed = True
        try:
            self._run(self._end())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    # --- the thread of the engine, or any

    def _order(self, order: Order) -> None:
        with self._news:
            if self._closed:
                return
            is_first = not self._orders
            self._orders.append(order)
            if is_first:
                self._loop.call_soon_threadsafe(self._obey)

    def _run(self, coroutine: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    # --- the thread of the loop

    async def _follow(self) -> None:
        try:
            await self._placement.follow()
        except Exception as error:  # noqa: BLE001 - the engine raises it
            self._fail(error)

    async def _end(self) -> None:
        if self._follower is not None:
            self._follower.cancel()
        await self._placement.close()
        await self._cluster.close()

    def _obey(self) -> None:
        while True:
            with self._news:
                if not self._orders:
                    return
                order = self._orders.popleft()
            self._placement.obey(order)

    def _tell(self, events: Sequence[Event]) -> None:
        with self._news:
            self._events += events
            self._news.notify_all()

    def _count(self) -> None:
        self._slots = self._placement.slots()
        self.wake()

    def _fail(self, error: BaseException) -> None:
        with self._news:
            self._failure = error
            self._news.notify_all()
