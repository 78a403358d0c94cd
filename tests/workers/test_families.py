"""What a worker has started ends with it, however the worker ends."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from running import until

from lilota.testing.executors.crew import is_alive
from lilota.workers import families
from lilota.workers.families import MARK_VARIABLE, Family, signal_all

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has left a process group")


class Worker:
    """Stands for the process of a worker: a shell that leads a session, with a child that leads another."""

    def __init__(self, mark: str = "mine", *, keeps_environment: bool = True) -> None:
        wiped = "" if keeps_environment else "env -i "
        self._shell = subprocess.Popen(
            ["sh", "-c", f"{wiped}setsid sh -c 'echo $$; exec sleep 1000' & wait"],
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, MARK_VARIABLE: mark},
        )
        self.pid = self._shell.pid
        assert self._shell.stdout is not None
        self.child = int(self._shell.stdout.readline())
        # While one program takes the place of another, it has no mark.
        until(Path(f"/proc/{self.child}/comm").read_text, lambda name: name == "sleep\n")

    @property
    def exitcode(self) -> int | None:
        return self._shell.poll()

    def wait(self) -> int:
        return self._shell.wait()

    def crash(self) -> None:
        self._shell.kill()
        self._shell.wait()

    def close(self) -> None:
        self._shell.kill()
        self._shell.wait()
        self._shell.stdout.close()


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """A busy machine may come late to the end of a process."""
    monkeypatch.setattr(families, "_DEATH_SECONDS", 60.0)


@pytest.fixture
def worker():
    worker = Worker()
    yield worker
    worker.close()


def test_a_signal_reaches_what_has_left_the_session(worker):
    """And the worker itself."""
    family = Family(worker, "mine")

    signal_all([family], signal.SIGKILL)
    worker.crash()

    assert family.end() == []
    assert not is_alive(worker.child)


def test_what_a_worker_that_crashed_has_started_is_found_by_its_mark(worker):
    """Nobody knows its parent any more."""
    worker.crash()
    was_alive = is_alive(worker.child)

    left = Family(worker, "mine").end()

    assert was_alive
    assert left == []
    assert not is_alive(worker.child)


def test_what_carries_the_mark_of_another_worker_is_left_alone(worker):
    """Neighbours do not notice."""
    other = Worker("other")
    worker.crash()

    Family(worker, "mine").end()

    assert is_alive(other.child)
    other.crash()
    Family(other, "other").end()
    assert not is_alive(other.child)
    other.close()


def test_what_ignored_an_earlier_signal_is_known_when_the_worker_is_gone():
    """Also if it does not carry the mark: the program was started with another environment."""
    worker = Worker(keeps_environment=False)
    family = Family(worker, "mine")

    signal_all([family], signal.SIGCONT)
    worker.crash()
    was_alive = is_alive(worker.child)
    family.end()

    assert was_alive
    assert not is_alive(worker.child)
    worker.close()


def test_a_group_that_belongs_to_others_altogether_is_no_error(worker, monkeypatch):
    """Only a program that sudo started is left of it: that is said, and nobody waits."""
    worker.crash()
    family = Family(worker, "mine")

    with monkeypatch.context() as patched:
        patched.setattr(os, "killpg", _refuse)
        patched.setattr(os, "kill", _refuse)
        signal_all([family], signal.SIGTERM)
        left = family.end()

    assert [process.pid for process in left] == [worker.child]
    assert family.end() == []


def test_a_worker_gets_its_signal_though_the_runner_has_no_descriptors_left(worker, monkeypatch, caplog):
    """Nobody can look for what it has started then; that is said."""
    monkeypatch.setattr(families, "all_processes", _fail)

    signal_all([Family(worker, "mine")], signal.SIGKILL)

    assert worker.wait() == -signal.SIGKILL
    assert "can't be looked for: [Errno 24] Too many open files" in caplog.text
    monkeypatch.undo()
    Family(worker, "mine").end()


def _fail():
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def _refuse(_pid: int, _number: int) -> None:
    raise PermissionError("Operation not permitted")
