"""Commands that look at many tasks, and act on many: by filter, and for machines."""

from __future__ import annotations

import json

import click
import pytest
from cli_calls import add_task, call, end_task, start_task
from lilota_sqlite_store import SQLiteTaskStore

from lilota.cli.asking import ask
from lilota.cli.main import cli
from lilota.errors import StoreUnavailableError
from lilota.models import TaskError, TaskState

pytestmark = pytest.mark.usefixtures("url")


def fail(store, message="timeout of 3 s", **fields):
    """Let a task fail, and return its id."""
    error = TaskError(type="ValueError", message=message)
    return end_task(store, start_task(store, **fields), TaskState.FAILED, error=error)


def lines_of(result):
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_list_takes_instants_and_a_text_of_the_error(store):
    """The failures of an operator's morning."""
    wanted, other = fail(store), fail(store, "no room")
    add_task(store)

    assert [task["id"] for task in lines_of(call("list", "--json", "--error", "TIMEOUT"))] == [wanted]
    assert [task["id"] for task in lines_of(call("list", "--json", "--since", "an hour ago"))] == [3, other, wanted]
    assert lines_of(call("list", "--json", "--before", "yesterday")) == []
    assert [task["id"] for task in lines_of(call("list", "--json", "--error", "", "--after", "2"))] == [wanted]


def test_list_takes_a_text_of_the_name_or_the_description(store):
    """What somebody remembers of a task; or its id."""
    photo, order = add_task(store, description="Photo of the sea"), add_task(store, name="order")

    assert [task["id"] for task in lines_of(call("list", "--json", "--text", "SEA"))] == [photo]
    assert [task["id"] for task in lines_of(call("list", "--json", "--text", "order"))] == [order]
    assert [task["id"] for task in lines_of(call("list", "--json", "--text", str(photo)))] == [photo]


def test_list_leads_to_the_next_page_of_what_matches(store):
    """As without a filter."""
    ids = [fail(store) for _ in range(3)]

    assert f"--after {ids[1]}" in call("list", "--error", "timeout", "--limit", "2").stdout
    assert "There are more" not in call("list", "--error", "timeout", "--limit", "3").stdout


def test_list_shows_errors_in_full_when_asked(store, monkeypatch):
    """In a narrow terminal an error is cut; with --full it takes more lines."""
    monkeypatch.setenv("COLUMNS", "80")
    fail(store, f"begin {'x' * 200} end", description="d" * 60)

    assert "end" not in call("list").stdout
    whole = "".join(call("list", "--full").stdout.split())
    assert f"begin{'x' * 200}end" in whole
    assert "d" * 60 in whole


@pytest.mark.parametrize("command", ["list", "retry", "cancel", "stats"])
def test_a_broken_instant_is_one_error_with_examples(store, command):
    """Nobody needs a manual to write the next attempt."""
    result = call(command, "--since", "lately")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "'lately' is not an instant; write for example yesterday, 2h, '3 days ago'" in result.stderr


def test_an_empty_span_of_time_is_an_error(store):
    """Instants that were swapped would match nothing, for ever."""
    result = call("list", "--since", "1h", "--before", "2h")

    assert result.exit_code == 1
    assert "Nothing can match: 'since'" in result.stderr


def test_retry_by_filter_says_which_and_asks(store):
    """The question of an operator in one command; a no keeps everything."""
    wanted = [fail(store, name="mail") for _ in range(7)]
    fail(store, "no room")
    command = ("retry", "--state", "failed", "--since", "yesterday", "--error", "timeout")

    refused = call(*command, stdin="n\n")
    untouched = store.counts()
    agreed = call(*command, stdin="y\n")

    assert refused.exit_code == 1
    assert "Error: Nothing was done, as you said." in refused.stderr
    assert sum(count.count for count in untouched if count.state is TaskState.FAILED) == 8
    assert refused.stderr.startswith(
        "7 tasks match, the newest first:\n  7  mail  failed just now  ValueError: timeout"
    )
    assert "  and 2 more\nRetry them? [y/N]" in refused.stderr
    assert (agreed.exit_code, agreed.stdout) == (0, "Pending again: 7 tasks.\n")
    assert [task.id for task in store.get_all_tasks() if task.state is TaskState.PENDING] == wanted


