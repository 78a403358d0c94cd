"""A worker tells who watches it how it is: a service manager over a real socket, and whoever looks at a file."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from programs import freeze
from worker_commands import WorkerCommand, lilota, wait_until

MODULE = """
import os
from lilota import task

@task
def variables() -> list[str]:
    return sorted(name for name in os.environ if name.startswith(("NOTIFY_", "WATCHDOG_", "IMPORTED_")))

os.environ["IMPORTED_WITH"] = ""
if {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & set(os.environ):
    os.environ["IMPORTED_BY_THE_SERVICE"] = ""
"""
LIMIT_SECONDS = 60

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


class Manager:
    """A service manager that only listens."""

    def __init__(self, address: str) -> None:
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.listener.bind(address)
        self.heard: list[str] = []

    def wait_for(self, line: str) -> None:
        """Take messages until one has a line that begins so."""
        self.listener.settimeout(LIMIT_SECONDS)
        while True:
            lines = self.listener.recv(4096).decode().split("\n")
            self.heard += lines
            if any(each.startswith(line) for each in lines):
                return

    def has_come(self) -> list[str]:
        """Take what has come, without waiting, and return it."""
        self.listener.setblocking(False)
        lines: list[str] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                lines += self.listener.recv(4096).decode().split("\n")
        return lines


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let nobody write to a SQLite file meanwhile."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=LIMIT_SECONDS)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """Work in a folder of its own, as a service of this manager would."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LILOTA_STORE", f"sqlite:///{tmp_path}/tasks.db")
    manager = Manager(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    yield manager
    manager.listener.close()


def is_young(age: str) -> bool:
    return lilota("health", "--heartbeat-file", "heartbeat", "--max-age", age).returncode == 0


def test_a_service_is_ready_goes_on_and_stops(manager, tmp_path):
    """Each is told, and the file is gone in the end; what tasks and modules start is not the service."""
    (tmp_path / "telling.py").write_text(MODULE)
    with WorkerCommand(tmp_path, "telling", "--heartbeat-file", "heartbeat") as worker:
        manager.wait_for("READY=1")
        assert "STATUS=Ready, and runs what comes." in manager.heard
        manager.wait_for("WATCHDOG=1")
        wait_until((tmp_path / "heartbeat").exists)
        assert lilota("health", "--heartbeat-file", "heartbeat", "--max-age", "1h").returncode == 0
        found = lilota("add", "variables", "--any-name", "--wait", "--json", check=True).stdout
        assert json.loads(found.splitlines()[-1])["output"]["result"] == ["IMPORTED_WITH"]

        manager.has_come()  # ten messages may wait in a socket, and on a busy machine more have come by now
        assert worker.stop(signal.SIGTERM) == 0

    manager.wait_for("STOPPING=1")
    assert "STATUS=Stopping: running tasks may go on for 30 s." in manager.heard
    assert not (tmp_path / "heartbeat").exists()
    assert lilota("health", "--heartbeat-file", "heartbeat").returncode == 1


def test_a_worker_that_is_frozen_tells_nothing(manager, tmp_path):
    """Its watchdog starves, and its file grows old; when it goes on, both are as before."""
    with WorkerCommand(tmp_path, "--heartbeat-file", "heartbeat") as worker:
        manager.wait_for("WATCHDOG=1")
        pid = worker.process.pid
        freeze(pid)
        manager.has_come()

        wait_until(lambda: not is_young("3s"))  # some intervals, in each of which it would have told something
        told = manager.has_come()
        os.kill(pid, signal.SIGCONT)

        assert told == []
        manager.wait_for("WATCHDOG=1")
        wait_until(lambda: is_young("3s"))


HELD_UP = """
import logging, pathlib, threading, time
from lilota.foreground import run_worker
from lilota.running import health

class Holding(logging.Handler):
    def emit(self, record):
        while threading.current_thread().name == "lilota-engine" and pathlib.Path("hold").exists():
            pathlib.Path("held").touch()
            time.sleep(0.02)

if __name__ == "__main__":
    health.HELD_UP_SECONDS = 2.0
    logging.basicConfig(level="INFO", handlers=[Holding()])
    run_worker("sqlite:///tasks.db", 1, heartbeat_file="heartbeat", ready=lambda facts: None, say=lambda text: None)
"""


def test_a_worker_whose_engine_is_held_up_starves_its_watchdog(manager, tmp_path):
    """Though its process lives, and its lease goes on; here by a handler of the log that does not return."""
    (tmp_path / "program.py").write_text(HELD_UP)
    with subprocess.Popen([sys.executable, "program.py"]) as worker:
        try:
            manager.wait_for("WATCHDOG=1")
            (tmp_path / "hold").touch()
            lilota("add", "add_two_numbers", "number1=1", "number2=2", check=True)
            wait_until((tmp_path / "held").exists)
            manager.has_come()  # ten messages may wait in a socket; on a busy machine the command took as long as those
            wait_until(lambda: not is_young("4s"))
            before = manager.has_come()
            wait_until(lambda: not is_young("8s"))
            after = manager.has_come()
            (tmp_path / "hold").unlink()

            assert any("The engine is held up" in line for line in before + after)
            assert "WATCHDOG=1" not in after
            manager.wait_for("WATCHDOG=1")
            wait_until(lambda: is_young("4s"))
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(LIMIT_SECONDS) == 0
        finally:
            worker.kill()


def test_a_worker_whose_store_is_away_keeps_its_watchdog_and_says_so(manager, tmp_path):
    """To kill it would not bring the store back."""
    with WorkerCommand(tmp_path, "--heartbeat-file", "heartbeat"):
        manager.wait_for("WATCHDOG=1")
        with locked(tmp_path / "tasks.db"):
            manager.wait_for("STATUS=Ready, and runs what comes. The store does not answer")
            manager.wait_for("WATCHDOG=1")

        manager.wait_for("STATUS=Ready, and runs what comes.")


def test_a_service_manager_that_is_not_there_is_a_warning(tmp_path, monkeypatch):
    """The worker runs tasks all the same."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LILOTA_STORE", f"sqlite:///{tmp_path}/tasks.db")
    monkeypatch.setenv("NOTIFY_SOCKET", f"{tmp_path}/nobody")
    with WorkerCommand(tmp_path) as worker:
        worker.wait_for("The service manager can't be told how the runner is")
        assert lilota("add", "add_two_numbers", "number1=1", "number2=2", "--wait").returncode == 0
        assert worker.stop(signal.SIGTERM) == 0

        assert worker.output.count("can't be told how the runner is") == 1


@pytest.mark.parametrize("setting", ["option", "variable"])
def test_a_heartbeat_file_that_can_not_be_written_is_an_error_at_the_start(tmp_path, monkeypatch, setting):
    """One sentence; no runner has begun."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LILOTA_STORE", f"sqlite:///{tmp_path}/tasks.db")
    arguments = ("--heartbeat-file", "nowhere/heartbeat") if setting == "option" else ()
    if setting == "variable":
        monkeypatch.setenv("LILOTA_HEARTBEAT_FILE", "nowhere/heartbeat")

    result = lilota("worker", *arguments)

    assert result.returncode == 1
    assert result.stderr == (
        f"Error: The heartbeat file {tmp_path}/nowhere/heartbeat can't be written: there is no folder "
        f"{tmp_path}/nowhere. Make it.\n"
    )
    assert json.loads(lilota("runners", "--json", check=True).stdout) == []


PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/health.md"
HEARTBEAT = "/run/lilota/heartbeat"


def file_of_page(name: str) -> str:
    """Return a file as the page shows it."""
    (text,) = re.findall(rf"^# file: {re.escape(name)}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return text


def exit_code(command: list[str], heartbeat: Path) -> int:
    """Run a probe of the page, with another place for the file."""
    assert command[0] == "lilota"
    return lilota(*(str(heartbeat) if each == HEARTBEAT else each for each in command[1:])).returncode


def test_the_probes_of_kubernetes_fail_without_a_worker_and_pass_with_one(tmp_path, monkeypatch):
    """The manifest of the page, its command included."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LILOTA_STORE", f"sqlite:///{tmp_path}/tasks.db")
    pod = yaml.safe_load(file_of_page("worker.yaml"))["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    probes = [container[kind]["exec"]["command"] for kind in ("startupProbe", "readinessProbe", "livenessProbe")]
    heartbeat = tmp_path / "heartbeat"
    assert container["command"][:2] == ["lilota", "worker"]
    arguments = [str(heartbeat) if each == HEARTBEAT else each for each in container["command"][2:]]

    before = [exit_code(probe, heartbeat) for probe in probes]
    with WorkerCommand(tmp_path, *arguments):
        wait_until(heartbeat.exists)
        during = [exit_code(probe, heartbeat) for probe in probes]

    assert (before, during) == ([1, 1, 1], [0, 0, 0])
    assert str(heartbeat) in arguments
    assert pod["terminationGracePeriodSeconds"] > int(arguments[arguments.index("--grace-seconds") + 1])
    (mount,) = container["volumeMounts"]
    assert mount["mountPath"] == os.path.dirname(HEARTBEAT)


def test_the_health_check_of_the_image_looks_at_the_file_that_its_worker_writes(tmp_path):
    """It is named twice there."""
    text = file_of_page("Dockerfile")
    check, command = (json.loads(each) for each in re.findall(r"^ *CMD (\[.*\])$", text, re.MULTILINE))

    assert f"ENV LILOTA_HEARTBEAT_FILE={HEARTBEAT}\n" in text
    assert f"mkdir {os.path.dirname(HEARTBEAT)}\n" in text
    assert exit_code(check, tmp_path / "heartbeat") == 1
    (tmp_path / "heartbeat").touch()
    assert exit_code(check, tmp_path / "heartbeat") == 0
    assert command == ["lilota", "worker"]


def test_a_file_can_be_looked_at_without_lilota(tmp_path):
    """The line of the page is for those who look each second."""
    (line,) = re.findall(r"`(find .*? grep -q \.)`", PAGE.read_text())
    heartbeat = tmp_path / "heartbeat"
    line = line.replace("/run/shop/heartbeat", shlex.quote(str(heartbeat)))

    codes = [subprocess.run(["bash", "-c", line], capture_output=True, check=False).returncode]
    heartbeat.touch()
    codes.append(subprocess.run(["bash", "-c", line], check=False).returncode)
    os.utime(heartbeat, (0, 0))
    codes.append(subprocess.run(["bash", "-c", line], check=False).returncode)

    assert codes == [1, 0, 1]


def test_the_unit_of_systemd_is_one(tmp_path):
    """systemd itself reads it; its times fit the worker."""
    text = file_of_page("shop-worker.service")
    start = re.search(r"^ExecStart=(\S+) (.*)$", text, re.MULTILINE)
    given = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))

    assert (given["Type"], given["KillMode"]) == ("notify", "mixed")
    assert int(given["TimeoutStopSec"]) > int(re.search(r"--grace-seconds (\d+)", start[2])[1])
    assert int(given["WatchdogSec"]) > 2
    if shutil.which("systemd-analyze"):
        unit = tmp_path / "shop-worker.service"
        unit.write_text(text.replace(start[1], sys.executable).replace("User=shop\n", ""))
        result = subprocess.run(
            ["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
        )
        assert "shop-worker.service:" not in result.stderr, result.stderr
