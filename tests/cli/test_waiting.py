"""Waiting in a terminal: for the end of a task, for so long and no longer, and for a store that is away."""

from __future__ import annotations

import json
import threading

import pytest
from cli_calls import add_task, call
from lilota_sqlite_store import SQLiteTaskStore
from running import until

from lilota.cli import patience
from lilota.contract import ClaimRequest, RunnerInfo, TaskQuery
from lilota.errors import StoreUnavailableError
from lilota.models import AttemptUpdate, Outcome, TaskError, TaskState


def let_be_away(monkeypatch, times):
    """Let the store fail to answer for some times; return how many of them are left, as the only item of a list."""
    find, left = SQLiteTaskStore.find, [times]

    def find_or_fail(store, query):
        if left[0]:
            left[0] -= 1
            raise StoreUnavailableError("The store is away.")
        return find(store, query)

    monkeypatch.setattr(SQLiteTaskStore, "find", find_or_fail)
    monkeypatch.setattr(SQLiteTaskStore, "get", lambda store, task_id: store.find(TaskQuery(ids=(task_id,)))[0])
    return left


def run_first_task(store, state):
    """Bring the task that is added next to an end, as a runner does."""
    store.heartbeat(RunnerInfo(id="runner"))
    request = ClaimRequest(runner_id="runner", names=("resize",), limit=1)
    (claim,) = until(lambda: store.claim(request).claims, bool)
    error = TaskError(type="ValueError", message="no", traceback="line 1") if state is TaskState.FAILED else None
    output = '{"n": 1}' if state is TaskState.SUCCEEDED else None
    outcome = Outcome(state=state, error=error)
    store.commit([AttemptUpdate(id=claim.id, token=claim.token, started_at=1.0, output_json=output, outcome=outcome)])


@pytest.mark.parametrize(
    ("state", "code", "said"),
    [
        (TaskState.SUCCEEDED, 0, "1 resize succeeded"),
        (TaskState.FAILED, 1, "Error: The task 1 ('resize') failed: ValueError: no\n    line 1\n"),
        (TaskState.CANCELLED, 3, "Error: The task 1 ('resize') was cancelled\n"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_the_exit_code_is_what_became_of_the_task(store, state, code, said, as_json):
    """A script need not read anything; for a person it is on standard error, and for machines in one document."""
    runner = threading.Thread(target=run_first_task, args=(store, state))
    runner.start()

    result = call("add", "resize", "--any-name", "--wait", "--timeout", "60", *(["--json"] if as_json else []))
    runner.join()

    assert result.exit_code == code
    if as_json:
        assert (json.loads(result.stdout), result.stderr) == (store.get(1).to_dict(), "")
    else:
        assert said in result.stderr
        assert result.stdout == ('{\n  "n": 1\n}\n' if code == 0 else "")


@pytest.mark.parametrize("seconds", ["0", "0.3"])
def test_who_waits_no_longer_is_told_where_the_task_stands(store, seconds):
    """The exit code is that of the command `timeout`; the task goes on. No time at all is one look."""
    result = call("add", "resize", "--any-name", "--wait", "--timeout", seconds)

    assert (result.exit_code, result.stdout) == (124, "")
    assert result.stderr == (
        "Added task 1; waiting for it.\n"
        "1 resize pending\n"
        f"Error: The task 1 ('resize') has not ended within {seconds} s. It is pending and goes on: lilota watch 1\n"
    )
    assert store.get(1).state is TaskState.PENDING


def test_machines_read_where_the_task_stands(store):
    """One document, as for a task that has ended."""
    result = call("add", "resize", "--any-name", "--wait", "--timeout", "0", "--json")

    assert (result.exit_code, result.stderr) == (124, "")
    assert json.loads(result.stdout) == store.get(1).to_dict()


@pytest.mark.parametrize("arguments", ["--timeout 5", "--wait --timeout -1", "--wait --timeout nan"])
def test_a_limit_that_makes_no_sense_adds_nothing(store, arguments):
    """Wrong usage is found before the task is there."""
    result = call("add", "resize", "--any-name", *arguments.split())

    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert store.counts() == []


@pytest.mark.parametrize("command", ["watch 1", "logs 1 --follow", "add resize --any-name --wait"])
def test_a_store_that_is_away_for_a_moment_is_waited_for(store, monkeypatch, command):
    """Its server is started anew; whoever waits for a task is told so, and goes on waiting."""
    if not command.startswith("add"):
        add_task(store)
    left = let_be_away(monkeypatch, times=2)
    runner = threading.Thread(target=run_first_task, args=(store, TaskState.SUCCEEDED))
    runner.start()

    result = call(*command.split())
    runner.join()

    assert left == [0]
    assert result.exit_code == 0
    assert result.stderr.count("The store is away. Trying again.\n") == 1
    assert result.stderr.count("The store answers again.\n") == 1


def test_a_store_that_stays_away_leaves_nobody_waiting(store, monkeypatch):
    """The task is in the store all the same, and the person learns how to look at it later."""
    left = let_be_away(monkeypatch, times=1000)
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.0)

    result = call("add", "resize", "--any-name", "--wait")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.endswith("Task 1 goes on. Look at it with: lilota watch 1\nError: The store is away.\n")
    left[0] = 0
    assert store.get(1).state is TaskState.PENDING
