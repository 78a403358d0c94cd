"""What the tests share: dashboards that run as processes of their own, and runners for the tasks that they show.

`helpers` is on the import path, also of workers.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HELPERS = str(Path(__file__).parent / "helpers")

if HELPERS not in sys.path:
    sys.path.insert(0, HELPERS)


def new_store(folder):
    """Make a store in a file, and return its URL."""
    from lilota.client import TaskClient

    url = f"sqlite:///{folder / 'lilota.db'}"
    with TaskClient(url):
        return url


@pytest.fixture
def store_url(tmp_path):
    """A store in a file that is there already."""
    return new_store(tmp_path)


@pytest.fixture
def client(store_url):
    """A client of that store, which takes every name."""
    from lilota.client import TaskClient

    with TaskClient(store_url, accept_unknown_names=True) as opened:
        yield opened


@pytest.fixture
def start(store_url, tmp_path):
    """Return what starts `lilota dashboard` with further options, and gives the running one; it ends after the test."""
    from running import RunningDashboard

    running = []

    def begin(*options, **more):
        running.append(RunningDashboard(store_url, tmp_path, *options, **more))
        return running[-1]

    yield begin
    for each in running:
        each.stop()


@pytest.fixture
def new_visitor(start, new_visitor):
    """As elsewhere; visitors leave before the dashboards end, which else would cut their streams."""
    return new_visitor


@pytest.fixture
def board(start):
    """A dashboard that may act."""
    return start("--allow-actions")


@pytest.fixture
def enter(visitor, board):
    """Return what opens a page as somebody who came by the printed address."""
    from playwright.sync_api import expect

    # The first answer is the form for the token, by its status; an error page has its status too.
    visitor.forgiven += ["the server responded with a status of 401", "the server responded with a status of 404"]

    def go(path="/", window=visitor):
        window.forgiven += visitor.forgiven
        page = window.open(f"{board.url}/#token={board.token}")
        expect(page.locator(".tiles")).to_be_visible()
        page.goto(board.url + path)
        return page

    return go


@pytest.fixture
def runner(store_url):
    """A runner of the tasks in `web_tasks`."""
    from web_tasks import TASKS

    from lilota.runner import TaskRunner

    new = TaskRunner(store_url, 2, stop_seconds=0)
    for name, task in TASKS.items():
        new.register(name, task)
    with new as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Two dashboards for all tests of a module, on one store: one only shows, the other may act. With a client."""
    from running import Shared

    folder = tmp_path_factory.mktemp("shared")
    with Shared(new_store(folder), folder) as both:
        yield both
