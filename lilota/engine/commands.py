"""What the engine wants done with worker processes."""

from __future__ import annotations

import signal

import msgspec

from lilota.engine.messages import ToWorker


class StartWorker(msgspec.Struct, frozen=True):
    """Start a worker process under this number."""

    worker: int


class Send(msgspec.Struct, frozen=True):
    """Send a message to a worker."""

    worker: int
    message: ToWorker


class Kill(msgspec.Struct, frozen=True):
    """Send a signal to the process group of a worker."""

    worker: int
    signal_number: signal.Signals


class AskForStack(msgspec.Struct, frozen=True):
    """Have the stacks of a worker written, which is about to be killed: they come with its death."""

    worker: int


class Measure(msgspec.Struct, frozen=True):
    """Have somebody look what a worker uses; see `MeasuresWorkers.measure`."""

    worker: int
    exact_above_bytes: int


Command = StartWorker | Send | Kill | AskForStack | Measure
