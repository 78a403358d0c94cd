"""`lilota worker --reload`: real processes, whose code changes while they run."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from worker_commands import LIMIT_SECONDS, WorkerCommand, lilota, shown, wait_for

pytest.importorskip("watchfiles")

TASKS = '''
import pathlib, time
from lilota import TaskBase

VERSION = "old"

class Hold(TaskBase):
    """Runs until the file "go" is there."""
    def run(self):
        pathlib.Path("held").touch()
        while not pathlib.Path("go").exists():
            time.sleep(0.02)
        return {"version": VERSION}
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("LILOTA_STORE", "LILOTA_DEBUG", "WATCHFILES_FORCE_POLLING"):
        monkeypatch.delenv(name, raising=False)
    write(tmp_path / "house_tasks.py", TASKS)
    return tmp_path


def write(path: Path, text: str) -> None:
    """Save a file as editors do: nobody sees a half of it."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


HOLD = ("--task", "hold=house_tasks:Hold")


def test_a_running_task_ends_in_the_old_code_and_the_next_one_runs_in_the_new(folder):
    """Nothing that runs is lost by saving a file."""
    with WorkerCommand(folder, "--reload", *HOLD) as worker:
        first = lilota("add", "hold", "--any-name", check=True).stdout.strip()
        wait_for(folder / "held")
        # Of another size: Python takes compiled code for that of a file of the same size and second.
        write(folder / "house_tasks.py", TASKS.replace('"old"', '"renewed"'))
        worker.wait_for("house_tasks.py has changed; starting again.")
        worker.wait_for("taking no new tasks")
        (folder / "go").touch()
        worker.wait_for("Ready.", times=2)
        second = json.loads(lilota("add", "hold", "--any-name", "--wait", check=True).stdout)
        code = worker.stop()

    assert shown(first)["output"] == {"version": "old"}
    assert shown(first)["attempt"] == 1
    assert second == {"version": "renewed"}
    assert code == 0, worker.output


@pytest.mark.parametrize("arguments", [HOLD, ("house_tasks",)], ids=["task", "module"])
def test_a_mistake_is_told_and_only_interrupts_until_it_is_mended(folder, arguments):
    """Whoever saves a half-written line need not start anything again."""
    with WorkerCommand(folder, "--reload", *arguments) as worker:
        write(folder / "house_tasks.py", TASKS + "\ndef half(:\n")
        worker.wait_for("waiting for a change of the code")
        said = worker.output
        write(folder / "house_tasks.py", TASKS)
        worker.wait_for("Ready.", times=2)
        code = worker.stop()

    assert "SyntaxError" in said
    assert "house_tasks.py" in said
    assert code == 0, worker.output


def test_who_stops_it_while_it_starts_again_stops_in_good_order(folder):
    """The signal that a change has sent is not his first: his own has the grace period, and the next one is quick."""
    with WorkerCommand(folder, "--reload", *HOLD) as worker:
        task_id = lilota("add", "hold", "--any-name", check=True).stdout.strip()
        wait_for(folder / "held")
        write(folder / "lilota.toml", "")
        worker.wait_for("SIGTERM: taking no new tasks")
        worker.process.send_signal(signal.SIGINT)
        worker.wait_for("SIGINT: not starting again. Once more stops now what still runs.")
        state = shown(task_id)["state"]
        code = worker.stop()

    assert state == "running"
    assert "SIGINT: giving back what runs" in worker.output
    assert shown(task_id)["state"] == "pending"
    assert (code, worker.output.count("Ready.")) == (0, 1)


def test_a_worker_stops_when_the_process_that_reloads_it_was_killed(folder):
    """Nobody would see that it still runs, in old code, beside the one that is started next."""
    with WorkerCommand(folder, "--reload", *HOLD) as worker:
        worker.process.kill()
        end = time.monotonic() + LIMIT_SECONDS
        while "Stopped." not in worker.output:
            assert time.monotonic() < end, worker.output
            time.sleep(0.02)

    assert "SIGTERM: taking no new tasks" in worker.output


def test_ctrl_c_in_a_terminal_is_one_signal_to_the_worker(folder):
    """The terminal sends it to all processes of its foreground; a second one would stop the task that runs."""
    parent, child = pty.openpty()
    arguments = ["worker", "--reload", "--processes", "1", *HOLD]
    files = {"stdin": child, "stdout": child, "stderr": child}
    with subprocess.Popen([sys.executable, "-c", CONTROLLED, *arguments], **files, start_new_session=True) as worker:
        os.close(child)
        screen = read_until(parent, "Ready.")
        task_id = lilota("add", "hold", "--any-name", check=True).stdout.strip()
        wait_for(folder / "held")
        os.write(parent, b"\x03")
        screen += read_until(parent, "taking no new tasks")
        (folder / "go").touch()
        screen += read_until(parent, "Stopped.")
        code = worker.wait(LIMIT_SECONDS)
        os.close(parent)

    assert shown(task_id)["output"] == {"version": "old"}
    assert "giving back" not in screen
    assert code == 0


#: Make standard input the controlling terminal, and then be the command line.
CONTROLLED = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.executable, [sys.executable, '-m', 'lilota', *sys.argv[1:]])"
)


def read_until(descriptor: int, text: str) -> str:
    screen = ""
    while text not in screen:
        screen += os.read(descriptor, 4096).decode(errors="replace")
    return screen


def test_without_watchfiles_it_says_what_to_install(folder, monkeypatch):
    """An extra brings it, because nobody needs it in production."""
    (folder / "site").mkdir()
    (folder / "site" / "watchfiles.py").write_text("raise ModuleNotFoundError('No module named watchfiles')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder / "site"), os.environ.get("PYTHONPATH", "")]))

    done = subprocess.run(
        [sys.executable, "-m", "lilota", "worker", "--reload"],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("Error: To start again when code changes, lilota needs the package watchfiles: pip ")
