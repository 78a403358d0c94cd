"""`manage.py lilota`, and the command `lilota` in the folder of a project."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command
from shop import tasks

from lilota.adding.unserved import Lookout
from lilota.models import NewTask

if TYPE_CHECKING:
    from shop_sites import ShopSite


def lilota(site: ShopSite, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command in the folder of a project."""
    command = [str(Path(sys.executable).with_name("lilota")), *arguments]
    environment = {**site.environment(), "DJANGO_SETTINGS_MODULE": "shop.settings", **variables}
    return subprocess.run(
        command, cwd=site.folder, env=environment, capture_output=True, text=True, timeout=200, check=False
    )


def test_manage_py_passes_commands_on_with_the_store_of_the_project(site):
    """What is typed behind `manage.py lilota` is what `lilota` takes, options and exit codes included."""
    result = tasks.total.enqueue(2)

    listed = site.manage("lilota", "list", "--json", "--settings", "shop.settings")
    shown = site.manage("lilota", "show", result.id)
    missing = site.manage("lilota", "show", "4711")

    assert [json.loads(line)["name"] for line in listed.stdout.splitlines()] == ["django.tasks:shop.tasks.total"], (
        listed
    )
    assert shown.stdout.startswith(f"Task {result.id}"), shown
    # Where another test has set the width of the terminal, the sentence is on two lines.
    said = " ".join(shown.stdout.split())
    assert "No runner is alive on this store; start one with: manage.py lilota_worker" in said
    assert (missing.returncode, missing.stdout, "4711" in missing.stderr) == (1, "", True)


def test_its_help_is_that_of_lilota(site):
    """It says what was typed, and lists the commands."""
    helped = site.manage("lilota", "--help")

    assert helped.stdout.startswith("Usage: manage.py lilota [OPTIONS] COMMAND"), helped
    assert "Show all about one task." in helped.stdout


def test_another_store_may_be_named(site, tmp_path):
    """As everywhere; the tasks of LILOTA are known there, too."""
    added = site.manage("lilota", "add", "count_users", "--store", f"sqlite:///{tmp_path / 'other.db'}")

    assert (added.returncode, (tmp_path / "other.db").exists()) == (0, True), added
    assert site.store.get_all_tasks() == []


def test_a_program_can_call_the_command(site, capsys):
    """With `call_command`, which leaves the exit to its caller."""
    with pytest.raises(SystemExit) as ended:
        call_command("lilota", "counts", "--json")

    assert (ended.value.code, json.loads(capsys.readouterr().out)) == (0, [])


def test_doctor_looks_at_the_store_of_the_project(site):
    """And not at a file that lilota would make where there is no project."""
    tasks.total.enqueue(2)

    looked = site.manage("lilota", "doctor", "--json")

    findings = {finding["check"]: finding["text"] for finding in json.loads(looked.stdout)["findings"]}
    assert findings["settings"] == "The store is set by DATABASES, as the Django setting LILOTA has no STORE."
    assert findings["tasks"] == (
        "1 task waits in vain. No runner is alive on this store; start one with: manage.py lilota_worker"
    )
    assert list(site.folder.glob("*.db")) == []


def test_the_settings_are_found_in_the_working_folder(site):
    """An installed command has the folder of its script on the import path, and that of `manage.py` not."""
    tasks.total.enqueue(2)

    listed = lilota(site, "list", "--store", "django", "--json")

    assert [json.loads(line)["name"] for line in listed.stdout.splitlines()] == ["django.tasks:shop.tasks.total"], (
        listed
    )


def test_what_is_installed_is_not_taken_from_the_working_folder(site):
    """The folder goes last on the path: a file in it that is called like a library is not imported."""
    (site.folder / "sqlparse.py").write_text("raise SystemExit('taken from the folder')")

    assert lilota(site, "counts", "--store", "django").returncode == 0


def test_settings_that_are_nowhere_are_an_error_of_one_sentence(site):
    """It names them, and the path."""
    missing = lilota(site, "counts", "--store", "django", DJANGO_SETTINGS_MODULE="shopping.settings")

    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)
    assert "'shopping.settings'; is the folder of the project on the import path" in missing.stderr


def test_what_is_to_be_typed_next_is_what_works_in_the_project(site):
    """In what commands say, in their errors, and in their help."""
    result = tasks.total.enqueue(2)

    shown = site.manage("lilota", "show", result.id)
    wrong = site.manage("lilota", "show", "first")
    looked = site.manage("lilota", "doctor", "--json")
    helped = [site.manage("lilota", *arguments, "--help").stdout for arguments in ((), ("retry",), ("add",))]

    findings = {finding["check"]: finding["text"] for finding in json.loads(looked.stdout)["findings"]}
    assert f"What it logged: manage.py lilota logs {result.id}" in " ".join(shown.stdout.split())
    assert "`manage.py lilota list` shows them" in " ".join(wrong.stderr.split())
    assert findings["pruning"].startswith("Ended tasks are kept until `manage.py lilota prune`")
    assert "with `manage.py lilota_worker` in one terminal" in " ".join(helped[0].split())
    for text in (shown.stdout, wrong.stderr, *helped):
        assert not re.search(r"(?<!manage\.py )\blilota [a-z]", " ".join(text.split())), text


def test_who_waits_in_the_project_is_told_its_commands(site, caplog):
    """The store of the project says what they are, as whoever waits has nothing else to ask."""
    task_id = site.store.add([NewTask(name="count_users")])[0]

    Lookout(site.store).look_among([task_id])

    assert "start one with: manage.py lilota_worker" in caplog.text
