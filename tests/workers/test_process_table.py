"""Who runs, who started whom, and how they are told to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import BinaryIO

import pytest
from running import until

from lilota.workers import process_table
from lilota.workers.process_table import Process, all_processes, carries, descendants, named, press, send

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such table")


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """A busy machine may stop a program while it takes the place of another."""
    monkeypatch.setattr(process_table, "_EXEC_SECONDS", 60.0)


@pytest.fixture
def child():
    child = subprocess.Popen(["sleep", "1000"], start_new_session=True, env={**os.environ, "WHOSE": "mine"})
    # For a moment it is called as this program is.
    until(lambda: str(_seen(child.pid)[0]), lambda seen: seen.startswith("sleep "))
    yield child
    child.kill()
    child.wait()


def _process(pid: int, parent: int = 1) -> Process:
    return Process(pid, 0, "sleep", parent, pid, pid, has_ended=False)


def _seen(pid: int) -> list[Process]:
    return [process for process in all_processes() if process.pid == pid]


@linux_only
def test_the_table_tells_what_is_to_be_known_of_a_process(child):
    """Its name, its parent, its group and its session."""
    (seen,) = _seen(child.pid)

    assert (seen.name, seen.parent, seen.group, seen.session) == ("sleep", os.getpid(), child.pid, child.pid)
    assert not seen.has_ended
    assert str(seen) == f"sleep ({child.pid})"


@linux_only
def test_a_process_that_nobody_has_waited_for_has_ended(child):
    """It is a zombie."""
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert [process.has_ended for process in _seen(child.pid)] == [True]


@linux_only
def test_a_name_may_look_like_the_rest_of_the_line(tmp_path):
    """Programs call themselves what they like, parentheses and spaces included."""
    program = tmp_path / "a) Z 1 (b"
    program.symlink_to("/bin/cat")

    with subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdin.write(b"up\n")
        child.stdin.flush()
        child.stdout.readline()
        (seen,) = _seen(child.pid)
        child.stdin.close()

    assert (seen.name, seen.parent) == ("a) Z 1 (b", os.getpid())


@linux_only
@pytest.mark.parametrize("kept", [True, False], ids=["kept by the kernel", "from the table"])
def test_the_children_of_a_process_of_one_thread_are_found(child, kept, monkeypatch):
    """Also where the kernel keeps no list of them."""
    if not kept:
        monkeypatch.setattr(process_table, "open", _open_no_list, raising=False)

    assert child.pid in process_table.children_of_main_thread()
    assert os.getpid() not in process_table.children_of_main_thread()


def _open_no_list(path: str, mode: str) -> BinaryIO:
    if path.endswith("/children"):
        raise FileNotFoundError(path)
    return open(path, mode)


def test_descendants_are_found_over_generations():
    """Those of others are not."""
    table = [_process(4, 3), _process(2, 1), _process(3, 2), _process(5, 2), _process(7, 6)]

    assert {process.pid for process in descendants(2, table)} == {3, 4, 5}


@linux_only
def test_what_a_program_was_started_with_is_known(child):
    """The whole variable; and of a process that is gone, nothing."""
    assert carries(child.pid, b"WHOSE=mine")
    assert not carries(child.pid, b"WHOSE=min")
    assert not carries(2**22 + 1, b"WHOSE=mine")


@linux_only
def test_a_program_that_is_just_being_started_is_known():
    """For a moment it has no environment at all; whoever looks then must not take it for a stranger."""
    children = []
    try:
        for _ in range(30):
            children.append(subprocess.Popen(["sleep", "1000"], env={"WHOSE": "mine"}))
            assert carries(children[-1].pid, b"WHOSE=mine")
    finally:
        for child in children:
            child.kill()
            child.wait()


@linux_only
def test_who_does_not_end_in_time_is_told(child):
    """It was sent the signal once, however often it was seen."""
    pressed = press(lambda: _seen(child.pid), 0, 0.1)

    assert [process.pid for process in pressed.told] == [process.pid for process in pressed.left] == [child.pid]


@linux_only
def test_who_is_gone_was_told_and_is_not_left(child):
    """A zombie is gone."""
    pressed = press(lambda: [p for p in _seen(child.pid) if not p.has_ended], signal.SIGTERM, 60)

    assert [process.pid for process in pressed.told] == [child.pid]
    assert pressed.left == []


def test_nobody_waits_for_those_who_may_not_be_signalled(monkeypatch):
    """A program of another user, which sudo has started, does not care about us."""
    monkeypatch.setattr(process_table.os, "kill", _refuse)

    pressed = press(lambda: [_process(4711)], signal.SIGKILL, 3600)

    assert [process.pid for process in pressed.left] == [4711]


def _refuse(_pid: int, _number: int) -> None:
    raise PermissionError("Operation not permitted")


def test_a_signal_for_somebody_who_is_gone_is_no_error():
    """Who was meant to end has ended."""
    assert send(2**22 + 1, signal.SIGTERM)


def test_a_few_are_named_and_the_others_counted():
    """A line in a log must not grow without limit."""
    assert named([_process(1), _process(2)]) == "sleep (1), sleep (2)"
    assert named([_process(pid) for pid in range(1, 9)]).endswith("sleep (5) and 3 more")
