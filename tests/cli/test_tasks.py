"""`lilota tasks`, and how `lilota add` reads what is typed by what a task takes."""

from __future__ import annotations

import json
import sys

import pytest
from cli_calls import call

TASKS = '''
from __future__ import annotations

import sys
from datetime import date
from enum import Enum

from lilota import Secret, TaskBase, TaskContext, task

with open("imports", "a") as file:
    print("imported", file=file)


class Format(Enum):
    PDF = "pdf"
    HTML = "html"


@task(queue="reports", max_attempts=3)
def print_report(
    context: TaskContext,
    month: str,
    pages: int = 10,
    when: date | None = None,
    format: Format = Format.PDF,
    tags: list[str] = [],
    key: Secret[str] = Secret("swordfish"),
    draft: bool = False,
) -> dict[str, int]:
    """Make the report of a month.

    Args:
        month: which one.
    """
    return {}


class Free(TaskBase):
    """Do anything."""

    def run(self):
        return {}
'''


@pytest.fixture(autouse=True)
def folder(url, tmp_path, monkeypatch):
    """A folder with a module of tasks, some of which are configured; one of these can't be imported."""
    (tmp_path / "shelf.py").write_text(TASKS)
    (tmp_path / "lilota.toml").write_text(
        '[tasks]\nprint_report = "shelf:print_report"\nfree = "shelf:Free"\ngone = "gone.tasks:Gone"\n'
    )
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("shelf", None)


def declare(folder, *modules):
    (folder / "lilota.toml").write_text(f"modules = {json.dumps(modules)}\n")


def input_of(store):
    return store.get(1).input


def test_the_list_says_what_each_task_takes_and_does():
    """What can't be imported is in it with the reason, and the exit code tells."""
    result = call("tasks")

    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert "month, pages=10, when=null" in lines["print_report"]
    assert "Make the report of a month." in lines["print_report"]
    assert "an object" in lines["free"]
    assert "lilota-example-tasks" in lines["add_two_numbers"]
    assert "can't be imported" in lines["gone"]
    assert "The task 'gone' can't be imported from 'gone.tasks:Gone': ModuleNotFoundError" in result.stderr
    assert result.exit_code == 1


def test_names_can_be_read_whole_in_a_narrow_terminal(monkeypatch):
    """What a task takes and does may be long; that is what is cut."""
    monkeypatch.setenv("COLUMNS", "80")

    result = call("tasks")

    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert {"print_report", "free", "process_images"} <= lines.keys()
    assert "month, page" in lines["print_report"]
    assert "Make the r" in lines["print_report"]


def test_the_tasks_of_modules_are_found_and_a_broken_module_is_named(folder):
    """Nothing of it is imported into the process of the command line."""
    (folder / "half.py").write_text("def half(:\n")
    declare(folder, "half", "shelf")

    result = call("tasks", "--json")

    documents = {document["name"]: document for document in json.loads(result.stdout)}
    assert documents["print_report"]["reference"] == "shelf:print_report"
    assert "free" not in documents
    assert "The module 'half' can't be imported: SyntaxError" in result.stderr
    assert "shelf" not in sys.modules
    assert result.exit_code == 1


def test_one_task_is_shown_with_all_that_is_known(folder):
    """Its place, its options and its keys; what is secret is not."""
    result = call("tasks", "print_report")

    for said in (
        f"{folder}/shelf.py:19", "shelf:print_report", "dict[str, int]", "reports", "max_attempts", "which one.",
        "date | None", "Secret[str]", '"pdf"',
    ):  # fmt: skip
        assert said in result.stdout
    assert "swordfish" not in result.stdout
    assert "kill_after_seconds" not in result.stdout
    assert (result.exit_code, result.stderr) == (0, "")


def test_the_schema_of_a_task_is_printed():
    """For forms, editors and agents: of the input and of the output."""
    schema = json.loads(call("tasks", "print_report", "--schema").stdout)

    assert schema["input"]["properties"]["month"] == {"type": "string", "description": "which one."}
    assert schema["input"]["required"] == ["month"]
    assert schema["output"] == {"type": "object", "additionalProperties": {"type": "integer"}}


