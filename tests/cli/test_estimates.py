"""What is foreseen of tasks, as the command line tells it to people and to machines."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from cli_calls import add_task, call, end_task, start_task
from foreseen_tasks import have_taken, serve

from lilota.cli import live
from lilota.contract import ClaimRequest, RunnerInfo
from lilota.models import AttemptUpdate

WAITING = ["--state", "pending", "--name", "resize"]


@pytest.fixture
def line(store):
    """One place that serves resize, for which a task takes an hour; one runs that has told nothing, and two wait."""
    serve(store)
    have_taken(store, 3600, 3600)
    running = add_task(store)
    (claim,) = store.claim(ClaimRequest(runner_id="r", names=("resize",))).claims
    store.commit([AttemptUpdate(id=claim.id, token=claim.token, pid=7, started_at=datetime.now(UTC).timestamp())])
    return [running, add_task(store), add_task(store)]


def last_lines(output, number):
    return [line.strip() for line in output.splitlines()[-number:]]


def test_list_tells_how_many_are_before_a_task_and_when_it_starts(line):
    """And of one that runs and says nothing, what is left of it."""
    second, first = last_lines(call("list", *WAITING).stdout, 2)
    running = last_lines(call("list", "--state", "running").stdout, 1)[0]

    assert first.endswith("resize  (next in line, starts in about 1 h)")
    assert second.endswith("resize  (1 before it, starts in about 2 h)")
    assert running.endswith("resize  (about 1 h left)")


def test_show_tells_it_beside_why_the_task_waits(line):
    """The reason says what is to be done; the estimate, how long that takes."""
    waiting, running = call("show", str(line[2])).stdout, call("show", str(line[0])).stdout

    assert "estimate  1 before it, starts in about 2 h" in waiting
    assert "waits     All places that serve it are busy" in waiting
    assert "progress  0 % (about 1 h left)" in running
    assert "estimate" not in running


def test_watch_tells_it_where_a_task_changes(store, line, monkeypatch):
    """A line each; a terminal shows it beside the bars."""
    monkeypatch.setattr(live, "wait_for_news", lambda *_: [store.cancel(task_id) for task_id in line[1:]])

    said = call("watch", *map(str, line[1:])).stdout.splitlines()

    assert said == [
        f"{line[1]} resize pending (next in line, starts in about 1 h)",
        f"{line[2]} resize pending (1 before it, starts in about 2 h)",
        f"{line[1]} resize cancelled",
        f"{line[2]} resize cancelled",
    ]


def test_machines_read_instants(store, line, monkeypatch):
    """Of list, show and watch, the same; null once the task has ended."""
    monkeypatch.setattr(live, "wait_for_news", lambda *_: store.cancel(line[1]))

    shown = json.loads(call("show", str(line[1]), "--json").stdout)["estimate"]
    _, listed = (json.loads(text)["estimate"] for text in call("list", "--json", *WAITING).stdout.splitlines())
    watched, ended = (
        json.loads(text)["estimate"] for text in call("watch", "--json", str(line[1])).stdout.splitlines()
    )

    assert {shown["before"], listed["before"], watched["before"]} == {0}
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    for estimate in (shown, listed, watched):
        assert abs(datetime.fromisoformat(estimate["starts_at"]) - in_an_hour) < timedelta(minutes=10)
        assert estimate["finishes_at"] > estimate["starts_at"]
    assert ended is None


def test_of_a_task_whose_runner_was_lost_nothing_is_foreseen(store):
    """It runs no more."""
    serve(store)
    have_taken(store, 3600)
    started = start_task(store)
    store.heartbeat(RunnerInfo(id="runner", lease_seconds=0))

    shown = call("show", str(started.id)).stdout

    assert "was lost" in shown
    assert "left" not in shown


def test_of_what_has_ended_nothing_is_foreseen(store):
    """Nobody asks the runners for it."""
    ended = end_task(store, start_task(store))

    assert json.loads(call("show", str(ended), "--json").stdout)["estimate"] is None
    assert json.loads(call("list", "--json").stdout)["estimate"] is None
