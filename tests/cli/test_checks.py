"""`lilota doctor`, `lilota plugins` and `lilota check-store`."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing

import pytest
from cli_calls import add_task, call

from lilota.stores import open_store
from lilota.testing.check import CheckReport, CheckResult, CheckStatus


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    return tmp_path


def test_doctor_finds_a_default_installation_in_order():
    """A fresh folder with nothing configured has no problem."""
    result = call("doctor", "--json")

    report = json.loads(result.stdout)
    assert (result.exit_code, report["ok"]) == (0, True)
    assert {"lilota", "processes", "settings", "plugins", "store", "durable", "shared", "tasks"} <= {
        finding["check"] for finding in report["findings"]
    }


def test_doctor_ends_with_1_when_the_store_can_not_be_used(folder):
    """Monitoring can rely on the exit code; the finding names the store."""
    (folder / "notes.db").write_text("this is not a database, but it is long enough to be looked at" * 20)

    result = call("doctor", "--store", f"sqlite:///{folder}/notes.db")

    assert result.exit_code == 1
    assert "notes.db" in result.stdout
    assert "1 problem to solve." in result.stdout


def test_doctor_ends_with_1_when_a_setting_is_wrong(monkeypatch):
    """It says which, instead of failing itself."""
    monkeypatch.setenv("LILOTA_STRICT_PLUGINS", "perhaps")

    report = json.loads(call("doctor", "--json").stdout)

    assert not report["ok"]
    assert report["findings"][-1]["check"] == "settings"


def test_doctor_says_that_ended_tasks_are_kept():
    """Whoever wonders why the store grows finds the setting."""
    result = call("doctor")

    assert "prune_after_seconds deletes them" in result.stdout


def test_doctor_says_when_ended_tasks_are_deleted(folder):
    """And where that was set."""
    (folder / "lilota.toml").write_text("prune_after_seconds = 604800")

    findings = json.loads(call("doctor", "--json").stdout)["findings"]

    (text,) = [finding["text"] for finding in findings if finding["check"] == "pruning"]
    assert text == f"Running workers delete tasks 7 d 0 h after their end, by {folder}/lilota.toml."


def test_doctor_names_tasks_that_nobody_here_can_run(folder):
    """A task that waits for a worker that does not exist is found."""
    store = open_store(f"sqlite:///{folder}/lilota.db")
    store.open()
    add_task(store, "strange")
    store.close()

    result = call("doctor")

    assert result.exit_code == 0
    assert "'strange' (1)" in result.stdout


def test_plugins_lists_what_is_installed():
    """The built-in stores come through the same door as strangers."""
    rows = json.loads(call("plugins", "--json").stdout)

    assert {("lilota.stores", "sqlite"), ("lilota.stores", "memory")} <= {(row["group"], row["name"]) for row in rows}
    assert set(rows[0]) == {"group", "name", "value", "distribution", "version", "state", "error", "hooks", "remark"}
    assert "sqlite" in call("plugins").stdout


def test_plugins_check_loads_everything():
    """What is only broken when it is used is found before."""
    result = call("plugins", "--check", "--json")

    assert result.exit_code == 0
    assert {row["state"] for row in json.loads(result.stdout)} == {"loaded"}


def test_a_disabled_plugin_is_shown_with_its_reason_and_is_no_failure(monkeypatch):
    """Turning something off is a choice."""
    monkeypatch.setenv("LILOTA_DISABLE_PLUGINS", "lilota-memory-store")

    result = call("plugins", "--check")

    assert result.exit_code == 0
    assert "disabled" in result.stdout
    assert "LILOTA_DISABLE_PLUGINS" in result.stdout


def test_modules_of_the_settings_are_listed_and_tried_when_asked(folder, monkeypatch):
    """With what is wrong with one, which the others do not suffer from; this process imports none."""
    (folder / "checked_good.py").write_text("from lilota import task\n\n@task\ndef wash() -> None: ...\n")
    (folder / "checked_half.py").write_text("def half(:\n")
    monkeypatch.setenv("LILOTA_MODULES", "checked_good,checked_half")
    monkeypatch.setattr(sys, "path", [*sys.path])

    listed, tried, examined = (call(*words) for words in (["plugins", "--json"], ["plugins", "--check"], ["doctor"]))

    states = {row["name"]: row["state"] for row in json.loads(listed.stdout) if row["group"] == "modules"}
    assert states == {"checked_good": "not loaded", "checked_half": "not loaded"}
    assert (tried.exit_code, examined.exit_code) == (1, 1)
    for result in (tried, examined):
        assert "The module 'checked_half' can't be imported: SyntaxError" in " ".join(result.stdout.split())
    assert "checked_good declares 1 task." in examined.stdout
    assert "the environment variable LILOTA_MODULES" in " ".join(examined.stdout.split())
    assert "checked_good" not in sys.modules


def test_a_name_in_the_settings_that_fits_nothing_is_said(monkeypatch):
    """A typing error switches nothing off, so it must not be silent; nor is it a fault of a plugin."""
    monkeypatch.setenv("LILOTA_DISABLE_PLUGINS", "lilota-memory-stroe")

    listed, examined = call("plugins", "--check"), call("doctor")

    for result in (listed, examined):
        assert result.exit_code == 0
        assert result.stderr == ""
        assert " ".join(result.stdout.split()).count("Did you mean 'lilota-memory-store'?") == 1


def test_check_store_refuses_a_store_that_holds_tasks(folder):
    """The check adds and deletes; it never touches somebody's data."""
    store = open_store(f"sqlite:///{folder}/lilota.db")
    store.open()
    add_task(store)
    store.close()

    result = call("check-store", f"sqlite:///{folder}/lilota.db")

    assert result.exit_code == 1
    assert "empty" in result.stderr


