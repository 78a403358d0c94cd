"""When a task will start and end is foreseen from what a real runner tells and has run."""

from __future__ import annotations

import pytest
from long_tasks import Long
from running import ended, store_url, until

from lilota.client import TaskClient
from lilota.config import Settings
from lilota.runner import TaskRunner
from lilota.stores import open_store


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    store = open_store(store_url(request.param, tmp_path))
    store.open()
    yield store
    store.close()


@pytest.fixture
def client(store):
    """A client beside a runner with one place."""
    runner = TaskRunner(store, 1, settings=Settings())
    for name in ("Long", "Short"):
        runner.register(name, Long)
    runner.start()
    with TaskClient(store, settings=Settings(), accept_unknown_names=True) as client:
        yield client
    runner.stop(timeout_seconds=0)


def test_those_behind_a_task_that_reports_its_pace_know_when_they_start(client, tmp_path):
    """Their own end follows from those of their name that have succeeded; then their turn comes."""
    short = {"does": "returns", "folder": str(tmp_path)}
    ended(client.add("Short", input=short))
    long = client.add("Long", input={"does": "tracks", "folder": str(tmp_path)})
    until(long.info, lambda info: info.reported_progress == 50)

    handles = client.add_many([{"name": "Short", "input": short}] * 2)
    of_long = long.estimate()
    # The runner may take them before it has a place, and give them back: in between they are nowhere in line.
    first, second = until(
        lambda: list(client.estimates([handle.info() for handle in handles]).values()),
        lambda estimates: [estimate.before for estimate in estimates] == [0, 1],
    )
    (tmp_path / "go on").touch()
    last = [ended(handle) for handle in (long, *handles)]

    assert of_long.finishes_at > last[0].started_at
    assert second.finishes_at > second.starts_at >= first.finishes_at > first.starts_at
    assert client.estimates(last) == {}


def test_a_name_that_nobody_serves_is_told_in_place_of_an_estimate(client):
    """As soon as the runner has told what it serves."""
    handle = client.add("Unheard")

    estimate = until(handle.estimate, lambda estimate: estimate.reason is not None)

    assert (estimate.reason.kind, estimate.before, estimate.starts_at) == ("name", None, None)
