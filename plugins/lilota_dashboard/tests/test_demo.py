"""`lilota demo --web`: the example tasks at work, on a page of the dashboard."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from playwright.sync_api import expect
from running import WAIT_SECONDS

from lilota.client import TaskClient


@pytest.fixture
def demo(tmp_path):
    """A demo that runs, in a folder of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lilota", "demo", "--web"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("LILOTA_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that what it has started is known by its session
    )
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def client(demo, tmp_path):
    """A client of its store."""
    with TaskClient(f"sqlite:///{tmp_path}/lilota-demo/lilota.db", accept_unknown_names=True) as opened:
        yield opened


def address_of(demo):
    """Return the address that it prints; it has a store then."""
    for line in demo.stdout:
        if found := re.search(r"http://\S+#token=\S+", line):
            return found[0]
    raise AssertionError(f"It has ended: {demo.stderr.read()}")


def session_of(pid):
    """Return the processes of a session."""
    return [each for each in map(int, filter(str.isdigit, os.listdir("/proc"))) if is_in_session(each, pid)]


def is_in_session(pid, session):
    try:
        return os.getsid(pid) == session
    except ProcessLookupError:
        return False


def states_of(client):
    return Counter(task.state.value for task in client.find())


def newsletters(client):
    """Return those that go on for a while."""
    running = client.find(names=["send_emails"], states=["running"])
    return [task for task in running if task.description == "A newsletter" and task.reported_progress < 60]


def test_the_page_shows_the_tasks_of_the_demo_live(demo, visitor, request):
    """A bar moves, a file can be had, and every state is there, while nobody does anything but look."""
    visitor.forgiven.append("the server responded with a status of 401")
    page = visitor.open(address_of(demo))
    client = request.getfixturevalue("client")
    expect(page.locator(".tiles")).to_contain_text("running")

    every = {"pending", "running", "succeeded", "failed", "cancelled"}
    wait_until(lambda: every <= set(states_of(client)))
    wait_until(lambda: list(client.find(names=["pack_folder"], states=["succeeded"])))
    tasks = re.sub(r"[#?].*", "", page.url) + "tasks"
    page.goto(f"{tasks}/{next(client.find(names=['pack_folder'], states=['succeeded'])).id}")
    expect(page.get_by_role("link", name="images.zip")).to_be_visible()
    going_out = wait_until(lambda: newsletters(client))
    page.goto(f"{tasks}/{going_out[0].id}")
    bar = page.locator("#task progress")
    before = bar.get_attribute("value")

    expect(bar).not_to_have_attribute("value", before)


def test_ctrl_c_cancels_what_is_not_done_and_leaves_nothing_behind(demo, request):
    """No task is open, no process is left; the terminal has had the address, and no lines of tasks."""
    address_of(demo)
    client = request.getfixturevalue("client")
    wait_until(lambda: {"running", "pending", "cancelled"} <= set(states_of(client)))

    demo.send_signal(signal.SIGINT)
    output, errors = demo.communicate(timeout=WAIT_SECONDS)

    assert demo.returncode == 130
    assert "lilota dashboard --store sqlite:///lilota-demo/lilota.db" in output
    assert errors == "It may change tasks; who changed what is a line here.\nStop it with Ctrl-C.\n"
    assert not {"running", "pending"} & set(states_of(client))
    wait_until(lambda: session_of(demo.pid) == [])


def wait_until(condition):
    ends_at = time.monotonic() + WAIT_SECONDS
    while not (seen := condition()):
        assert time.monotonic() < ends_at
        time.sleep(0.1)
    return seen