def test_a_task_that_can_not_be_imported_is_one_sentence():
    """As is a name that is not known, with the nearest one."""
    broken, unknown = call("tasks", "gone"), call("tasks", "print_reports")

    assert broken.stderr.startswith("Error: The task 'gone' can't be imported from 'gone.tasks:Gone'")
    assert "Did you mean 'print_report'?" in unknown.stderr
    assert (broken.exit_code, broken.stdout, unknown.exit_code) == (1, "", 1)


def test_a_module_that_ends_its_process_ends_not_the_command(folder):
    """It is imported in another one."""
    (folder / "exits.py").write_text("import os; os._exit(3)")
    (folder / "lilota.toml").write_text('[tasks]\nexits = "exits:Exits"\n')

    result = call("tasks", "exits")

    assert "The task 'exits' ends the process that imports it." in result.stderr


def test_values_are_read_as_what_the_task_takes(store):
    """A month is a text for this task, whatever it looks like."""
    result = call(
        "add", "print_report", "month=5", "pages=3", "when=2026-11-27", "format=html", 'tags=["a", "2"]', "draft=true"
    )

    assert result.exit_code == 0, result.stderr
    assert input_of(store) == {
        "month": "5", "pages": 3, "when": "2026-11-27", "format": "html", "tags": ["a", "2"], "draft": True,
    }  # fmt: skip


def test_queue_and_priority_are_those_of_the_task_unless_typed(store):
    """As in a program."""
    call("add", "print_report", "month=may")
    call("add", "print_report", "month=may", "--queue", "other")

    assert (store.get(1).queue, store.get(2).queue) == ("reports", "other")


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("mnth=5", "it has no parameter 'mnth'. Did you mean 'month'? It takes 'month', 'pages' (may be left out)"),
        ("pages=x", "`$.pages`: Expected `int`, got 'x'"),
        ("draft=yes", "`$.draft`: Expected `bool`, got 'yes'"),
        ("when=tomorrow", "`$.when`: Invalid RFC3339 encoded date, got 'tomorrow'"),
        ("format=doc", "`$.format`: Expected one of 'pdf', 'html', got 'doc'"),
        ("tags=a", "`$.tags`: Expected `array`, got 'a'"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_path(store, pair, said):
    """Nothing is added then."""
    result = call("add", "print_report", "month=5", pair)

    assert said in result.stderr
    assert (result.exit_code, store.counts()) == (1, [])


def test_a_missing_key_is_named(store):
    """Also where nothing was typed."""
    assert "the parameter 'month' is missing" in call("add", "print_report").stderr
    assert store.counts() == []


def test_a_secret_is_stored_but_not_shown(store):
    """Neither what was added nor what does not fit."""
    added = call("add", "print_report", "month=5", "key=hunter2", "--json")
    refused = call("add", "print_report", "month=5", "key=hunter2", "pages=x")

    assert input_of(store)["key"] == "hunter2"
    assert json.loads(added.stdout)["input"]["key"] == "***"
    assert "hunter2" not in added.output + refused.output
    assert refused.exit_code == 1


def test_a_task_that_takes_any_object_reads_json_where_it_is(store):
    """As one does that is not installed here, or whose name is only known elsewhere."""
    for name, options in (("free", ()), ("gone", ()), ("strange", ("--any-name",))):
        result = call("add", name, "n=1", "word=one", *options)

        assert (result.exit_code, result.stderr) == (0, "")
    assert [task.input for task in map(store.get, (1, 2, 3))] == [{"n": 1, "word": "one"}] * 3


def test_a_task_that_is_broken_here_is_added_with_a_warning(folder, store):
    """A worker elsewhere may have it whole; but here nothing has looked at the input."""
    (folder / "shelf.py").write_text("1 / 0")

    result = call("add", "print_report", "month=5")

    assert result.stderr.startswith("Warning: The input is not checked: The task 'print_report' can't be imported")
    assert (result.exit_code, input_of(store)) == (0, {"month": 5})
