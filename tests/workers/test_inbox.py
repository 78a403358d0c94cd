"""A worker notices what its runner says, that it is gone, and that it can't be heard."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys

import pytest

from lilota.engine.messages import Finish, Recall
from lilota.workers.frames import encode
from lilota.workers.inbox import Inbox


class GoneError(Exception):
    """Stands for the end of the worker's process."""


class Desk:
    """An inbox, with what came out of it."""

    def __init__(self, runner_pid=None):
        self.runner, connection = socket.socketpair()
        self.connection = connection
        self.heard = []
        self.errors = []
        self.inbox = Inbox(connection, runner_pid or os.getpid(), self.heard.append, self._end, self._fail)

    def _end(self):
        raise GoneError("the runner is gone")

    def _fail(self, error):
        self.errors.append(error)
        raise GoneError("the runner can't be heard")


@pytest.fixture
def desk():
    desk = Desk()
    yield desk
    desk.runner.close()
    desk.connection.close()


@pytest.mark.parametrize("way", ["wait", "look"])
def test_messages_are_obeyed_in_their_order(desk, way):
    """Whichever thread takes them; the main thread wakes where the courier has taken some."""
    desk.runner.sendall(encode(Recall()) + encode(Finish()))

    if way == "wait":
        desk.inbox.wait()
    else:
        desk.inbox.look(60)
        desk.inbox.wait()

    assert desk.heard == [Recall(), Finish()]


def test_a_message_that_the_other_thread_has_taken_is_none(desk):
    """Both may be told of the same one."""
    desk.inbox._take(desk.connection.fileno())

    assert desk.heard == []


def test_the_end_of_the_connection_is_the_end_of_the_runner(desk):
    """Closed in order, or with something unread in it, which resets it."""
    desk.runner.close()

    with pytest.raises(GoneError, match="is gone"):
        desk.inbox.wait()


def test_a_reset_connection_is_the_end_of_the_runner(desk):
    """It has died with something unread."""
    desk.connection.sendall(b"unread")
    desk.runner.close()

    with pytest.raises(GoneError, match="is gone"):
        desk.inbox.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="needs a descriptor for a process")
def test_the_death_of_the_runner_is_noticed_though_a_fork_of_it_holds_the_connection():
    """The connection stays open as long as the fork."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    desk = Desk(process.pid)
    process.kill()
    process.wait()
    process.stdin.close()

    with pytest.raises(GoneError, match="is gone"):
        desk.inbox.wait()

    desk.runner.close()
    desk.connection.close()


def test_a_runner_that_has_died_before_is_noticed_by_its_connection():
    """There is no process to be watched."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    desk = Desk(process.pid)
    desk.runner.close()

    with pytest.raises(GoneError, match="is gone"):
        desk.inbox.wait()

    desk.connection.close()


def test_who_may_not_wait_for_so_many_descriptors_can_not_hear_the_runner(desk):
    """A task has left no descriptors to the process, say."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        with pytest.raises(GoneError, match="can't be heard"):
            desk.inbox.wait()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert [type(error) for error in desk.errors] == [OSError]


def test_a_connection_that_is_something_else_by_now_can_not_be_heard(desk):
    """A task has closed it, and opened a file that got its number."""
    with open(os.devnull) as file:
        os.dup2(file.fileno(), desk.connection.fileno())

    with pytest.raises(GoneError, match="can't be heard"):
        desk.inbox._take(desk.connection.fileno())

    assert len(desk.errors) == 1
