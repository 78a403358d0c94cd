"""How long does it take from a report in a task until somebody sees it in a browser?

    python benchmarks/live.py sqlite [--reports 60] [--seconds 0.7]
    python benchmarks/live.py postgres

A task reports its progress again and again; its message is the time of the report. The page notes when the document
has that message: in `<lilota-task>` and on the page of the task in the dashboard, both by their streams, in Chromium.
All is on this machine, with default settings: a runner with one worker process, and uvicorn in a thread of it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import places
import uvicorn
from lilota_dashboard import dashboard_app
from lilota_status.asgi import status_app
from lilota_test_servers.browsers import Visitor, open_chromium
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route

from lilota import TaskContext, TaskRunner, task
from lilota.stores import open_store

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from starlette.requests import Request

_PAGE: Final = "<!doctype html><title>Live</title><script src='/tasks/lilota.js' defer></script><lilota-task ref='{}'>"
#: Notes for each message that the page shows, which is a time in milliseconds, how old it is when it is shown.
_NOTE_AGES: Final = """selector => {
    const element = document.querySelector(selector), root = element.shadowRoot ?? element.parentNode;
    const ages = window.ages = {};
    new MutationObserver(() => {
        for (const [text, at] of (root.textContent.match(/at \\d{13}/g) ?? []).map(text => [text, text.slice(3)]))
            ages[text] ??= Date.now() - Number(at);
    }).observe(root, {subtree: true, childList: true, characterData: true});
}"""


@task
def reports(ctx: TaskContext, count: int, seconds: float) -> None:
    """Report the time so many times, so far apart, when somebody has had time to open the pages."""
    time.sleep(8)
    for number in range(1, count + 1):
        ctx.report_progress(step=number, of=count, message=f"at {time.time_ns() // 1_000_000}")
        time.sleep(seconds + number % 10 / 37)  # never in step with what looks at the store


@contextmanager
def served(runner: TaskRunner) -> Iterator[str]:
    """Serve both kinds of pages, and give the address."""

    def page(request: Request) -> HTMLResponse:
        return HTMLResponse(_PAGE.format(request.path_params["ref"]))

    status = status_app(runner.client, allow=lambda *_: True)
    dashboard = dashboard_app(runner.client, authorize=lambda _: True)
    routes = [Route("/page/{ref}", page), Mount("/tasks", status), Mount("/dashboard", dashboard)]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join()


def measure(runner: TaskRunner, visitor: Visitor, url: str, arguments: argparse.Namespace) -> None:
    """Run the task, and print how old its reports were when they were seen."""
    handle: Any = runner.add(reports.bind(arguments.reports, arguments.seconds))
    pages = {
        "<lilota-task>": ("lilota-task", visitor.open(f"{url}/page/{handle.ref}")),
        "dashboard": ("#task", visitor.open(f"{url}/dashboard/tasks/{handle.id}")),
    }
    for selector, page in pages.values():
        page.evaluate(_NOTE_AGES, selector)
    while not handle.info().state.is_terminal:
        next(iter(pages.values()))[1].wait_for_timeout(200)
    print(f"\n{'':<16}{'seen':>6}{'least':>7}{'median':>8}{'9 of 10':>9}{'most':>6}  ms")
    for name, (_, page) in pages.items():
        _print(name, page)


def _print(name: str, page: Page) -> None:
    ages = sorted(page.evaluate("Object.values(window.ages)"))
    numbers = ages[0], statistics.median(ages), ages[len(ages) * 9 // 10], ages[-1]
    print(f"{name:<16}{len(ages):>6}{numbers[0]:>7.0f}{numbers[1]:>8.0f}{numbers[2]:>9.0f}{numbers[3]:>6.0f}")


def main() -> None:
    """Start what is needed, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("place", choices=["sqlite", "postgres"])
    parser.add_argument("--reports", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=0.7)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        runner = TaskRunner(open_store(_url(arguments, stack)), ref_keys=["k" * 32], number_of_processes=1)
        runner.register(reports)
        stack.enter_context(runner)
        url = stack.enter_context(served(runner))
        visitor = Visitor(stack.enter_context(open_chromium()))
        measure(runner, visitor, url, arguments)


def _url(arguments: argparse.Namespace, stack: ExitStack) -> str:
    if arguments.place == "postgres":
        place = stack.enter_context(places.running(argparse.Namespace(server="postgres")))
        print(place.describe(), flush=True)
        return place.new()
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-live-"))
    return f"sqlite:///{Path(folder) / 'lilota.db'}"


if __name__ == "__main__":
    main()
