"""The real executable, in real processes, with real signals, on one SQLite file and without configuration."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import pytest
from distributions import write_distribution
from worker_commands import LIMIT_SECONDS, lilota, shown, wait_for

TASKS = '''
import pathlib, time
from lilota import TaskBase

class Hold(TaskBase):
    """Runs until the file "go" is there."""
    def run(self):
        self.set_progress(self.task_info.id, 40)
        self.logger.info("holding")
        pathlib.Path("held").touch()
        while not pathlib.Path("go").exists():
            time.sleep(0.02)
        return {"held": True}

class Broken(TaskBase):
    def run(self):
        raise ValueError("no such\\nthing")
'''
#: A plugin that notes in which process it is asked for tasks.
ASKED = """
import os
from lilota import hookimpl

@hookimpl
def lilota_tasks():
    with open("asked", "a") as file:
        print(os.getpid(), file=file)
    return {}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("LILOTA_STORE", "LILOTA_DEBUG", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "house_tasks.py").write_text(TASKS)
    # A worker of whoever ignores it, as `nohup` does, ignores it too.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield tmp_path
    signal.signal(signal.SIGHUP, before)


def wait_for_the_end_of_group(group: int) -> None:
    """Wait until no process of the group is left; the helpers of multiprocessing end a moment after their parent."""
    end = time.monotonic() + LIMIT_SECONDS
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < end:
            os.killpg(group, 0)
            time.sleep(0.02)
        raise AssertionError("a process of the worker is still there")


