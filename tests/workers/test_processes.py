"""Worker processes for real: they come up, get messages, die in every way, and leave nothing behind."""

from __future__ import annotations

import logging
import os
import signal
import struct
import threading
import time
from multiprocessing import forkserver

import pytest
from runner_tasks import Hash, Sleep
from running import is_alive, until

from lilota.config import Settings
from lilota.engine.events import Died, Received
from lilota.engine.messages import Finish, Leaving, Ready, Report, RunClaims
from lilota.errors import ConfigurationError
from lilota.models import Claim, TaskState
from lilota.workers.processes import WorkerProcesses, describe_exit
from lilota.workers.worker import WorkerSetup

SETUP = WorkerSetup(
    runner_id="me",
    runner_pid=os.getpid(),
    settings=Settings(),
    references={"hash": f"{Hash.__module__}:Hash", "sleep": f"{Sleep.__module__}:Sleep"},
    pinned=(),
    capture_path="",
    logging_level=logging.DEBUG,
    root_level=logging.WARNING,
)
METHODS = ("forkserver", "spawn")


class Party:
    """Worker processes, and what was heard of them."""

    def __init__(self, method: str = "forkserver") -> None:
        self.processes = WorkerProcesses(SETUP, method)
        self.heard = []

    def hear(self, kind, number=1):
        """Wait until something of a kind was heard of a worker, and return it."""

        def found():
            self.heard += self.processes.wait(0.05)
            events = [event for event in self.heard if event.worker == number]
            messages = [event.message for event in events if isinstance(event, Received)]
            return next((item for item in [*messages, *events] if isinstance(item, kind)), None)

        return until(found, lambda item: item is not None)

    def start(self, number=1):
        """Start a worker and return its process id."""
        self.processes.start(number)
        return self.hear(Ready, number).pid


@pytest.fixture
def party():
    party = Party()
    yield party
    party.processes.close()


def _claim(name="hash", **input_fields):
    fields = ",".join(f'"{key}":"{value}"' for key, value in input_fields.items())
    return Claim(id=1, token=1, attempt=1, name=name, input_json="{" + fields + "}")


@pytest.mark.parametrize("method", METHODS)
def test_a_worker_comes_up_runs_an_attempt_and_leaves(method):
    """The whole life of a worker with each way of starting it."""
    party = Party(method)
    pid = party.start()

    party.processes.send(1, RunClaims((_claim(text="a"),)))
    party.processes.send(1, Finish())
    death = party.hear(Died)
    outcomes = [
        u.outcome
        for e in party.heard
        if isinstance(e, Received) and isinstance(e.message, Report)
        for u in e.message.updates
        if u.outcome
    ]
    party.processes.close()

    assert [outcome.state for outcome in outcomes] == [TaskState.SUCCEEDED]
    assert isinstance(party.heard[-1], Died)
    assert any(isinstance(e, Received) and isinstance(e.message, Leaving) for e in party.heard)
    assert death.cause == "exited with code 0"
    assert not is_alive(pid)


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_worker_is_noticed_with_the_signal(method):
    """Whoever kills it, the cause is told in plain words."""
    party = Party(method)
    pid = party.start()

    os.kill(pid, signal.SIGKILL)
    cause = party.hear(Died).cause
    party.processes.close()

    assert cause == "was killed by signal 9 (SIGKILL)"


def test_a_worker_leads_its_own_process_group(party):
    """So that the children of a task can be killed with it."""
    pid = party.start()

    assert os.getpgid(pid) == pid != os.getpgid(0)


def test_kill_reaches_the_worker(party):
    """A signal of the engine ends it."""
    party.start()

    party.processes.kill(1, signal.SIGTERM)

    assert party.hear(Died).cause == "was killed by signal 15 (SIGTERM)"


def test_all_workers_can_be_killed_by_another_thread(party):
    """The one that waits for them hears of each death; it need not have been waiting."""
    pids = [party.start(number) for number in (1, 2)]

    killer = threading.Thread(target=party.processes.kill_all)
    killer.start()
    killer.join()

    assert ["SIGKILL" in party.hear(Died, number).cause for number in (1, 2)] == [True, True]
    assert not any(is_alive(pid) for pid in pids)


