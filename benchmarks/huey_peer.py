"""huey on SQLite, the peer: its own consumer with two worker processes, in its default or its fastest set-up.

huey binds its file when it is imported: `huey_runs.py` imports this in a fresh process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from huey import SqliteHuey

_FAST = os.environ.get("LILOTA_BENCH_HUEY_FAST") == "1"

#: The consumer imports this module by name; the file travels through the environment.
huey = SqliteHuey(
    "bench",
    filename=os.environ["LILOTA_BENCH_HUEY_FILE"],
    store_none=True,
    **({"fsync": False} if _FAST else {}),
)


@huey.task()
def noop() -> dict[str, bool]:
    """Do nothing."""
    return {"done": True}


class Consumer:
    """huey's own consumer, two worker processes; use it in a fresh interpreter with the environment set."""

    def __enter__(self) -> Self:
        script = Path(sys.executable).with_name("huey_consumer")
        polling = ["-d", "0.001", "-m", "0.001"] if _FAST else []
        self._process = subprocess.Popen(
            [sys.executable, str(script), "huey_peer.huey", "-k", "process", "-w", "2", "-n", *polling],
            cwd=Path(__file__).parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(10)


def drain(count: int) -> float:
    """Add tasks, then start the consumer; return tasks per second from the first result to the last."""
    for _ in range(count):
        noop()
    with Consumer():
        while huey.storage.result_store_size() == 0:
            time.sleep(0.0005)
        began, done_then = time.perf_counter(), huey.storage.result_store_size()
        while huey.storage.result_store_size() < count:
            time.sleep(0.002)
        return (count - done_then) / (time.perf_counter() - began)


def latency(count: int) -> float:
    """Return the median of the milliseconds from adding a task to its result, with idle workers."""
    waits = []
    with Consumer():
        noop().get(blocking=True, timeout=20)
        for _ in range(count):
            began = time.perf_counter()
            noop().get(blocking=True, backoff=1, max_delay=0.001, preserve=False)
            waits.append((time.perf_counter() - began) * 1000)
    return sorted(waits)[count // 2]
