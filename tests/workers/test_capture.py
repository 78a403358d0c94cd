"""Whatever a process writes to its standard output is caught, once, and the file for it stays small.

The capture takes over the descriptors of its process, so each test runs a program.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

from lilota.workers.capture import last_lines, open_capture_file

PROGRAM = """
import ctypes, json, os, pathlib, sys
from lilota.workers.capture import OutputCapture

path = pathlib.Path(sys.argv[1])
told = os.dup(1)
capture = OutputCapture(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND))

def tell(value):
    os.write(told, json.dumps(value).encode() + b"\\n")
"""


def run(tmp_path: Path, program: str) -> list[Any]:
    """Run a program with a capture and return the values that it tells."""
    source = PROGRAM + textwrap.dedent(program)
    command = [sys.executable, "-c", source, str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, (tmp_path / "out").read_text()
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_all_ways_to_write_are_caught(tmp_path):
    """Python, the operating system and C, on both descriptors."""
    (lines,) = run(
        tmp_path,
        """
        print("print")
        os.write(2, b"os.write\\n")
        os.system("echo child")
        ctypes.CDLL(None).puts(b"C")
        tell(capture.take(final=True))
        """,
    )

    assert lines == ["print", "os.write", "child", "C"]


def test_lines_are_taken_once_and_unended_ones_wait(tmp_path):
    """A line that is still written to is left until it has its end, or until the end of the attempt."""
    told = run(
        tmp_path,
        """
        os.write(1, b"one\\ntw")
        tell(capture.take(final=False))
        tell(capture.take(final=False))
        os.write(1, b"o\\nthree")
        tell(capture.take(final=False))
        tell(capture.take(final=True))
        tell(capture.take(final=True))
        """,
    )

    assert told == [["one"], [], ["two"], ["three"], []]


def test_the_steps_of_a_progress_bar_are_lines(tmp_path):
    """They end with a carriage return, as does a line from Windows with its line feed."""
    told = run(
        tmp_path,
        """
        os.write(1, b"10 %\\r20 %\\r30")
        tell(capture.take(final=False))
        os.write(1, b" %\\r\\ndos\\r")
        tell(capture.take(final=False))
        os.write(1, b"\\n")
        tell(capture.take(final=True))
        """,
    )

    assert told == [["10 %", "20 %"], ["30 %"], ["dos"]]


def test_bytes_that_are_no_text_are_shown_escaped(tmp_path):
    """Also characters that arrive in two parts stay whole."""
    told = run(
        tmp_path,
        """
        os.write(1, b"\\xff\\xfe and \\xc3")
        tell(capture.take(final=False))
        os.write(1, b"\\xa4\\n")
        tell(capture.take(final=True))
        """,
    )

    assert told == [[], ["\\xff\\xfe and ä"]]


def test_very_much_is_read_in_part_and_said_to_be_more(tmp_path):
    """Nobody holds 100 MB in memory for lines that are not kept."""
    (count, last, size, unended) = run(
        tmp_path,
        """
        for _ in range(100):
            os.write(1, (b"x" * 999 + b"\\n") * 1000)
        lines = capture.take(final=False)
        tell(len(lines))
        tell(lines[-1])
        tell(path.stat().st_size)
        tell(len(capture._unended))
        """,
    )

    assert count == 4002
    assert last == "... (96000000 more bytes)"
    assert size == 0
    assert unended == 0


def test_an_endless_line_does_not_fill_the_memory(tmp_path):
    """It is taken in pieces."""
    told = run(
        tmp_path,
        """
        for _ in range(20):
            os.write(1, b"x" * 1_000_000)
            capture.take(final=False)
            tell(len(capture._unended))
        """,
    )

    assert max(told) < 100_000


def test_streams_and_descriptors_come_back(tmp_path):
    """Closed, replaced, or led elsewhere: after `restore` they lead into the file again."""
    told = run(
        tmp_path,
        """
        out = sys.stdout
        sys.stdout = sys.stderr = None
        capture.restore()
        tell(sys.stdout is out)
        sys.stdout.close()
        os.close(1)
        os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
        capture.restore()
        print("back")
        print("too", file=sys.stderr)
        tell(capture.take(final=True))
        """,
    )

    assert told == [True, ["back", "too"]]


def test_what_there_is_no_room_for_is_dropped_and_remembered_once(tmp_path):
    """On a full disk, or beyond a quota or a limit: whoever prints goes on. Any other error of a write is raised."""
    told = run(
        tmp_path,
        """
        import errno, resource
        tell(capture.take_loss() is None)
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8, hard))
        print("before")
        print("too long")
        print("lost", file=sys.stderr)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        print("after")
        tell(capture.take_loss().errno == errno.EFBIG)
        tell(capture.take_loss() is None)
        tell(capture.take(final=True))
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
        print("lost too")
        tell(capture.take_loss().errno == errno.ENOSPC)
        os.close(1)
        try:
            print("closed")
        except OSError as error:
            tell(error.errno == errno.EBADF)
        capture.restore()
        """,
    )

    assert told == [True, True, True, ["before", "tafter"], True, True]


def test_a_stream_that_lost_its_buffer_is_replaced(tmp_path):
    """A task may take it away, and `sys.stdout` then raises whatever it is asked."""
    told = run(
        tmp_path,
        """
        buffer = sys.stdout.detach()
        tell(capture.take(final=True))
        capture.restore()
        print("back")
        tell(capture.take(final=True))
        """,
    )

    assert told == [[], ["back"]]


def test_the_file_has_no_name(tmp_path, monkeypatch):
    """What a task prints may be secret; and no cleaner of temporary folders finds it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    file = open_capture_file()

    assert os.fstat(file).st_nlink == 0
    assert list(tmp_path.iterdir()) == []
    os.close(file)


def test_without_a_temporary_folder_the_file_is_in_memory(tmp_path, monkeypatch):
    """A read-only container, or a folder that was removed: tasks print all the same."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "removed"))

    file = open_capture_file()
    os.write(file, b"one\n")
    os.lseek(file, 0, os.SEEK_SET)
    os.write(file, b"two\n")

    assert last_lines(file) == "one\ntwo"
    os.close(file)


def test_the_last_lines_of_a_dead_process_can_be_read():
    """Only the end of a long file; nothing of an empty one."""
    with tempfile.TemporaryFile() as file:
        assert last_lines(file.fileno()) == ""
        file.write("".join(f"line {number}\n" for number in range(10_000)).encode())
        file.flush()

        assert last_lines(file.fileno(), count=2) == "line 9998\nline 9999"