class Worker:
    """A `lilota worker` in a process group of its own, as a terminal or a service manager starts it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._errors = (folder / "worker.err").open("w+")
        tasks = ("--task", "hold=house_tasks:Hold", "--task", "broken=house_tasks:Broken")
        self.process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "lilota", "worker", "--processes", "1", *tasks, *arguments],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        self.announced = []
        for line in self.process.stdout:
            self.announced.append(line)
            if line.startswith("Ready"):
                return self
        raise AssertionError(f"the worker did not start: {self.errors()}")

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self._errors.close()

    def errors(self) -> str:
        return (Path.cwd() / "worker.err").read_text()

    def wait_for_error(self, text: str) -> None:
        end = time.monotonic() + LIMIT_SECONDS
        while text not in self.errors():
            assert time.monotonic() < end, self.errors()
            time.sleep(0.02)

    def end(self) -> int:
        try:
            return self.process.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # it tells where its threads are
            self.process.wait()
            raise AssertionError(f"the worker did not end: {self.errors()}") from None


def test_three_processes_share_tasks_without_configuration(folder):
    """A worker, an adder and an observer need nothing but the same folder."""
    with Worker(folder) as worker:
        added = lilota("add", "add_two_numbers", "number1=1", "number2=2", "--wait")
        listed = lilota("list")

    assert json.loads(added.stdout) == {"result": 3}
    assert "succeeded" in listed.stdout
    assert (folder / "lilota.db").exists()
    announced = "".join(worker.announced)
    for fact in ("lilota.db", "1, started by", "add_two_numbers", "hold", "lilota-sqlite-store"):
        assert fact in announced


def test_a_worker_looks_for_plugins_once_and_sees_what_the_other_commands_see(folder, monkeypatch):
    """A hook is asked once and a warning said once; metadata that lies in the working folder is not installed."""
    site = folder / "site"
    for name in ("rival-one", "rival-two"):
        write_distribution(site, name, "1.0", "[lilota.tasks]\nshared = house_tasks:Hold\n")
    write_distribution(site, "asked", "1.0", "[lilota.plugins]\nasked = asked_plugin\n")
    (site / "asked_plugin.py").write_text(ASKED)
    write_distribution(
        folder, "stray", "1.0", "[lilota.tasks]\nstray = house_tasks:Hold\n", folder_name="stray.egg-info"
    )
    monkeypatch.setenv("PYTHONPATH", str(site))

    with Worker(folder) as worker:
        asked = (folder / "asked").read_text().split()
        listed = json.loads(lilota("plugins", "--json").stdout)

    assert asked.count(str(worker.process.pid)) == 1
    assert worker.errors().count("Several distributions claim 'shared'") == 1
    assert "stray" not in "".join(worker.announced)
    assert "stray" not in {record["name"] for record in listed}


def test_who_waits_where_no_worker_runs_is_told_once_and_goes_on_waiting(folder):
    """Silence would look like a slow task; a worker that starts later runs it all the same."""
    waiting = subprocess.Popen(
        [sys.executable, "-m", "lilota", "add", "add_two_numbers", "number1=1", "number2=2", "--wait"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    told = [waiting.stderr.readline() for _ in range(3)]

    with Worker(folder):
        output, more = waiting.communicate(timeout=LIMIT_SECONDS)

    assert told == [
        "Added task 1; waiting for it.\n",
        "1 add_two_numbers pending\n",
        "No runner is alive on this store; start one with: lilota worker\n",
    ]
    assert (waiting.returncode, json.loads(output)) == (0, {"result": 3})
    assert more.endswith("1 add_two_numbers succeeded\n")


def test_who_waits_sees_how_far_the_task_is_and_may_leave(folder):
    """A line for each change where there is no terminal; Ctrl-C ends the waiting, not the task."""
    with Worker(folder):
        command = [sys.executable, "-m", "lilota", "add", "hold", "--any-name", "--wait"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiting:
            while "1 hold running 40 %" not in waiting.stderr.readline():
                pass
            waiting.send_signal(signal.SIGINT)
            output, more = waiting.communicate(timeout=LIMIT_SECONDS)
        state = shown("1")["state"]
        (folder / "go").touch()

    assert (waiting.returncode, output) == (130, "")
    assert "Task 1 goes on. Look at it with: lilota watch 1" in more
    assert state == "running"


def test_a_failed_task_is_told_to_who_waited_for_it(folder):
    """The exit code says it, standard error why; standard output stays empty for scripts."""
    with Worker(folder) as worker:
        added = lilota("add", "broken", "--any-name", "--wait")
        worker.wait_for_error("[1/1]")

    assert (added.returncode, added.stdout) == (1, "")
    assert "Error: The task 1 ('broken') failed: ValueError: no such" in added.stderr
    assert 'raise ValueError("no such' in added.stderr


def test_the_first_signal_lets_a_running_task_end(folder):
    """A deployment loses no work: the task ends, the next one stays for the next worker, the exit code is 0."""
    with Worker(folder) as worker:
        first, second = (lilota("add", "hold", "--any-name").stdout.strip() for _ in range(2))
        wait_for(folder / "held")
        worker.process.send_signal(signal.SIGTERM)
        worker.wait_for_error("taking no new tasks")
        (folder / "go").touch()
        code = worker.end()

    assert code == 0
    assert worker.errors().endswith("Stopped.\n")
    assert shown(first)["state"] == "succeeded"
    assert (shown(second)["state"], shown(second)["attempt"]) == ("pending", 0)


def test_a_second_signal_gives_back_at_once(folder):
    """Who is in a hurry signals twice; the task is pending again and has not spent its attempt."""
    with Worker(folder) as worker:
        task_id = lilota("add", "hold", "--any-name").stdout.strip()
        wait_for(folder / "held")
        worker.process.send_signal(signal.SIGTERM)
        worker.wait_for_error("taking no new tasks")
        worker.process.send_signal(signal.SIGTERM)
        code = worker.end()

    assert code == 0
    assert (shown(task_id)["state"], shown(task_id)["attempt"]) == ("pending", 0)
    assert worker.errors().count("lilota stopped") == 1


def test_the_first_signal_names_what_is_waited_for(folder):
    """Whoever looks at the screen knows which tasks hold up the stop, and how to wait no longer."""
    with Worker(folder) as worker:
        task_id = lilota("add", "hold", "--any-name").stdout.strip()
        wait_for(folder / "held")
        worker.process.send_signal(signal.SIGINT)
        worker.wait_for_error(f"for hold {task_id}.")
        (folder / "go").touch()
        code = worker.end()

    assert code == 0
    assert "Once more stops them now." in worker.errors()
    assert re.search(r"The runner waits at most [12]?\d s for", worker.errors())
    assert "stop(" not in worker.errors()  # which nobody can call at a terminal


def test_when_the_grace_period_is_over_what_runs_is_given_back(folder):
    """A task that does not end holds nobody up for longer than was allowed."""
    with Worker(folder, "--grace-seconds", "0.2") as worker:
        task_id = lilota("add", "hold", "--any-name").stdout.strip()
        wait_for(folder / "held")
        worker.process.send_signal(signal.SIGTERM)
        code = worker.end()

    assert code == 0
    assert shown(task_id)["state"] == "pending"


def test_ctrl_c_reaches_the_whole_group_and_stops_in_good_order(folder):
    """A terminal signals worker processes too; the task goes on to its end all the same, and no process stays."""
    with Worker(folder) as worker:
        task_id = lilota("add", "hold", "--any-name").stdout.strip()
        wait_for(folder / "held")
        os.killpg(worker.process.pid, signal.SIGINT)
        worker.wait_for_error("SIGINT: taking no new tasks")
        (folder / "go").touch()
        code = worker.end()

    assert code == 0
    assert shown(task_id)["state"] == "succeeded"
    wait_for_the_end_of_group(worker.process.pid)


def test_a_terminal_that_is_closed_stops_in_good_order(folder):
    """SIGHUP reaches the whole group, and what would be said can't be read any more; the task goes on to its end."""
    parent, child = pty.openpty()
    arguments = ["worker", "--processes", "1", "--task", "hold=house_tasks:Hold"]
    files = {"stdin": child, "stdout": child, "stderr": child}
    with subprocess.Popen([sys.executable, "-c", CONTROLLED, *arguments], **files, start_new_session=True) as worker:
        os.close(child)
        screen = ""
        while "Ready" not in screen:
            screen += os.read(parent, 4096).decode(errors="replace")
        task_id = lilota("add", "hold", "--any-name").stdout.strip()
        wait_for(folder / "held")
        os.close(parent)
        (folder / "go").touch()
        code = worker.wait(LIMIT_SECONDS)

    assert code == 0
    assert shown(task_id)["state"] == "succeeded"
    wait_for_the_end_of_group(worker.pid)


