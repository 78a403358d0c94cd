"""The endpoint for Prometheus, scraped over HTTP."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from lilota_memory_store import MemoryTaskStore
from lilota_telemetry import looking
from lilota_telemetry.names import LABELS_LIMIT, OTHERS, Labels
from prometheus_client.parser import text_string_to_metric_families
from traced_tasks import DieOnce, FailTwice, Look, UntilCancelled

from lilota.errors import StoreUnavailableError

WAIT_SECONDS = 60


@pytest.fixture
def port(monkeypatch):
    """A port on which an endpoint is wanted."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
    monkeypatch.setenv("LILOTA_TELEMETRY_PORT", str(number))
    return number


@pytest.fixture
def every_scrape_looks(monkeypatch):
    """The store is asked each time."""
    monkeypatch.setattr(looking, "_CACHE_SECONDS", 0.0)


def scrape(port):
    """Return the samples: by name, and the values of the labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=WAIT_SECONDS) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


def ended(samples, name):
    return {key[1:]: value for key, value in samples.items() if key[0] == name}


def scrape_after(port, ends, name="lilota_tasks_ended_total"):
    """Return the samples once that many ends are counted: a result may be seen before its runner has counted it."""
    deadline = time.monotonic() + WAIT_SECONDS
    while sum(ended(samples := scrape(port), name).values()) < ends:
        assert time.monotonic() < deadline, samples
        time.sleep(0.05)
    return samples


def test_a_scrape_tells_what_waits_runs_and_has_ended(runner, port, every_scrape_looks):
    """By name and state, from the store; ends and durations from the runner; and how it is."""
    for name, clazz in {"look": Look, "endless": UntilCancelled}.items():
        runner.register(name, clazz)
    runner.start()
    runner.add("look").result(timeout_seconds=WAIT_SECONDS)
    endless = runner.add("endless")
    next(change for change in endless.changes() if change.progress_percentage == 50)
    runner.add_many([{"name": "look", "delay_seconds": 3600}] * 200)
    runner.add_many([{"name": "look"}] * 3)

    samples = scrape_after(port, 1)

    assert ended(samples, "lilota_tasks") == {
        ("endless", "running"): 1,
        ("look", "pending"): 203,
        ("look", "succeeded"): 1,
    }
    assert ended(samples, "lilota_tasks_ended_total") == {("look", "succeeded"): 1}
    assert samples["lilota_attempt_duration_seconds_bucket", "+Inf", "look"] == 1
    assert samples["lilota_task_wait_seconds_count", "look"] == 1
    assert samples["lilota_oldest_waiting_seconds",] > 0
    assert (samples["lilota_runners",], samples["lilota_worker_processes",], samples["lilota_store_up",]) == (1, 1, 1)
    assert samples["lilota_runner_memory_bytes",] > 1e6
    assert samples["lilota_workers_memory_bytes",] > 1e6


def test_attempts_are_counted_by_what_became_of_them(runner, port):
    """One that was lost with its worker, too, by the runner that has lost it."""
    for name, clazz in {"fail_twice": FailTwice, "die_once": DieOnce}.items():
        runner.register(name, clazz)
    runner.start()
    for name in ("fail_twice", "die_once"):
        runner.add(name).result(timeout_seconds=WAIT_SECONDS)

    samples = scrape_after(port, 5, "lilota_attempts_ended_total")
    assert ended(samples, "lilota_attempts_ended_total") == {
        ("fail_twice", "retried"): 2,
        ("fail_twice", "succeeded"): 1,
        ("die_once", "lost"): 1,
        ("die_once", "succeeded"): 1,
    }


def test_a_port_that_is_taken_is_said_and_harms_nothing(runner, port, caplog):
    """The sentence names it, and what to do."""
    with socket.create_server(("127.0.0.1", port)):
        runner.register("look", Look)
        runner.start()
        runner.add("look").result(timeout_seconds=WAIT_SECONDS)

    [said] = [text for text in caplog.messages if "Prometheus" in text]
    assert f"127.0.0.1:{port}: another process listens there" in said
    assert "LILOTA_TELEMETRY_PORT" in said


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1", "9464.0"])
def test_what_is_no_port_is_said(runner, monkeypatch, caplog, text):
    """The runner goes on without an endpoint."""
    monkeypatch.setenv("LILOTA_TELEMETRY_PORT", text)
    runner.start()

    assert f"LILOTA_TELEMETRY_PORT must be a port, a whole number from 1 to 65535, not {text!r}" in caplog.text


def test_an_address_that_this_machine_has_not_is_said(runner, port, monkeypatch, caplog):
    """With both variables that make it."""
    monkeypatch.setenv("LILOTA_TELEMETRY_HOST", "192.0.2.1")
    runner.start()

    assert f"can't be opened at 192.0.2.1:{port}: " in caplog.text
    assert "LILOTA_TELEMETRY_HOST" in caplog.text


def test_runners_of_one_process_share_an_endpoint(make_runner, port, every_scrape_looks):
    """It ends with the last of them; a store that they share is counted once."""
    store = MemoryTaskStore()
    first, second = make_runner(store), make_runner(store)
    for runner in (first, second):
        runner.register("look", Look)
        runner.start()
    first.add("look", delay_seconds=3600)

    both = scrape(port)
    second.stop(0)
    one = scrape(port)
    first.stop(0)

    assert (both["lilota_tasks", "look", "pending"], both["lilota_worker_processes",]) == (1, 2)
    assert (one["lilota_tasks", "look", "pending"], one["lilota_worker_processes",]) == (1, 1)
    with pytest.raises(urllib.error.URLError):
        scrape(port)


def test_a_runner_that_starts_again_opens_its_endpoint_again(runner, port):
    """The port was given back."""
    for _ in range(2):
        runner.start()
        assert scrape(port)["lilota_store_up",] == 1
        runner.stop(0)


class Counted(MemoryTaskStore):
    """Counts how often it is asked for counts, and is away if it should be."""

    asked = 0
    is_away = False

    def counts(self):
        self.asked += 1
        if self.is_away:
            raise StoreUnavailableError("the disk is gone")
        return super().counts()


def test_several_scrapes_share_one_look_into_the_store(make_runner, port, monkeypatch):
    """However often somebody scrapes, the store has little to do."""
    monkeypatch.setattr(looking, "_CACHE_SECONDS", 3600.0)
    store = Counted()
    make_runner(store).start()
    before = store.asked

    for _ in range(5):
        scrape(port)

    assert store.asked - before == 1


def test_a_store_that_is_away_is_told_as_a_number(make_runner, port, every_scrape_looks, caplog):
    """What the runner has counted itself is there all the same."""
    store = Counted()
    runner = make_runner(store)
    runner.register("look", Look)
    runner.start()
    runner.add("look").result(timeout_seconds=WAIT_SECONDS)
    scrape_after(port, 1)
    store.is_away = True

    away = scrape(port)
    store.is_away = False
    back = scrape(port)

    assert (away["lilota_store_up",], back["lilota_store_up",]) == (0, 1)
    assert away["lilota_tasks_ended_total", "look", "succeeded"] == 1
    assert ended(away, "lilota_tasks") == {}
    assert "could not be asked for the metrics: the disk is gone" in caplog.text


def test_names_of_families_are_one_label(runner, port, every_scrape_looks):
    """Each label is a series for ever."""
    runner.register("reports:eu:*", Look)
    runner.register("reports:*", Look)
    runner.start()
    for name in ("reports:1", "reports:2", "reports:eu:1"):
        runner.add(name).result(timeout_seconds=WAIT_SECONDS)

    assert ended(scrape_after(port, 3), "lilota_tasks_ended_total") == {
        ("reports:*", "succeeded"): 2,
        ("reports:eu:*", "succeeded"): 1,
    }


def test_names_of_other_runners_have_only_so_many_labels():
    """A store may hold names without end; those of the own runner keep theirs."""
    labels = Labels()
    given = {labels.label(f"task_{number}") for number in range(10 * LABELS_LIMIT)}
    labels.register(["late"])

    assert len(given) == LABELS_LIMIT + 1
    assert labels.label("task_0") == "task_0"
    assert labels.label("another") == OTHERS
    assert labels.label("late") == "late"
    assert labels.label("others:1") == OTHERS


def test_nothing_is_imported_where_nothing_is_asked_for(tmp_path):
    """Neither where tasks are added, nor by a runner, nor in a worker."""
    program = """
import sys
from lilota import TaskRunner
from plain_tasks import Modules

if __name__ == "__main__":
    runner = TaskRunner("sqlite:///tasks.db", 1)
    runner.register("modules", Modules)
    with runner:
        print(runner.add("modules").result(timeout_seconds=60)["modules"])
    print(sorted(sys.modules.keys() & {"opentelemetry", "prometheus_client", "psutil"}))
    print("lilota_telemetry.plugin" in sys.modules)
"""
    (tmp_path / "program.py").write_text(program)
    own = {key: value for key, value in os.environ.items() if not key.startswith(("LILOTA_", "OTEL_"))}
    path = os.path.join(os.path.dirname(__file__), "helpers")

    done = subprocess.run(
        [sys.executable, "program.py"],
        check=False,
        cwd=tmp_path,
        env={**own, "PYTHONPATH": path, "LILOTA_PLUGINS": "lilota-telemetry,lilota-sqlite-store"},
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.stdout.split("\n")[:3] == ["[]", "[]", "True"], done.stderr
