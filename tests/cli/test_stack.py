"""When `lilota stack` can't show one: it says why, and what to do instead."""

from __future__ import annotations

import json
import platform

import pytest
from cli_calls import call, end_task, start_task

from lilota.contract import RunnerInfo
from lilota.models import TaskState


def refused(task_id: int) -> str:
    result = call("stack", str(task_id))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    return result.stderr


def runs_on(store, **runner: object) -> int:
    started = start_task(store)
    store.heartbeat(RunnerInfo(id="runner", **runner))
    return started.id


def test_the_host_of_a_runner_elsewhere_is_named_with_the_command(store):
    """Nobody has to find out where a task runs; a hostile name of a host reaches no terminal."""
    task_id = runs_on(store, host="web\x1b[2J7", pid=4711)

    said = refused(task_id)

    assert f"Task {task_id} runs on the host web" in said
    assert f"Type it there: lilota stack {task_id}" in said
    assert "\x1b" not in said


def test_a_runner_without_a_socket_is_said_to_be_of_an_older_version(store):
    """It tells nothing of one with its heartbeats."""
    assert "it is of an older version" in refused(runs_on(store, host=platform.node(), pid=4711))


def test_a_runner_that_is_dead_is_said_to_be(store):
    """Its lease has run out, and nobody has taken its tasks back yet."""
    assert "is dead, or can't reach the store" in refused(runs_on(store, host=platform.node(), lease_seconds=0))


@pytest.mark.parametrize("address", ["@lilota-nobody", "/nowhere/control"])
def test_a_socket_that_nobody_listens_at_is_said_to_be_out_of_reach(store, address):
    """The runner was killed a moment ago, or is in another container."""
    about = json.dumps({"control": address})

    said = refused(runs_on(store, host=platform.node(), pid=4711, about_json=about))

    assert "The runner runner (process 4711 on " in said
    assert "It can't be reached from here" in said


def test_a_task_that_ended_is_told_apart_by_how(store):
    """What a person learns next is in its log."""
    task_id = end_task(store, start_task(store), TaskState.CANCELLED)

    assert (
        refused(task_id)
        == f"Error: Task {task_id} has been cancelled, so it has no stack. See: lilota logs {task_id}\n"
    )


@pytest.mark.parametrize("typed", ["0", "x", "1.5", "9" * 30])
def test_what_is_no_id_is_wrong_usage(store, typed):
    """As with every command that takes one."""
    assert call("stack", typed).exit_code == 2