def test_without_an_answer_nothing_is_done_and_the_way_out_is_named(store):
    """Where nobody sits at a terminal, --yes is the answer."""
    fail(store)

    silent = call("retry", "--state", "failed", stdin="")
    willing = call("retry", "--state", "failed", "--yes", stdin="")

    assert (silent.exit_code, silent.stdout) == (1, "")
    assert silent.stderr.splitlines()[-1] == "Error: Nothing was done: nobody answered. Where nobody can, add --yes."
    assert (willing.exit_code, willing.stdout, willing.stderr) == (0, "Pending again: 1 task.\n", "")


def test_an_interrupted_question_is_no_missing_answer(monkeypatch):
    """Ctrl-C at the question ends the command as anywhere else."""

    def interrupt(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("click.termui.visible_prompt_func", interrupt)

    with pytest.raises(KeyboardInterrupt):
        ask("Retry them?")


def test_cancel_by_filter_means_what_has_not_ended(store):
    """Pending ones end, running ones are asked; in a pipe, the numbers are all that is printed."""
    end_task(store, start_task(store, "mail"))
    start_task(store, "mail")
    add_task(store, "mail")
    add_task(store, "other")

    result = call("cancel", "--name", "mail", "--yes")

    assert result.stdout == "Cancelled: 1 task.\nRunning, and asked to end: 1 task.\n"


def test_a_filter_that_matches_nothing_says_so_and_is_no_error(store):
    """A script that retries each morning must not fail on a good day."""
    add_task(store)

    result = call("retry", "--since", "yesterday")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "No task matches that can be retried; nothing was done.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("retry",), "Say which tasks to retry: by their ids, or by a filter such as --since"),
        (("cancel", "--yes"), "Say which tasks to cancel"),
        (("retry", "1", "--state", "failed"), "not by both"),
        (("retry", "--state", "running"), "'running' is not one of 'failed', 'cancelled'"),
        (("cancel", "--state", "succeeded"), "'succeeded' is not one of 'waiting', 'pending', 'running'"),
    ],
)
def test_what_can_not_be_meant_is_one_error(store, arguments, said):
    """Before anything is read; the words say what to write."""
    result = call(*arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_a_store_that_goes_away_in_the_middle_leaves_the_numbers(store, monkeypatch):
    """Whoever reads them knows what was done, and that the same command goes on."""
    for _ in range(3):
        fail(store)
    retry = type(store).retry

    def retry_until_away(self, task_id):
        if task_id == 3:
            raise StoreUnavailableError("The disk is full.")
        retry(self, task_id)

    monkeypatch.setattr(type(store), "retry", retry_until_away)
    result = call("retry", "--state", "failed", "--yes")

    assert (result.exit_code, result.stdout) == (1, "Pending again: 2 tasks.\n")
    assert result.stderr == (
        "Error: The disk is full. Before, 2 tasks had been retried. "
        "Do the same again when the store is back: it goes on with the others.\n"
    )


@pytest.mark.parametrize("which", [("1", "2", "9"), ("--name", "resize", "--yes")])
def test_retry_for_machines_is_one_document_per_task(store, which):
    """By ids and by filter the same keys; why something was not done is among them."""
    fail(store)
    add_task(store)

    result = call("retry", *which, "--json")
    first, *others = [json.loads(line) for line in result.stdout.splitlines()]

    assert first == {"id": 1, "fate": "retried", "error": None}
    if which[0] == "1":
        assert (result.exit_code, result.stderr) == (1, "")
        assert [(line["id"], line["fate"]) for line in others] == [(2, "unchanged"), (9, "missing")]
        assert "only a failed or cancelled task can be retried" in others[0]["error"]
    else:
        assert (result.exit_code, result.stderr, others) == (0, "Pending again: 1 task.\n", [])


def test_stats_say_by_name_how_tasks_ended_and_how_long_they_took(store):
    """What takes long, and what fails often, at a glance."""
    for _ in range(3):
        end_task(store, start_task(store, "mail"))
    fail(store, name="mail")
    end_task(store, start_task(store, "report"), TaskState.CANCELLED)
    add_task(store, "waits")

    table = call("stats").stdout

    assert table.startswith("The 5 tasks that have ended:\n")
    head, mail, report = [line.split() for line in table.splitlines()[2:]]
    assert head == ["ENDED", "FAILED", "RATE", "CANCELLED", "P50", "P95", "MAX", "TASK"]
    assert (mail[:4], mail[-1]) == (["4", "1", "25.0", "%"], "mail")
    assert report == ["1", "-", "-", "1", "-", "-", "-", "report"]


def test_stats_say_when_there_are_more_tasks_than_they_looked_at(store):
    """A number of a part must not be taken for that of all."""
    for _ in range(3):
        end_task(store, start_task(store, "mail"))

    assert call("stats", "--limit", "2").stdout.startswith(
        "The newest 2 of the tasks that have ended; --limit takes more:\n"
    )
    assert call("stats", "--name", "other").stdout == "No task that matches has ended.\n"


def test_stats_for_machines_are_one_document(store):
    """With seconds, and null where there is nothing to say."""
    end_task(store, start_task(store, "report"), TaskState.CANCELLED)
    fail(store, name="mail")

    stats = json.loads(call("stats", "--json", "--since", "1h").stdout)

    assert stats["is_complete"] is True
    mail, report = stats["names"]
    assert set(mail) == {
        "name", "ended", "succeeded", "failed", "cancelled", "failure_rate",
        "p50_seconds", "p95_seconds", "max_seconds",
    }  # fmt: skip
    assert (mail["failed"], mail["failure_rate"]) == (1, 1.0)
    assert (report["cancelled"], report["failure_rate"], report["p50_seconds"]) == (1, None, None)


@pytest.mark.parametrize("name", sorted(set(cli._lazy) - {"worker"}))
def test_every_command_can_print_for_machines(name):
    """Only a worker has nothing to tell but its log; `lilota runners --json` tells of it."""
    command = cli.get_command(click.Context(cli), name)

    assert any("--json" in option.opts for option in command.params)


def test_prune_and_copy_for_machines_are_one_document(store, tmp_path):
    """What people are told besides, as what to do next, is left out."""
    fail(store)
    add_task(store)
    target = f"sqlite:///{tmp_path}/other.db"

    store.release("runner")
    copied = call("copy", f"sqlite:///{tmp_path}/tasks.db", target, "--yes", "--json")
    deleted = call("prune", "--older-than", "0", "--yes", "--json")

    assert json.loads(copied.stdout) == {"copied": 2, "existing": 0, "files": 0, "missing_files": 0}
    assert json.loads(deleted.stdout) == {"deleted": 1, "files": 0}


def test_watch_for_machines_is_a_document_per_change(store):
    """With the keys of `list` that are of the task alone; and nothing at all if there is nothing to watch."""
    failed = fail(store)

    assert call("watch", "--json").stdout == ""
    (line,) = call("watch", str(failed), "--json").stdout.splitlines()
    listed = json.loads(call("list", "--json").stdout)
    del listed["served"]
    assert json.loads(line) == listed


@pytest.mark.parametrize(
    "command", [["list"], ["list", "--json"], ["stats"], ["retry", "--since", "1d", "--yes"], ["watch"]]
)
def test_commands_that_show_no_values_read_none(store, monkeypatch, command):
    """A page of tasks with large outputs costs what one of small tasks does."""
    fail(store)
    queries = []

    def find(self, query, find=SQLiteTaskStore.find):
        queries.append(query)
        return find(self, query)

    monkeypatch.setattr(SQLiteTaskStore, "find", find)

    assert call(*command).exit_code == 0
    assert {query.brief for query in queries} == {True}
