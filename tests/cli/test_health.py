"""`lilota health`: an exit code and one line, for probes."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime, timedelta

import pytest
from cli_calls import add_task, call, start_task
from older_stores import OlderStore

from lilota import health
from lilota.contract import ClaimRequest, RunnerInfo
from lilota.models import NewTask
from lilota.running.about import with_service

HERE = platform.node()
LONG_AGO = datetime.now(UTC) - timedelta(hours=2)


def beat(store, runner_id="r", *, names=("resize",), queues=None, host=HERE, lease_seconds=30.0, **about):
    """Let a runner tell with a heartbeat what it serves, and how it is."""
    serves = ClaimRequest(runner_id=runner_id, names=names, queues=queues)
    runner = RunnerInfo(id=runner_id, host=host, pid=7, lease_seconds=lease_seconds)
    store.heartbeat(with_service(runner, serves, serves, places=2, **about))


def said(*arguments):
    """Return the exit code and the only line of the command."""
    result = call("health", *arguments)
    (line,) = result.stdout.splitlines()
    return result.exit_code, line


@pytest.fixture
def waiting_since(monkeypatch):
    """Let the clock of the command be ahead by some hours: so long has waited what was added before."""

    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(hours=3)

    return lambda: monkeypatch.setattr(health, "datetime", Ahead)


def test_a_store_without_any_runner_is_unhealthy(store):
    """The line says what to type."""
    assert said() == (1, "unhealthy: No runner is alive on this store; start one with: lilota worker")


def test_a_store_with_a_runner_is_healthy(store):
    """What it runs, and what is left of lost ones, does not matter."""
    start_task(store)
    beat(store)
    beat(store, "gone", lease_seconds=0)

    assert said() == (0, "healthy: 2 runners live")


def test_runners_whose_lease_has_expired_do_not_count(store):
    """Why one of them failed is said."""
    store.heartbeat(RunnerInfo(id="r", lease_seconds=0, about_json='{"failure": "OSError: no room, password=hush"}'))

    code, line = said()

    assert code == 1
    assert line.startswith("unhealthy: No runner is alive on this store, and the runner r failed: OSError: no room, ")
    assert "hush" not in line


def test_a_runner_that_is_stuck_is_unhealthy(store):
    """Though its lease goes on, and another one lives; `runners` and `doctor` show the same."""
    beat(store)
    beat(store, "s", problem="The engine has been held up for 31 s, at \x1b[2Jhook.py, password=hush")

    code, line = said()

    assert code == 1
    assert line.startswith(f"unhealthy: The runner s (process 7 on {HERE}) is stuck: The engine has been held up")
    assert "hush" not in line
    assert "\x1b" not in line
    table = call("runners").stdout
    assert "stuck" in table
    assert "The runner s: The engine has been held up for 31 s" in table
    findings = json.loads(call("doctor", "--json").stdout)["findings"]
    assert any("held up" in each["text"] for each in findings if each["status"] == "problem")


def test_a_runner_that_stops_takes_nothing_and_is_no_reason_to_start_it_again(store):
    """So the deployment is unhealthy, and a probe of this host is content."""
    beat(store, is_stopping=True)

    assert said() == (
        1,
        "unhealthy: The runners of this store are stopping, and take nothing more; start one with: lilota worker",
    )
    assert said("--here") == (0, "healthy: 1 runner lives")


def test_here_looks_at_the_runners_of_this_host_alone(store):
    """Those of others may be stuck, or the only ones."""
    beat(store, "other", host="elsewhere", problem="It is stuck.")

    code, line = said("--here")
    assert code == 1
    assert line.startswith(f"unhealthy: On the host {HERE}: No runner is alive")
    beat(store)
    assert said("--here") == (0, "healthy: 1 runner lives")
    assert said()[0] == 1


def test_a_task_that_waits_too_long_is_unhealthy(store, waiting_since):
    """The one that has been due for the longest time is named; without the option nobody looks."""
    beat(store)
    assert said("--max-wait", "1h") == (0, "healthy: 1 runner lives; nothing that is due waits")
    first, _second = add_task(store), add_task(store)
    assert said("--max-wait", "1h")[0] == 0
    waiting_since()

    assert said("--max-wait", "1h") == (
        1,
        f"unhealthy: 1 runner lives; the task {first} resize has been due for 3 h 00 min",
    )
    assert said("--max-wait", "4h")[0] == 0
    assert said() == (0, "healthy: 1 runner lives")


def test_only_what_living_runners_take_waits_too_long(store, waiting_since):
    """Others are a matter of who starts runners, and what is due later does not wait yet."""
    beat(store, queues=("default",))
    beat(store, "lost", names=("other",), lease_seconds=0)
    add_task(store, "unknown")
    add_task(store, "other")
    add_task(store, queue="special")
    add_task(store, run_at=datetime.now(UTC) + timedelta(days=1))
    waiting_since()

    assert said("--max-wait", "1h") == (0, "healthy: 1 runner lives; nothing that is due waits")


def test_a_due_task_is_found_behind_many_that_are_due_later(store, waiting_since):
    """They were added first, and do not wait yet."""
    beat(store)
    later = datetime.now(UTC) + timedelta(days=1)
    store.add([NewTask(name="resize", run_at=later) for _ in range(120)])
    due = add_task(store)
    waiting_since()

    assert f"the task {due} resize" in said("--max-wait", "1h")[1]


def test_where_a_store_does_not_tell_the_oldest_one_the_line_says_at_least(store, waiting_since):
    """A few pages are read of what waits, those that were added first: another one may have been due for longer."""
    beat(store)
    older = OlderStore(store)
    later = datetime.now(UTC) + timedelta(days=1)
    due = add_task(store)
    waiting_since()
    assert health.health_of_store(older, max_wait_seconds=3600).text.endswith("has been due for 3 h 00 min")

    store.add([NewTask(name="resize", run_at=later) for _ in range(1300)])

    found = health.health_of_store(older, max_wait_seconds=3600)
    assert (found.problem, found.oldest.id, found.is_cut) == ("wait", due, True)
    assert found.text == f"1 runner lives; the task {due} resize has been due for at least 3 h 00 min"
    store.cancel(due)
    found = health.health_of_store(older, max_wait_seconds=3600)
    assert (found.problem, found.oldest) == ("", None)
    assert found.text == "1 runner lives; nothing that is due was found, but not everything was looked at"


def test_a_task_that_was_added_for_an_instant_that_was_over_waits_since_it_was_added(store):
    """Nobody could take it before."""
    beat(store)
    add_task(store, run_at=LONG_AGO)

    assert said("--max-wait", "1h")[0] == 0


def test_for_machines_it_is_one_document(store, waiting_since):
    """With the same exit code."""
    beat(store)
    task_id = add_task(store)
    waiting_since()

    result = call("health", "--max-wait", "1h", "--json")
    found = json.loads(result.stdout)

    assert result.exit_code == 1
    assert found.pop("oldest_waiting").keys() == {"id", "name", "due_at"}
    assert found == {
        "is_healthy": False,
        "problem": "wait",
        "text": f"1 runner lives; the task {task_id} resize has been due for 3 h 00 min",
        "runners": 1,
        "is_cut": False,
    }


def test_a_store_that_can_not_be_reached_is_an_error(url, tmp_path, monkeypatch):
    """Nobody knows how its runners are: an error says so, and standard output nothing."""
    missing = call("health")
    monkeypatch.setenv("LILOTA_STORE", "sqlite:////proc/nowhere/tasks.db")
    away = call("health", "--json")

    assert (missing.exit_code, missing.stdout) == (1, "")
    assert missing.stderr.startswith(f"Error: There is no SQLite file {tmp_path}/tasks.db.")
    assert (away.exit_code, away.stdout) == (1, "")
    assert away.stderr.startswith("Error: ")


def test_a_heartbeat_file_is_judged_by_its_age(tmp_path, monkeypatch):
    """Without any store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LILOTA_STORE", "nonsense://")
    file = tmp_path / "heartbeat"

    assert said("--heartbeat-file", "heartbeat") == (
        1,
        "unhealthy: there is no heartbeat file heartbeat: no worker that writes it has started, or it was stopped",
    )
    file.touch()
    code, line = said("--heartbeat-file", "heartbeat", "--max-age", "1h")
    assert (code, line[:44]) == (0, "healthy: the last heartbeat in heartbeat was")
    made_at = file.stat().st_mtime
    os.utime(file, (made_at - 7200, made_at - 7200))
    assert said("--heartbeat-file", "heartbeat", "--max-age", "1h") == (
        1,
        "unhealthy: the last heartbeat in heartbeat was 2 h 00 min ago",
    )
    os.utime(file, (made_at + 9000, made_at + 9000))
    code, line = said("--heartbeat-file", "heartbeat", "--max-age", "1h")
    assert code == 1
    assert line.endswith("in the future: the clock was set back")
    found = json.loads(call("health", "--heartbeat-file", "heartbeat", "--json").stdout)
    assert found.keys() == {"is_healthy", "problem", "text", "age_seconds"}
    assert (found["is_healthy"], found["problem"]) == (False, "heartbeat")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--heartbeat-file", "x", "--max-age", "0"), "Invalid value for '--max-age': it must be more than 0."),
        (("--heartbeat-file", "x", "--max-age", "-5"), "'-5' is not a duration"),
        (("--max-wait", "0s"), "Invalid value for '--max-wait': it must be more than 0."),
        (("--max-age", "5s"), "name it with --heartbeat-file"),
        (("--heartbeat-file", "x", "--here"), "--heartbeat-file asks no store: leave --here and --max-wait out."),
        (("--heartbeat-file", "x", "--max-wait", "1h"), "leave --here and --max-wait out."),
    ],
)
def test_options_that_can_not_be_used_are_refused(url, arguments, message):
    """A probe with a mistake in it must not look like a runner that is ill: it has the exit code 2."""
    result = call("health", *arguments)

    assert result.exit_code == 2
    assert message in result.stderr


def test_a_heartbeat_file_that_can_not_be_looked_at_is_an_error(tmp_path):
    """And not an old one."""
    result = call("health", "--heartbeat-file", str(tmp_path / ("x" * 300)))

    assert (result.exit_code, result.stdout) == (1, "")
    assert "can't be looked at: " in result.stderr
