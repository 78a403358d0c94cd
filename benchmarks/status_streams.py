"""What open event streams of the status pages cost: memory of each, questions to the store, processor time when idle.

    python benchmarks/status_streams.py [STREAMS]

The streams are those of `lilota_status.asgi`, without a server and its sockets; each follows a task of its own.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from lilota_status.asgi import Message, StatusApp, status_app
from lilota_status.limits import Limits

from lilota.client import TaskClient
from lilota.contract import ClaimRequest, RunnerInfo
from lilota.handles import TaskHandle
from lilota.models import AttemptUpdate
from lilota.stores import open_store

IDLE_SECONDS = 10.0
Opened = tuple[list["Page"], list[asyncio.Task[None]]]


class Page:
    """An open stream: what it got, and when."""

    def __init__(self, app: StatusApp, ref: str) -> None:
        self.app, self.ref = app, ref
        self.events, self.got_at = 0, 0.0
        self.leaves = asyncio.Event()

    async def run(self) -> None:
        """Be open until the page leaves."""
        query = urlencode({"refs": self.ref}).encode()
        headers = [(b"accept", b"text/event-stream"), (b"host", b"example.org"), (b"user-agent", b"x" * 100)]
        scope = {"type": "http", "method": "GET", "path": "/events", "query_string": query, "headers": headers}
        await self.app(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if b"event: task" in message.get("body", b""):
            self.events += 1
            self.got_at = time.monotonic()


def made(client: TaskClient, handles: list[TaskHandle[Any]]) -> list[Page]:
    """Return what stands for the server and its sockets: a page for each task, which is not open yet."""
    app = status_app(client, allow=lambda *_: True, limits=Limits(streams=100_000, streams_per_client=100_000))
    return [Page(app, handle.ref) for handle in handles]


async def opened(pages: list[Page]) -> Opened:
    """Open the streams, and return when each has got its first event."""
    tasks = [asyncio.create_task(page.run()) for page in pages]
    while not all(page.events for page in pages):  # noqa: ASYNC110 - an event of each would be a part of what is measured
        await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    return pages, tasks


async def left(pages: list[Page], tasks: list[asyncio.Task[None]]) -> None:
    """Close the streams."""
    for page in pages:
        page.leaves.set()
    await asyncio.gather(*tasks)


async def measure(client: TaskClient, number: int) -> None:
    """Say what so many streams cost."""
    handles = client.add_many([{"name": "task"}] * number)
    await left(*await opened(made(client, handles[:10])))  # what is made once
    pages = made(client, handles)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    pages, tasks = await opened(pages)
    gc.collect()
    each = (tracemalloc.get_traced_memory()[0] - before) / number
    tracemalloc.stop()
    print(f"{number:,} streams: {each / 1000:.1f} kB each")

    counts = {"find": 0, "logs": 0, "turns": 0}
    count(client.store, counts)
    began, used = time.monotonic(), time.process_time()
    await asyncio.sleep(IDLE_SECONDS)
    seconds = time.monotonic() - began
    looks = counts["turns"]
    print(f"idle: {counts['find'] / looks:.2f} questions a look, {looks / seconds:.1f} looks a second")
    print(f"idle: {counts['logs']} reads of logs, {(time.process_time() - used) / seconds:.1%} of a core")
    await delays(client, pages)
    await left(pages, tasks)


def count(store: Any, counts: dict[str, int]) -> None:  # noqa: ANN401 - its methods are replaced
    """Count what a store is asked from now on."""
    find, logs, wait = store.find, store.logs_of_many, store.wait_for_change

    def counted(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: object) -> Any:  # noqa: ANN401 - what the method returns
            counts[name] += 1
            return method(*arguments)

        return call

    store.find, store.logs_of_many = counted("find", find), counted("logs", logs)
    store.wait_for_change = counted("turns", wait)


async def delays(client: TaskClient, pages: list[Page]) -> None:
    """Say how long it takes from a write of the progress to the page."""
    client.store.heartbeat(RunnerInfo(id="bench", lease_seconds=3600))
    (claim,) = client.store.claim(ClaimRequest(runner_id="bench", names=("task",))).claims
    page, found = pages[0], []
    await asyncio.sleep(1)
    for percentage in range(1, 41):
        events = page.events
        update = AttemptUpdate(id=claim.id, token=claim.token, progress=percentage)
        await asyncio.to_thread(client.store.commit, [update])
        began = time.monotonic()
        while page.events == events:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.002)
        found.append(page.got_at - began)
        await asyncio.sleep(0.037)
    found.sort()
    print(f"from the store to the page: median {found[20] * 1000:.0f} ms, longest {found[-1] * 1000:.0f} ms")


def main() -> None:
    """Measure."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    with tempfile.TemporaryDirectory() as folder:
        client = TaskClient(open_store(f"sqlite:///{folder}/tasks.db"), ref_keys=["k" * 32], accept_unknown_names=True)
        asyncio.run(measure(client, number))


if __name__ == "__main__":
    main()
