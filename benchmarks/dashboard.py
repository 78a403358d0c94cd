"""How long do the pages of the dashboard take to be read from a store with a million tasks?

    python benchmarks/dashboard.py sqlite [--size 1000000] [--keep FILE]
    python benchmarks/dashboard.py postgres
    python benchmarks/dashboard.py sqlite --idle 60 [--size 0]

A store is filled: 93 of 100 tasks succeeded, 2 failed, one was cancelled, the rest wait, in ten queues and under
49 names; a hundred end in each second, so that the charts of the last hour and day have most to count. Then each
function of `lilota_dashboard.data` is called some times; printed are the median and the longest, in milliseconds.

With `--idle`, ten overviews are open instead, in whose store nothing happens, and what is printed is how much of a core
the dashboard uses meanwhile, and the server of the database. The pages are sockets that nobody reads, and cost nothing.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import idle
import places
import psycopg
import uvicorn
from lilota_dashboard import dashboard_app
from lilota_dashboard.data import bulk, history, listing, names, overview, plugins, runners
from lilota_dashboard.data import store as store_data
from lilota_dashboard.data import task as task_data

from lilota import TaskClient
from lilota.contract import RunnerInfo, StoredTask, TaskStore
from lilota.models import LogLine, NewTask, TaskError, TaskInfo, TaskState
from lilota.stores import open_store

_BATCH = 1000
_REPEAT = 15
_NAMES = 49
_QUEUES = 10
_RUNNERS = 20
_PAGES = 10
#: How those ended whose number ends in these two digits; all others succeeded.
_ENDS = {**dict.fromkeys(range(2), TaskState.FAILED), 2: TaskState.CANCELLED}
_ERROR = TaskError(type="ReadTimeout", message="https://ann:hunter2@shop/ took too long", traceback="Traceback\n" * 20)
#: Reads a page.
Call = Callable[[], object]

_INPUT = '{"path": "photos/sea.jpg", "token": "sesame"}'


def ended_tasks(count: int) -> Iterator[StoredTask]:
    """Yield tasks as another store would have kept them, the oldest first."""
    now = datetime.now(UTC)
    for number in range(1, count + 1):
        yield _ended(number, now - timedelta(seconds=(count - number) / 100))


def _ended(number: int, at: datetime) -> StoredTask:
    state = _ENDS.get(number % 100, TaskState.SUCCEEDED)
    info = TaskInfo(
        id=number,
        name=f"shop:task-{number % _NAMES}",
        description=f"Order {number}",
        queue=_queue(number),
        owner=f"user-{number % 1000}",
        state=state,
        input_json=_INPUT,
        output_json='{"done": true}' if state is TaskState.SUCCEEDED else None,
        error=_ERROR if state is TaskState.FAILED else None,
        created_at=at - timedelta(seconds=2),
        run_at=at - timedelta(seconds=2),
        started_at=at - timedelta(seconds=number % 17 / 10),
        finished_at=at,
        attempt=1,
        token=1,
    )
    lines = (LogLine(at=at.timestamp(), text="Begun"),) if number % 1000 == 0 else ()
    return StoredTask(info=info, log_lines=lines)


def _queue(number: int) -> str:
    """Return the queue of a task: all of one name are in the same."""
    return f"queue-{number % _NAMES % _QUEUES}"


def fill(store: TaskStore, size: int) -> None:
    """Store so many tasks, 5 of 100 of which wait, and register runners."""
    waiting = size * 5 // 100
    ended = ended_tasks(size - waiting)
    while batch := list(islice(ended, _BATCH)):
        store.restore(batch)
    for first in range(0, waiting, _BATCH):
        numbers = range(first, min(first + _BATCH, waiting))
        store.add([NewTask(name=f"shop:task-{n % _NAMES}", queue=_queue(n)) for n in numbers])
    for number in range(_RUNNERS):
        about = '{"names": ["shop:*"], "queues": null, "places": 8, "lilota": "2.0.0", "python": "3.13.1"}'
        store.heartbeat(RunnerInfo(id=f"runner-{number}", lease_seconds=3600, host="web", pid=1, about_json=about))


def pages(client: TaskClient, size: int) -> dict[str, Call]:
    """Return what is measured: each page, and the filters that cost most."""

    def tasks(*parameters: tuple[str, str]) -> Call:
        wanted = listing.asked(parameters)
        return lambda: listing.page_of_tasks(client, wanted)

    def preview(*parameters: tuple[str, str]) -> Call:
        wanted = listing.asked(parameters)
        return lambda: bulk.preview(client, "retry", wanted)

    store, some_id = client.store, size // 2000 * 1000
    return {
        "overview": lambda: overview.overview(client),
        "history (charts)": lambda: history.history(store),
        "runners": lambda: runners.runners(store),
        "tasks: all": tasks(),
        "tasks: page in the middle": tasks(("after", str(size // 2))),
        "tasks: failed": tasks(("state", "failed")),
        "tasks: of a name": tasks(("name", "shop:task-7")),
        "tasks: of an owner": tasks(("owner", "user-7")),
        "tasks: failed in the last hour": tasks(("since", "1h"), ("state", "failed")),
        "tasks: before a year": tasks(("before", "365d")),
        "tasks: a text that none has": tasks(("q", "nowhere")),
        "tasks: an error that none has": tasks(("error", "nowhere"), ("state", "failed")),
        "tasks: an id": tasks(("q", str(some_id))),
        "preview: failed": preview(("state", "failed")),
        "preview: a text that none has": preview(("q", "nowhere")),
        "one task": lambda: task_data.task_page(client, some_id),
        "its log": lambda: task_data.log_page(client, some_id),
        "names": lambda: names.names(client),
        "one name": lambda: names.name_page(client, "shop:task-7"),
        "plugins": lambda: plugins.plugins(client),
        "store": lambda: store_data.store_page(client),
    }


def measure(client: TaskClient, size: int) -> None:
    """Call each of them and print how long it takes."""
    print(f"\n{'':<32}{'median':>8}{'longest':>9}  ms")
    for name, call in pages(client, size).items():
        times = []
        for _ in range(_REPEAT):
            began = time.perf_counter()
            call()
            times.append((time.perf_counter() - began) * 1e3)
        print(f"{name:<32}{statistics.median(times):8.1f}{max(times):9.1f}")


def measure_idle(client: TaskClient, seconds: float) -> None:
    """Open pages, let nothing happen, and print how much of a core that takes."""
    app = dashboard_app(client, authorize=lambda _: True)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    with ExitStack() as stack:
        for _ in range(_PAGES):
            page = stack.enter_context(socket.create_connection(listener.getsockname()))
            page.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
            if b" 200 " not in page.recv(4096):
                raise SystemExit("A page could not be opened.")
        time.sleep(10)  # until what is new has been told, and nothing is
        used, of_children = time.process_time(), _of_children(os.getpid())
        time.sleep(seconds)
        own, others = time.process_time() - used, _of_children(os.getpid()) - of_children
    server.should_exit = server.force_exit = True
    thread.join()
    print(f"{_PAGES} idle pages: {own / seconds:.2%} of a core, the server of the database {others / seconds:.2%}")


def _of_children(pid: int) -> float:
    """Return the processor time of all processes that a process has started, and of those that they have."""
    return sum(idle.cpu_seconds(child) + _of_children(child) for child in idle.children_of(pid))


def settle(store: TaskStore, url: str) -> None:
    """Have done what PostgreSQL and the writes of runners do with time: vacuum, statistics, counts put together."""
    for _ in range(20 * 200):  # one in 200 writes puts counts together
        store.add([NewTask(name="shop:task-0", queue=_queue(0))])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")


def main() -> None:
    """Fill a store, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("place", choices=["sqlite", "postgres"])
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="keep the SQLite file here; one that is there is not filled again")
    parser.add_argument("--idle", type=float, metavar="SECONDS", help="measure idle pages, for so long")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        url = _url(arguments, stack)
        store = open_store(url)
        store.open()
        stack.callback(store.close)
        if not store.counts():
            print(f"storing {arguments.size:,} tasks", flush=True)
            fill(store, arguments.size)
            if arguments.place == "postgres":
                settle(store, url)
        client = TaskClient(store, accept_unknown_names=True)
        if arguments.idle:
            measure_idle(client, arguments.idle)
        else:
            measure(client, arguments.size)


def _url(arguments: argparse.Namespace, stack: ExitStack) -> str:
    if arguments.place == "postgres":
        place = stack.enter_context(places.running(argparse.Namespace(server="postgres")))
        print(place.describe(), flush=True)
        return place.new()
    if arguments.keep:
        return f"sqlite:///{arguments.keep.absolute()}"
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-dashboard-"))
    return f"sqlite:///{Path(folder) / 'lilota.db'}"


if __name__ == "__main__":
    main()
