"""What a runner and its nodes say to each other, beside what a runner and its workers say.

runner ── Start, Send, Kill, KillAll, AskForStack, Measure, Heard, Leave ──► helper process of a node
runner ◄── Received, Died, Born, StackWritten, Measured ── helper process
runner ◄── SlotTaken, Closing, HelperEnded ── the Dask worker that has it
"""

from __future__ import annotations

from typing import Final

import msgspec

from lilota.executors import Died, ExecutorOptions, Measured, Received, ToWorker
from lilota_dask.environment import Environment
from lilota_dask.luggage import Luggage


class NodeSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What the helper process of a node has to know; the first thing that it reads.

    Attributes:
        luggage: what the node may lack, and what it is compared with.
        silence_seconds: after so long without a sign of its runner, it kills its workers and ends.
    """

    options: ExecutorOptions
    luggage: Luggage
    silence_seconds: float


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What the helper process of a node says first.

    Attributes:
        environment: what it has; None if what was brought along can't be placed there, for this `problem`.
    """

    environment: Environment | None = None
    problem: str = ""


class NodePlace(msgspec.Struct, frozen=True, kw_only=True):
    """What a Dask worker says of itself when it has started the helper process of a node.

    Attributes:
        host: the name of the machine.
        machine: the same for all whose process ids mean the same processes.
        threads: how many tasks Dask runs there at the same time.
        resources: what else Dask counts there, and how much there is of it.
    """

    host: str = ""
    machine: str = ""
    threads: int = 0
    resources: dict[str, float] = {}


class Start(msgspec.Struct, frozen=True, tag=True):
    """Start a worker."""

    worker: int


class Send(msgspec.Struct, frozen=True, tag=True):
    """Send a message to a worker."""

    worker: int
    message: ToWorker


class Kill(msgspec.Struct, frozen=True, tag=True):
    """Send a signal to a worker and to all that its task has started."""

    worker: int
    signal_number: int


class KillAll(msgspec.Struct, frozen=True, tag=True):
    """Kill all workers."""


class AskForStack(msgspec.Struct, frozen=True, tag=True):
    """Have a worker write its stacks, in the way of that name, and tell what it writes."""

    worker: int
    way: str


class Measure(msgspec.Struct, frozen=True, tag=True):
    """Look what a worker uses, exactly if it seems to be more than so many bytes, and tell it."""

    worker: int
    exact_above_bytes: int


class Heard(msgspec.Struct, frozen=True, tag=True):
    """The runner lives.

    Attributes:
        sent_at: when it said so, by its own clock, which only ever rises.
    """

    sent_at: float


class Leave(msgspec.Struct, frozen=True, tag=True):
    """Kill what runs, and end."""


class Born(msgspec.Struct, frozen=True, tag=True):
    """A worker process is up.

    Attributes:
        worker: its number; 0 is the helper process itself.
        created_at: with the process id it tells the process from a later one; seconds since the epoch.
    """

    worker: int
    pid: int
    created_at: float


class StackWritten(msgspec.Struct, frozen=True, tag=True):
    """What a worker has written so far since it was asked for its stacks."""

    worker: int
    pid: int
    stack: str


class SlotTaken(msgspec.Struct, frozen=True, tag=True):
    """Dask has given lilota one slot more on this node."""


class Closing(msgspec.Struct, frozen=True, tag=True):
    """The Dask worker is being closed in good order, and waits for a while."""


class HelperEnded(msgspec.Struct, frozen=True, tag=True):
    """The helper process of the node is gone, and its workers with it; nothing comes after this.

    Attributes:
        cause: a predicate, "exited with code 3".
    """

    cause: str


Order = Start | Send | Kill | KillAll | AskForStack | Measure | Heard | Leave
Tell = Received | Died | Born | StackWritten | Measured | SlotTaken | Closing | HelperEnded

encode: Final = msgspec.json.Encoder().encode
decode_order: Final = msgspec.json.Decoder(Order).decode
decode_tell: Final = msgspec.json.Decoder(Tell).decode
decode_place: Final = msgspec.json.Decoder(NodePlace).decode
decode_settled: Final = msgspec.json.Decoder(Settled).decode
decode_setup: Final = msgspec.json.Decoder(NodeSetup).decode
