"""What happens to workers, as the engine's driver hears of it."""

from __future__ import annotations

import msgspec

from lilota.engine.messages import FromWorker


class Received(msgspec.Struct, frozen=True, tag=True):
    """A worker sent a message."""

    worker: int
    message: FromWorker


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


Event = Received | Died
