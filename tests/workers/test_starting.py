"""Processes are started as the program is now, and need nothing that somebody could take away."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import struct
import subprocess
import sys
import tempfile
import textwrap
from multiprocessing import forkserver, util

import pytest
from surroundings_told import tell_surroundings

from lilota.errors import ConfigurationError
from lilota.workers import preparing, starting
from lilota.workers.preparing import start_method_for
from lilota.workers.starting import remedy_for, start_process

METHODS = ("forkserver", "spawn")


def surroundings_of_a_process(method, path):
    """Return what a process finds that is started now."""
    process = start_process(method, tell_surroundings, (str(path),), "tell")
    process.join(60)
    assert process.exitcode == 0
    return json.loads(path.read_text())


@pytest.mark.parametrize("method", METHODS)
def test_a_process_finds_the_surroundings_of_now(method, tmp_path, monkeypatch):
    """Not those of the moment at which the first one was started, nor what C code made of them then."""
    monkeypatch.setenv("LILOTA_TEST_REMOVED", "yes")
    surroundings_of_a_process(method, tmp_path / "first")
    monkeypatch.setenv("LILOTA_TEST_SET", "\udcff and ä")  # no UTF-8 at the beginning
    monkeypatch.delenv("LILOTA_TEST_REMOVED")
    monkeypatch.setenv("TZ", "UTC-3")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    found = surroundings_of_a_process(method, tmp_path / "second")

    assert (found["set"], found["removed"], found["zone"]) == ("\udcff and ä", None, 3 * 3600)
    assert (found["folder"], found["path"][0]) == (str(tmp_path), str(tmp_path))


@pytest.mark.parametrize("method", METHODS)
def test_a_process_is_left_to_who_started_it(method):
    """`multiprocessing` asks its children how they ended in any thread, and waits for them when a program ends."""
    process = start_process(method, signal.pause, (), "pause")

    known = multiprocessing.active_children()

    process.kill()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert process not in known


@pytest.mark.parametrize("method", METHODS)
def test_the_program_is_imported_in_the_environment_of_now(method, tmp_path):
    """Settings that a module of the program takes from the environment are what its tasks go by."""
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(f"""
            import os
            from lilota import TaskBase, TaskRunner

            SETTING = os.environ.get("SETTING")

            class Show(TaskBase):
                def run(self):
                    return {{"setting": SETTING}}

            if __name__ == "__main__":
                for value in ("one", "two"):
                    os.environ["SETTING"] = value
                    runner = TaskRunner("memory", 1, start_method={method!r})
                    runner.register("show", Show)
                    with runner:
                        print(runner.add("show").result(60)["setting"])
            """)
    )

    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=120, check=False)

    assert (done.stdout.split(), done.stderr) == (["one", "two"], "")


def test_a_program_on_standard_input_runs_tasks_of_modules_and_is_told_what_to_do_with_its_own(tmp_path):
    """There is no file that a worker could import; and nobody who reads `<stdin>: No such file` knows what to do."""
    (tmp_path / "sums.py").write_text("from lilota import task\n@task\ndef add(a: int, b: int) -> int: return a + b\n")
    program = textwrap.dedent("""
        from lilota import TaskRunner, task
        from lilota.errors import InvalidTaskError
        from sums import add

        @task
        def here() -> None: ...

        with TaskRunner("memory", 1) as runner:
            print(runner.add(add.bind(1, 2)).result(timeout_seconds=60))
            try:
                runner.add(here.bind())
            except InvalidTaskError as error:
                print(error)
        """)

    done = subprocess.run(
        [sys.executable, "-"], input=program, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )

    assert done.stderr == ""
    result, refusal = done.stdout.splitlines()
    assert result == "3"
    assert refusal.startswith(
        "The task 'here' can't be imported by worker processes: the program comes from an interactive session, "
        "`python -c` or standard input, not from a file. Move it to the top level of a module"
    )


def test_the_fork_server_of_the_application_is_left_alone(tmp_path):
    """Its list of modules to import is for its own processes; ours are forked from another server."""
    before = vars(forkserver._forkserver).copy()

    surroundings_of_a_process("forkserver", tmp_path / "found")

    assert vars(forkserver._forkserver) == before


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_kept_in_the_temporary_folder(method, tmp_path, monkeypatch):
    """So a cleaner can't take it away, and the folder may be too long for a socket, or not be there at all."""
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setitem(multiprocessing.current_process()._config, "tempdir", None)
    preparing.fork_server.forget()

    surroundings_of_a_process(method, tmp_path / "one")
    kept = list(folder.iterdir())
    folder.rmdir()
    surroundings_of_a_process(method, tmp_path / "two")

    assert kept == []


