"""What the tab key offers, asked as a shell asks."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys

import pytest
from cli_calls import add_task, end_task, start_task

from lilota.contract import RunnerInfo
from lilota.models import TaskState
from lilota.stores import open_store

TASKS = """
from typing import Literal

from lilota import task

print("imported")

@task
def print_report(month: str, format: Literal["pdf", "html"] = "pdf", draft: bool = False) -> None: ...
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with a configured task, and a store with one task that only others know."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lilota.toml").write_text('[tasks]\nresize = "photos:Resize"\n')
    store = open_store(f"sqlite:///{tmp_path}/lilota.db")
    store.open()
    add_task(store, "make_report", queue="slow", owner="user-17")
    store.close()
    return tmp_path


def complete(line, **environment):
    """Press the tab key behind a line; return the offers, and what appeared beside them."""
    asked = {"_LILOTA_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    done = subprocess.run(
        [sys.executable, "-m", "lilota"],
        env=os.environ | asked | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [offer.removeprefix("plain,") for offer in done.stdout.split()], done.stderr


@pytest.mark.parametrize(
    ("line", "offer"),
    [
        ("lilota ca", "cancel"),
        ("lilota add re", "resize"),
        ("lilota tasks re", "resize"),
        ("lilota add --queue ", "slow"),
        ("lilota show ", "1"),
        ("lilota cancel ", "1"),
        ("lilota list --name ", "make_report"),
        ("lilota list --queue s", "slow"),
        ("lilota add --owner u", "user-17"),
        ("lilota cancel --owner ", "user-17"),
        ("lilota worker --queue ", "slow"),
        ("lilota --store sql", "sqlite"),
    ],
)
def test_the_tab_key_offers_what_is_there(line, offer):
    """Commands, the names that can be added, and what the tasks in the store have."""
    offers, beside = complete(line)

    assert offer in offers
    assert beside == ""


@pytest.mark.parametrize(
    ("line", "offers"),
    [
        ("lilota add print_report ", ["month=", "format=", "draft="]),
        ("lilota add print_report month=5 ", ["format=", "draft="]),
        ("lilota add print_report format=h", ["format=html"]),
        # As bash has it, which splits words at "=".
        ("lilota add print_report format =", ["html", "pdf"]),
        ("lilota add print_report format = html mo", ["month="]),
        ("lilota add resize ", []),
    ],
)
def test_the_tab_key_offers_the_keys_of_a_task_and_their_values(folder, line, offers):
    """The task is imported for it; that it prints disturbs nobody, nor that another can't be imported."""
    (folder / "shelf.py").write_text(TASKS)
    (folder / "lilota.toml").write_text('[tasks]\nprint_report = "shelf:print_report"\nresize = "photos:Resize"\n')

    assert complete(line) == (offers, "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_puts_no_space_behind_a_key(folder):
    """A value follows; behind a name, a space does."""
    (folder / "shelf.py").write_text(TASKS)
    (folder / "lilota.toml").write_text('[tasks]\nprint_report = "shelf:print_report"\n')
    program = folder / "lilota"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m lilota "$@"\n')
    program.chmod(0o755)
    script = """
        eval "$(_LILOTA_COMPLETE=bash_source ./lilota)"
        compopt() { echo "compopt $1 $2"; }
        press_tab() {
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
            _lilota_completion ./lilota
            echo "${COMPREPLY[@]}"
        }
        press_tab lilota add print_report mo
        press_tab lilota add pri
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.split("\n") == ["compopt -o nospace", "month=", "print_report", ""]


def test_the_tab_key_imports_nothing_to_offer_names(folder):
    """Those of modules are known from the runners that serve them."""
    (folder / "shelf.py").write_text("open('imported', 'w').close()")
    (folder / "lilota.toml").write_text('modules = ["shelf"]\n')
    store = open_store(f"sqlite:///{folder}/lilota.db")
    store.open()
    store.heartbeat(RunnerInfo(id="runner", about_json='{"names": ["print_report"], "queues": null, "places": 1}'))
    store.close()

    assert complete("lilota add print") == (["print_report"], "")
    assert complete("lilota add make") == (["make_report"], "")
    assert not (folder / "imported").exists()


def test_a_command_that_acts_on_some_states_offers_only_those(folder):
    """Among hundreds of newer tasks, the one that is stuck is the one that can be asked for its stack."""
    store = open_store(f"sqlite:///{folder}/lilota.db")
    store.open()
    start_task(store)
    end_task(store, start_task(store), TaskState.FAILED)
    for _ in range(30):
        add_task(store)
    store.close()

    assert complete("lilota stack ") == (["2"], "")
    assert complete("lilota retry ") == (["3"], "")
    assert "3" not in complete("lilota cancel ")[0]


def test_what_is_typed_already_selects():
    """Offers begin with it."""
    assert complete("lilota add re") == (["resize"], "")
    assert complete("lilota show 2") == ([], "")


@pytest.mark.parametrize("line", ["lilota show ", "lilota add ", "lilota list --queue "])
def test_nothing_is_said_between_the_words(folder, line):
    """Whatever is wrong is said when the command is run; now there is nothing to offer."""
    (folder / "lilota.toml").write_text("[tasks\n")

    assert complete(line, LILOTA_STORE="nosuch://") == ([], "")


def test_looking_makes_no_store(folder):
    """The tab key in the wrong folder leaves nothing there."""
    (folder / "lilota.db").unlink()

    assert complete("lilota show ") == ([], "")
    assert not (folder / "lilota.db").exists()