def test_check_store_shows_a_sign_per_test_and_ends_with_the_sum(folder, monkeypatch):
    """Whoever writes a store sees at once what is not kept, in the words of the contract."""
    kept = CheckResult(name="test_a", status=CheckStatus.PASSED, sentence="A is kept.")
    broken = CheckResult(
        name="test_b", status=CheckStatus.FAILED, sentence="B is kept.", reason="line 1\n\x1b[2Jline 2"
    )

    def check(url, on_result=lambda _result: None):
        for result in (kept, broken):
            on_result(result)
        return CheckReport(store=url, results=(kept, broken))

    monkeypatch.setattr("lilota.cli.commands.check_store.run_check", check)
    short, verbose = call("check-store", "x://"), call("check-store", "x://", "--verbose")
    machines = json.loads(call("check-store", "x://", "--json").stdout)

    assert short.exit_code == 1
    assert short.stdout.splitlines()[0] == ".F"
    assert "Not kept: B is kept." in short.stdout
    assert "  line 1\n  \\x1b[2Jline 2" in short.stdout
    assert "x://: 1 of 2 tests passed." in short.stdout
    assert "A is kept." in verbose.stdout
    assert (machines["ok"], machines["store"]) == (False, "x://")
    assert machines["results"][1] == {
        "name": "test_b",
        "status": "failed",
        "sentence": "B is kept.",
        "reason": "line 1\n\x1b[2Jline 2",
        "seconds": 0.0,
    }


def test_doctor_mends_counters_that_do_not_fit_when_it_is_asked_to(folder):
    """Without the option it names them, and the remedy, and ends with 1."""
    call("add", "add_two_numbers", "--input", '{"number1": 1, "number2": 2}')
    with closing(sqlite3.connect(folder / "lilota.db")) as file:
        file.execute("UPDATE lanes SET ready = 0")
        file.commit()

    found, mended, after = call("doctor"), call("doctor", "--repair"), call("doctor")

    assert (found.exit_code, mended.exit_code, after.exit_code) == (1, 0, 0)
    assert "default/add_two_numbers has +1 pending than its counter says. `lilota doctor --repair`" in found.output
    assert "Repaired: default/add_two_numbers" in mended.output
    assert "The counters fit the tasks." in after.output