def test_the_fork_server_starts_before_it_is_needed(tmp_path):
    """It imports lilota while the program does something else, and then forks the first worker."""
    preparing.fork_server.forget()

    preparing.prepare("forkserver")
    prepared = preparing.fork_server._pid
    preparing.prepare("forkserver")
    surroundings_of_a_process("forkserver", tmp_path / "one")

    assert preparing.fork_server._pid == prepared


def test_nothing_is_prepared_where_processes_are_spawned():
    """There is nothing to share."""
    preparing.fork_server.forget()

    preparing.prepare("spawn")

    assert preparing.fork_server._control is None


def test_a_frozen_program_starts_its_helpers_with_the_flags_that_it_knows(monkeypatch):
    """By these PyInstaller tells a resource tracker from the program itself, which would start more without an end."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    before = util._args_from_interpreter_flags()

    with preparing.out_of_reach_of_the_current_folder():
        flags = util._args_from_interpreter_flags()

    assert flags == before


def test_signals_that_stop_the_program_do_not_end_its_fork_server(tmp_path):
    """It may need new workers while it stops. A terminal, and systemd, send them to every process."""
    surroundings_of_a_process("forkserver", tmp_path / "one")
    server = preparing.fork_server._pid

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(server, number)
    surroundings_of_a_process("forkserver", tmp_path / "two")

    assert preparing.fork_server._pid == server


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # that is what is tested
def test_a_fork_of_the_program_gets_a_fork_server_of_its_own(tmp_path):
    """Two programs that share one would read each other's answers, and keep it alive for each other."""
    surroundings_of_a_process("forkserver", tmp_path / "one")
    process = multiprocessing.get_context("fork").Process(target=_start_in_fork, args=(tmp_path / "two",))

    process.start()
    process.join(60)

    assert process.exitcode == 0
    assert json.loads((tmp_path / "two").read_text())


def _start_in_fork(path):
    before = preparing.fork_server._control
    surroundings_of_a_process("forkserver", path)
    assert before is None


def test_why_a_fork_failed_is_known_to_the_program():
    """The fork server has nobody else to tell: its error comes instead of the process id."""
    out, into = os.pipe()
    os.write(into, struct.pack("q", -errno.EAGAIN))

    with pytest.raises(BlockingIOError, match="temporarily unavailable") as caught:
        starting._read_pid(out)

    os.close(into)
    os.close(out)
    assert "limit of processes" in remedy_for(caught.value)


def test_a_fork_server_that_ends_is_said_to_have_ended():
    """Instead of "unexpected EOF"."""
    out, into = os.pipe()
    os.close(into)

    with pytest.raises(ConnectionError, match="the fork server has ended"):
        starting._read_pid(out)

    os.close(out)


def test_a_frozen_program_spawns(monkeypatch):
    """It has no interpreter that could run a fork server; it would start the program again."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)

    assert start_method_for(None) == "spawn"
    with pytest.raises(ConfigurationError, match="Choose one of: spawn"):
        start_method_for("forkserver")


def test_a_fork_server_that_gets_no_order_ends():
    """Who makes a runner may never start it."""
    program = (
        "import socket; from lilota.workers.forkserver import ForkServer\n"
        "ours, theirs = socket.socketpair(); ForkServer(theirs, patience_seconds=0).run()"
    )

    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)


def test_a_fork_server_that_has_ended_is_replaced(tmp_path):
    """Where a runner is made long before it is started, its server has ended meanwhile."""
    preparing.prepare("forkserver")
    first = preparing.fork_server._pid
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)

    preparing.prepare("forkserver")

    assert preparing.fork_server._pid != first
    assert surroundings_of_a_process("forkserver", tmp_path / "found")["folder"] == os.getcwd()