def test_orders_for_a_worker_that_is_gone_are_ignored(party):
    """The engine may not have heard of its death yet."""
    pid = party.start()
    os.kill(pid, signal.SIGKILL)
    until(lambda: is_alive(pid), lambda alive: not alive)

    party.processes.send(1, Finish())
    party.processes.kill(1, signal.SIGTERM)
    party.hear(Died)
    party.processes.send(1, Finish())
    party.processes.kill(1, signal.SIGTERM)

    assert sum(isinstance(event, Died) for event in party.heard) == 1


def test_a_large_message_to_a_worker_that_does_not_read_blocks_nobody(party):
    """A stopped worker gets 20 MB when it goes on again; meanwhile the runner serves the others."""
    pid = party.start(1)
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    party.processes.send(1, RunClaims((_claim(text="x" * 20_000_000),)))
    party.start(2)
    waited = time.monotonic() - began
    os.kill(pid, signal.SIGCONT)

    report = party.hear(Report)

    assert report.updates
    assert waited < 20


@pytest.mark.parametrize("data", [struct.pack("!I", 4) + b"null", struct.pack("!I", 2**32 - 1), b"\0\0\0\5hello"])
def test_a_worker_that_talks_nonsense_is_ended(party, data):
    """Its neighbours and the runner go on; the cause says what it sent."""
    pid = party.start(1)
    party.start(2)
    # The same as a write of the worker, seen from the runner's end.
    party.processes._workers[1].frames.feed = _feeding(party.processes._workers[1].frames.feed, data)
    party.processes.send(1, RunClaims((_claim(text="a"),)))

    cause = party.hear(Died).cause
    party.processes.send(2, RunClaims((_claim(text="a"),)))

    assert "frame" in cause
    assert not is_alive(pid)
    assert party.hear(Report, 2)


def _feeding(feed, data):
    return lambda received: feed(data + received)


def test_wake_ends_a_wait(party):
    """From any thread, and any number of times."""
    for _ in range(100_000):
        party.processes.wake()

    began = time.monotonic()
    party.processes.wait(20)

    assert time.monotonic() - began < 20


def test_close_kills_what_runs_and_wake_is_harmless_afterwards(party):
    """Nothing of the runner is left: no process, no descriptor, no folder."""
    party.start()  # the fork server is started with the first worker of a program, and stays
    before = len(os.listdir("/proc/self/fd"))
    other = Party()
    pids = [other.start(number) for number in (1, 2, 3)]
    other.processes.send(1, RunClaims((_claim("sleep"),)))
    folder = other.processes._folder

    other.processes.close()
    other.processes.wake()

    assert not any(is_alive(pid) for pid in pids)
    assert not folder.exists()
    assert len(os.listdir("/proc/self/fd")) == before


def test_workers_outlive_the_death_of_the_fork_server_and_new_ones_can_be_started(party):
    """It is nobody's task that the process which starts the workers was killed."""
    party.start(1)

    server = forkserver._forkserver._forkserver_pid
    os.kill(server, signal.SIGKILL)
    until(lambda: is_alive(server), lambda alive: not alive)
    party.start(2)
    party.processes.send(1, RunClaims((_claim(text="a"),)))

    assert party.hear(Report, 1)


def test_a_worker_that_cannot_be_started_counts_as_one_that_died(party, monkeypatch):
    """No memory or no descriptors: the engine hears of a death, and tries again in its own time."""
    monkeypatch.setattr(party.processes._context, "Process", _Unstartable)

    party.processes.start(1)

    assert party.hear(Died).cause == "could not be started: Resource temporarily unavailable"


class _Unstartable:
    def __init__(self, **_arguments) -> None:
        pass

    def start(self):
        raise BlockingIOError("Resource temporarily unavailable")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # that is what is tested
def test_a_fork_of_the_runner_does_not_keep_a_worker_alive(party):
    """The end of the stream reaches the worker though a fork of the application lives on."""
    pid = party.start()
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    try:
        party.processes._workers[1].connection.close()

        until(lambda: is_alive(pid), lambda alive: not alive)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_start_method_that_copies_locks_is_refused(monkeypatch):
    """Whether it comes as an argument or from the environment."""
    monkeypatch.setenv("LILOTA_START_METHOD", "fork")

    with pytest.raises(ConfigurationError, match="Choose one of: forkserver, spawn"):
        WorkerProcesses(SETUP)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "exited with code 0"),
        (3, "exited with code 3"),
        (-11, "was killed by signal 11 (SIGSEGV)"),
        (-63, "was killed by signal 63"),
    ],
)
def test_the_end_of_a_process_is_told_in_plain_words(code, text):
    """Codes and signals as people know them."""
    assert describe_exit(code) == text
