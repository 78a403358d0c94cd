"""The owner of tasks on the command line: said, shown, and chosen by."""

from __future__ import annotations

import json

import pytest
from cli_calls import add_task, call, end_task, start_task

from lilota.models import TaskError, TaskState

pytestmark = pytest.mark.usefixtures("url")

NUMBERS = ("number1=1", "number2=2")


def lines_of(result):
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def tasks(store):
    """Two tasks of user-17, of which one has failed, one of user-18, and one of nobody."""
    error = TaskError(type="ValueError", message="no")
    end_task(store, start_task(store, owner="user-17"), TaskState.FAILED, error=error)
    for owner in ("user-17", "user-18", None):
        add_task(store, owner=owner)


def test_add_says_whose_task_it_is(store):
    """For machines it is among the keys of the task; without the option there is none."""
    added = json.loads(call("add", "add_two_numbers", *NUMBERS, "--owner", "user-17", "--json").stdout)
    call("add", "add_two_numbers", *NUMBERS)

    assert (added["owner"], store.get(1).owner, store.get(2).owner) == ("user-17", "user-17", None)


def test_show_says_whose_task_it_is(tasks):
    """In a line of its own, which a task without an owner lacks."""
    assert "owner     user-17 " in call("show", "1").stdout
    assert json.loads(call("show", "1", "--json").stdout)["owner"] == "user-17"
    assert "owner" not in call("show", "4").stdout


def test_list_and_counts_and_stats_choose_by_owner(tasks):
    """As by every other condition."""
    listed = lines_of(call("list", "--owner", "user-17", "--json"))
    counted = json.loads(call("counts", "--owner", "user-17", "--json").stdout)
    [row] = json.loads(call("stats", "--owner", "user-17", "--json").stdout)["names"]

    assert [(task["id"], task["owner"]) for task in listed] == [(2, "user-17"), (1, "user-17")]
    assert sorted((row["state"], row["count"]) for row in counted) == [("failed", 1), ("pending", 1)]
    assert (row["ended"], row["failed"]) == (1, 1)


def test_counts_of_an_owner_are_shown_without_those_of_others(tasks):
    """The line above the table, too."""
    shown = call("counts", "--owner", "user-18").stdout

    assert shown.startswith("1 pending")
    assert call("counts", "--owner", "nobody").stdout.startswith("No tasks")


def test_cancel_and_retry_act_on_the_tasks_of_an_owner(tasks, store):
    """An owner alone is a filter."""
    retried = lines_of(call("retry", "--owner", "user-17", "--yes", "--json"))
    cancelled = lines_of(call("cancel", "--owner", "user-17", "--yes", "--json"))

    assert [(each["id"], each["fate"]) for each in retried] == [(1, "retried")]
    assert [(each["id"], each["fate"]) for each in cancelled] == [(1, "cancelled"), (2, "cancelled")]
    assert [store.get(other).state for other in (3, 4)] == [TaskState.PENDING] * 2


@pytest.mark.parametrize(
    "command",
    ["add add_two_numbers number1=1 number2=2", "list", "counts", "stats", "cancel --yes", "retry --yes"],
)
@pytest.mark.parametrize("owner", ["", "a\x1b[2Jb", "x" * 10_000])
def test_what_can_be_no_owner_is_refused(tasks, store, command, owner):
    """In one short line without control characters, and nothing is done; an empty text must not mean everybody."""
    before = store.get_all_tasks()

    result = call(*command.split(), "--owner", owner)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: An owner ")
    assert result.stderr.count("\n") == 1
    assert len(result.stderr) < 200
    assert "\x1b" not in result.stderr
    assert store.get_all_tasks() == before
