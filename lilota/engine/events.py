"""What happens to workers, as the engine's driver hears of it."""

from __future__ import annotations

import msgspec

from lilota.engine.messages import FromWorker


class Received(msgspec.Struct, frozen=True, tag=True):
    """A worker sent a message."""

    worker: int
    message: FromWorker


class Retiring(msgspec.Struct, frozen=True, tag=True):
    """The place of a worker will be taken away soon, in good order; `Executor.places` does not count it any more.

    The worker gets nothing new, and leaves when nothing runs in it. If it dies before, be it because its place went
    sooner, what ran in it is given back: it spends neither an attempt nor a lost one, unless it may be lost only once,
    which means that it must not run twice. Told again, the newer grace counts.

    Attributes:
        grace_seconds: how long what runs may go on. Then it is stopped as when a runner stops, which can take some
            seconds more, and given back.
    """

    worker: int
    grace_seconds: float


class Died(msgspec.Struct, frozen=True, tag=True):
    """A worker process is gone.

    Attributes:
        cause: in plain words: "was killed by signal 9 (SIGKILL)", "exited with code 3".
        last_lines: the end of what it printed.
        stack: the stacks that it wrote last, as `faulthandler` writes them; "" if nobody asked for them.
    """

    worker: int
    cause: str
    last_lines: str
    stack: str = ""


class WorkerUse(msgspec.Struct, frozen=True):
    """What a worker uses, together with all that its tasks have started.

    Attributes:
        memory_bytes: what is in memory now.
        cpu_seconds: for how long it has kept processors busy since it was started, all of them together; with those of
            its children that have ended.
    """

    memory_bytes: int
    cpu_seconds: float


class Measured(msgspec.Struct, frozen=True, tag=True):
    """The answer to `MeasuresWorkers.measure`.

    Attributes:
        use: None where the system of the worker does not tell.
    """

    worker: int
    use: WorkerUse | None


Event = Received | Retiring | Measured | Died
