"""What a runner calls in a Dask worker: open a node there, take slots, carry orders and news.

Runs in the event loop of the Dask worker. It passes on bodies of bytes without looking into them; they are numbered, so
that a call whose answer was lost can be made again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, cast

from distributed import Worker  # noqa: TC002 - as the others

from lilota_dask.frames import first_of, framed, read_async
from lilota_dask.messages import Closing, Heard, HelperEnded, Leave, NodePlace, Settled, SlotTaken, Tell, encode
from lilota_dask.processes import end_processes, this_machine

#: The helper process begins with the path of the Dask worker: what was uploaded there counts too.
_HELPER: Final = "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); from lilota_dask.node import main; main()"
#: What is told and not fetched may have so many bytes before the helper process has to wait.
_BUFFER_BYTES: Final = 16 * 1024 * 1024
#: One answer has about so many bytes at most.
_ANSWER_BYTES: Final = 4 * 1024 * 1024
#: So long the helper process may take to end in good order.
_LEAVE_SECONDS: Final = 10.0
#: So long what it said last can be fetched.
_KEEP_SECONDS: Final = 60.0

#: The nodes of all runners, by names that tell the runner and the Dask worker: there may be several in this process.
_nodes: Final[dict[str, Node]] = {}


class UnknownNodeError(LookupError):
    """This Dask worker has no node of that name: it was started again, or the node is over."""


async def open_node(name: str, setup: bytes, dask_worker: Worker) -> tuple[bytes, bytes]:
    """Start the helper process of a runner; say what place this is, a `NodePlace`, and what it says: `Settled`."""
    for operation, function in CALLS.items():
        dask_worker.handlers.setdefault(operation, function)
    if name not in _nodes:
        try:
            await Node(name).start(setup, dask_worker.local_directory)
        except OSError as error:  # no node that can't be reached, as any other such error says
            return b"{}", encode(Settled(problem=f"Its helper process can't be started: {error}."))
    state = dask_worker.state
    place = NodePlace(
        host=platform.node(), machine=this_machine(), threads=state.nthreads, resources=dict(state.total_resources)
    )
    return encode(place), await _nodes[name].settled()


async def hold_slot(name: str) -> None:
    """Be a Dask task that keeps one slot for a runner until its node is over."""
    from lilota_dask.holding import occupy  # noqa: PLC0415 - this function travels without its module

    await occupy(name)


async def wish() -> None:
    """Be a Dask task that has had what it was waiting for: a slot."""


# They travel by value, as what a script defines: the scheduler unpickles what it passes on, and need not have lilota.
hold_slot.__module__ = wish.__module__ = "__main__"


async def occupy(name: str) -> None:
    """Keep a slot, where the module is."""
    node = _nodes.get(name)
    if node is not None:
        await node.keep_slot()


async def give(name: str, sent_at: float, first: int, orders: Sequence[bytes]) -> None:
    """Pass on orders, of which the first has this number; those that came before are left out."""
    await _node(name).take_orders(sent_at, first, orders)


async def listen(
    name: str, *, sent_at: float, first_order: int, orders: Sequence[bytes], after: int, wait_seconds: float
) -> tuple[int, list[bytes]]:
    """Pass on orders, as above; then return what was told after a number, and the number of the first of it.

    Waits for it if there is nothing.
    """
    node = _node(name)
    await node.take_orders(sent_at, first_order, orders)
    return await node.news(after, wait_seconds)


async def close_node(name: str) -> None:
    """End the helper process; returns when it is gone, with all that it had started."""
    node = _nodes.get(name)
    if node is not None:
        await node.close()


async def confirm_end(processes: Sequence[tuple[int, float]]) -> bool:
    """Make sure that processes of this machine have ended; see `end_processes`."""
    return await asyncio.to_thread(end_processes, processes)


#: What a Dask worker answers once a node was opened there: as its own operations, by connections that are kept.
CALLS: Final[dict[str, Callable[..., Awaitable[object]]]] = {
    f"lilota_{function.__name__}": function for function in (give, listen, close_node, confirm_end)
}


def _node(name: str) -> Node:
    try:
        return _nodes[name]
    except KeyError:
        raise UnknownNodeError(name) from None


class Node:
    """One node in the process of its Dask worker."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told: deque[bytes] = deque()
        self._first = 1
        self._bytes = 0
        self._taken = 0
        self._is_closing = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._over = asyncio.Event()
        self._settled: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def start(self, setup: bytes, folder: str) -> None:
        command = (sys.executable, "-c", _HELPER, "lilota-dask-node", self._name, folder, json.dumps(sys.path))
        self._process: Process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, start_new_session=True
        )
        self._orders = cast("asyncio.StreamWriter", self._process.stdin)
        self._orders.write(framed([setup]))
        _nodes[self._name] = self
        self._reader = asyncio.create_task(self._read(cast("asyncio.StreamReader", self._process.stdout)))

    async def settled(self) -> bytes:
        """Wait for the first thing that the helper process says, which is a `Settled`."""
        return await asyncio.shield(self._settled)

    async def keep_slot(self) -> None:
        self._tell(SlotTaken())
        try:
            await self._over.wait()
        except asyncio.CancelledError:  # Dask closes this worker, and waits for a while
            if not self._is_closing:
                self._is_closing = True
                self._tell(Closing())
            await self._over.wait()
            raise

    async def take_orders(self, sent_at: float, first: int, orders: Sequence[bytes]) -> None:
        new = orders[max(0, self._taken + 1 - first) :]
        self._taken += len(new)
        self._write(encode(Heard(sent_at)), *new)
        with contextlib.suppress(ConnectionError):  # its end is told by what reads
            await self._orders.drain()

    async def news(self, after: int, wait_seconds: float) -> tuple[int, list[bytes]]:
        while self._told and self._first <= after:
            self._bytes -= len(self._told.popleft())
            self._first += 1
        self._room.set()
        if not self._told:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), wait_seconds)
        return self._first, first_of(self._told, _ANSWER_BYTES)

    async def close(self) -> None:
        self._write(encode(Leave()))
        try:
            await asyncio.wait_for(self._over.wait(), _LEAVE_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # its workers end with it
            await self._over.wait()

    async def _read(self, tells: asyncio.StreamReader) -> None:
        while (body := await read_async(tells)) is not None:
            if not self._settled.done():
                self._settled.set_result(body)
                continue
            while self._bytes > _BUFFER_BYTES:
                self._room.clear()
                await self._room.wait()
            self._put(body)
        code = await self._process.wait()
        how = f"exited with code {code}" if code >= 0 else f"was killed by signal {-code}"
        if not self._settled.done():
            self._settled.set_result(encode(Settled(problem=f"Its helper process {how}; the log there may say why.")))
        self._tell(HelperEnded(how))
        self._over.set()
        asyncio.get_running_loop().call_later(_KEEP_SECONDS, _nodes.pop, self._name, None)

    def _tell(self, tell: Tell) -> None:
        self._put(encode(tell))

    def _put(self, body: bytes) -> None:
        self._told.append(body)
        self._bytes += len(body)
        self._news.set()

    def _write(self, *bodies: bytes) -> None:
        if not self._over.is_set():
            self._orders.write(framed(bodies))
