"""The helper process of a node: it has the workers, and does what the runner orders.

A process of its own, because a Dask worker below a nanny must not have children of `multiprocessing`, and because its
event loop may be held up by what Dask runs beside. It ends with the Dask worker: then its standard input does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import BinaryIO, Final, assert_never

import msgspec
import psutil

from lilota.errors import ConfigurationError
from lilota.executors import Died, Event, Measured, Ready, Received, Retiring, StackWay, WorkerProcesses
from lilota_dask.frames import framed, read
from lilota_dask.lifeline import Lifeline
from lilota_dask.luggage import unpacked
from lilota_dask.messages import (
    AskForStack,
    Born,
    Heard,
    Kill,
    KillAll,
    Leave,
    Measure,
    NodeSetup,
    Order,
    Send,
    Settled,
    StackWritten,
    Start,
    Tell,
    decode_order,
    decode_setup,
    encode,
)

#: So long what a worker writes of its stacks is passed on after it was asked, and so often.
_STACK_SECONDS: Final = 2.0
_STACK_LOOK_SECONDS: Final = 0.05
#: So often it looks whether its runner has been silent for too long.
_LOOK_SECONDS: Final = 0.5
#: So long the loop has to end when it must; it may wait for a reader that is gone.
_END_SECONDS: Final = 5.0


def main() -> None:
    """Be the helper process until the runner, or its absence, says that it is enough."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the Dask worker, whose end is the end of this
    tells = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a module prints must not get among the frames
    orders = sys.stdin.buffer
    setup = read(orders)
    if setup is not None:
        _settle(decode_setup(setup), orders, tells, folder=sys.argv[-1])
    os._exit(0)  # the thread that waits for orders would hold up the end of the interpreter


def _settle(setup: NodeSetup, orders: BinaryIO, tells: BinaryIO, folder: str) -> None:
    """Say what this node has, and run; or say why it can't be what the runner needs."""
    try:
        # In the folder of the Dask worker, which Dask empties also after it was killed.
        with unpacked(setup.luggage, within=folder) as environment:
            node = NodeProcess(setup, orders, tells)
            _write(tells, [encode(Settled(environment=environment))])
            node.run()
    except ConfigurationError as error:
        _write(tells, [encode(Settled(problem=str(error)))])


class NodeProcess:
    """Carries out orders, and tells what happens.

    Args:
        orders: where the frames of the runner come from.
        tells: where the frames for it go.
    """

    def __init__(self, setup: NodeSetup, orders: BinaryIO, tells: BinaryIO) -> None:
        self._executor = WorkerProcesses(msgspec.structs.replace(setup.options, url="processes"))
        self._orders = orders
        self._tells = tells
        self._lifeline = Lifeline(setup.silence_seconds)
        self._due: deque[Order] = deque()
        self._stacks: dict[int, float] = {}
        self._over = threading.Event()

    def run(self) -> None:
        """Go round until it is over; leaves nothing behind."""
        for target in (self._read, self._watch):
            threading.Thread(target=target, daemon=True).start()
        try:
            self._tell(_birth(0, os.getpid()))
            while not self._over.is_set():
                events = self._executor.wait(_STACK_LOOK_SECONDS if self._stacks else None)
                self._tell(*[tell for event in events for tell in _told(event)])
                while self._due:
                    self._obey(self._due.popleft())
                self._show_stacks()
        except BrokenPipeError:
            pass  # the Dask worker is gone
        finally:
            self._executor.close()

    def _read(self) -> None:
        while (body := read(self._orders)) is not None:
            order = decode_order(body)
            if isinstance(order, Heard):
                self._lifeline.heard(order.sent_at)
            else:
                self._due.append(order)
                self._executor.wake()
        self._end()

    def _watch(self) -> None:
        while (seconds := self._lifeline.seconds_left()) > 0:
            time.sleep(min(seconds, _LOOK_SECONDS))  # which does not count the time that a machine sleeps
        print("The runner has been silent for too long: its tasks are ended here.", file=sys.stderr, flush=True)  # noqa: T201 - the Dask worker's log
        self._end()

    def _end(self) -> None:
        self._over.set()
        self._executor.kill_all()
        self._executor.wake()
        time.sleep(_END_SECONDS)
        os._exit(1)

    def _obey(self, order: Order) -> None:
        match order:
            case Start(worker):
                self._executor.start(worker)
            case Send(worker, message):
                self._executor.send(worker, message)
            case Kill(worker, signal_number):
                self._executor.kill(worker, signal.Signals(signal_number))
            case KillAll():
                self._executor.kill_all()
            case AskForStack(worker, way):
                self._executor.ask_for_stack(worker, StackWay[way])
                self._stacks[worker] = time.monotonic() + _STACK_SECONDS
            case Measure(worker, exact_above_bytes):
                self._executor.measure(worker, exact_above_bytes)
            case Leave():
                self._over.set()
            case Heard():
                pass
            case _:
                assert_never(order)

    def _show_stacks(self) -> None:
        for worker, until in list(self._stacks.items()):
            seen = self._executor.stack(worker)
            if seen is None or time.monotonic() >= until:
                del self._stacks[worker]
            elif seen[1]:
                self._tell(StackWritten(worker, *seen))

    def _tell(self, *tells: Tell) -> None:
        if tells:
            _write(self._tells, map(encode, tells))


def _write(tells: BinaryIO, bodies: Iterable[bytes]) -> None:
    rest = memoryview(framed(bodies))
    while rest:
        rest = rest[tells.write(rest) :]


def _told(event: Event) -> list[Tell]:
    match event:
        case Received(worker, Ready(pid)):
            return [_birth(worker, pid), event]
        case Received() | Measured() | Died():
            return [event]
        case Retiring():
            return []  # processes of one machine do not retire
        case _:
            assert_never(event)


def _birth(worker: int, pid: int) -> Born:
    created_at = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):  # its death is the next thing that is told
        created_at = psutil.Process(pid).create_time()
    return Born(worker, pid, created_at)