def test_a_cancelled_task_ends_while_it_runs(folder):
    """`lilota cancel` reaches a task in another process's worker."""
    with Worker(folder):
        task_id = lilota("add", "hold", "--any-name").stdout.strip()
        wait_for(folder / "held")
        cancelled = lilota("cancel", task_id)
        watched = lilota("watch", task_id)

    assert cancelled.returncode == 0
    assert watched.returncode == 1
    assert shown(task_id)["state"] == "cancelled"


def test_logs_are_followed_until_the_task_ends(folder):
    """What a task logs in one process appears in another while it runs."""
    with Worker(folder):
        task_id = lilota("add", "hold", "--any-name").stdout.strip()
        following = subprocess.Popen(
            [sys.executable, "-m", "lilota", "logs", task_id, "--follow"], stdout=subprocess.PIPE, text=True
        )
        with following:
            first = following.stdout.readline()
            (folder / "go").touch()
            following.communicate(timeout=LIMIT_SECONDS)

    assert "holding" in first
    assert following.returncode == 0


def test_ctrl_c_ends_the_watching_and_not_the_task(folder):
    """In a terminal there are bars; leaving them leaves the task alone."""
    with Worker(folder) as worker:
        task_id = lilota("add", "hold", "--any-name").stdout.strip()
        wait_for(folder / "held")
        code, screen = leave_in_terminal("watch", task_id, until="40 %")
        state = shown(task_id)["state"]
        (folder / "go").touch()
        worker.process.send_signal(signal.SIGTERM)
        worker.end()

    assert code == 130
    assert "hold" in screen
    assert "Traceback" not in screen
    assert state == "running"


def test_who_waits_in_a_terminal_sees_a_bar(folder):
    """It is on standard error, so that the output of the task can go into a file."""
    with Worker(folder):
        code, screen = leave_in_terminal("add", "hold", "--any-name", "--wait", until="40 %")
        (folder / "go").touch()

    assert code == 130
    assert "\x1b[2K" in screen
    assert "Task 1 goes on. Look at it with: lilota watch 1" in screen
    assert "Traceback" not in screen


def leave_in_terminal(*arguments: str, until: str) -> tuple[int, str]:
    """Run a command in a pseudo-terminal until a text appears, then press Ctrl-C."""
    parent, child = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "24"}
    watching = subprocess.Popen(
        [sys.executable, "-c", CONTROLLED, *arguments],
        stdin=child,
        stdout=child,
        stderr=child,
        env=environment,
        start_new_session=True,
    )
    os.close(child)
    screen = ""
    while until not in screen:
        screen += os.read(parent, 4096).decode(errors="replace")
    os.write(parent, b"\x03")
    screen += read_to_the_end(parent)
    os.close(parent)
    return watching.wait(LIMIT_SECONDS), screen


#: Make standard input the controlling terminal, so that its Ctrl-C becomes a SIGINT, and its end a SIGHUP, also where
#: the tests were started by nohup.
CONTROLLED = (
    "import fcntl, signal, termios; signal.signal(signal.SIGHUP, signal.SIG_DFL); "
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0); from lilota.cli.main import main; main()"
)


def read_to_the_end(descriptor: int) -> str:
    received = b""
    try:
        while piece := os.read(descriptor, 4096):
            received += piece
    except OSError:  # Linux says so when the other side of a pseudo-terminal is closed
        pass
    return received.decode(errors="replace")


def test_a_class_that_is_not_there_is_an_error_at_the_start(folder):
    """A worker that could not run its task does not pretend to be ready."""
    run = lilota("worker", "--task", "x=house_tasks:Missing")

    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "Error: The task 'x' can't be imported from 'house_tasks:Missing'" in run.stderr


def test_a_module_to_be_uploaded_is_looked_at_by_the_worker_command(folder):
    """What is no module is an error at the start, not when the first task comes."""
    run = lilota("worker", "--upload-modules", "house_tasks.py", "--upload-modules", "nosuch.py")

    assert run.returncode == 1
    assert "nosuch.py', and there is no such file" in run.stderr


def test_a_reader_that_leaves_is_no_error(folder):
    """`lilota list | head -1` is quiet."""
    add = "from lilota import TaskClient; TaskClient().add_many([{'name': 'add_two_numbers'}] * 1000)"
    subprocess.run([sys.executable, "-c", add], check=True)
    pipeline = f"{sys.executable} -m lilota list --json --limit 1000 | head -n 1"

    run = subprocess.run(["bash", "-c", pipeline], check=True, capture_output=True, text=True, timeout=LIMIT_SECONDS)

    assert run.stderr == ""
    assert json.loads(run.stdout)["id"] == 1000


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">/dev/full"])
def test_without_a_standard_stream_everything_else_goes_on(folder, redirection):
    """A daemon has none, or its file has no room: the worker works, and its orderly stop is no failure."""
    lilota("add", "hold", "--any-name")
    shell = f"exec {sys.executable} -m lilota worker --processes 1 --task hold=house_tasks:Hold {redirection}"
    quiet = subprocess.DEVNULL
    worker = subprocess.Popen(["/bin/sh", "-c", shell], stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        wait_for(folder / "held")
        (folder / "go").touch()
        worker.terminate()

        assert worker.wait(LIMIT_SECONDS) == 0
    finally:
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()


def test_a_list_for_nobody_is_no_error(folder):
    """With a closed standard output there is nothing to say, and nothing wrong."""
    lilota("add", "hold", "--any-name")

    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m lilota list >&-"],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_closed_terminal_stops_the_worker_in_good_order(folder):
    """SIGHUP, sent to the whole group as terminals do: what runs is given back, and the exit is no failure."""
    with Worker(folder, "--grace-seconds", "0.1") as worker:
        task_id = lilota("add", "hold", "--any-name").stdout.split()[-1]
        wait_for(folder / "held")
        os.killpg(worker.process.pid, signal.SIGHUP)

        assert worker.end() == 0
    assert shown(task_id)["state"] == "pending"
