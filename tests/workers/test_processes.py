"""Worker processes for real: what is to be said of them beyond the contract of executors."""

from __future__ import annotations

import gc
import logging
import os
import signal
import struct
import time
from pathlib import Path

import msgspec
import pytest
from runner_tasks import Hash, Sleep
from running import until

from lilota.config import Settings
from lilota.engine.events import Died, Received
from lilota.engine.executor import ExecutorOptions
from lilota.engine.messages import Finish, Leaving, Ready, Report, RunClaims, Unfit
from lilota.errors import ConfigurationError
from lilota.models import Claim, TaskState
from lilota.testing.executors.crew import is_alive
from lilota.workers import preparing
from lilota.workers.process_table import Process
from lilota.workers.processes import WorkerProcesses, describe_exit
from lilota.workers.setup import WorkerSetup
from lilota.workers.worker import EXIT_UNFIT

SETUP = WorkerSetup(
    runner_id="me",
    settings=Settings(),
    references={"hash": f"{Hash.__module__}:Hash", "sleep": f"{Sleep.__module__}:Sleep"},
    pinned=(),
    logging_level=logging.DEBUG,
    root_level=logging.WARNING,
)
OPTIONS = ExecutorOptions(
    url="processes", worker_setup=msgspec.json.encode(SETUP), number_of_processes=3, lease_seconds=30
)
METHODS = ("forkserver", "spawn")


class Party:
    """Worker processes, and what was heard of them."""

    def __init__(self, method: str = "forkserver", setup: WorkerSetup = SETUP) -> None:
        worker_setup = msgspec.json.encode(setup)
        self.processes = WorkerProcesses(
            msgspec.structs.replace(OPTIONS, start_method=method, worker_setup=worker_setup)
        )
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


def descriptors():
    """Count those that are open. What tests before this one have left, and nobody has any more, is closed first."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


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


def test_a_worker_of_another_lilota_than_its_runner_is_not_fit():
    """lilota was upgraded below the runner: they may not understand each other."""
    party = Party(setup=msgspec.structs.replace(SETUP, lilota_version="1.9"))
    party.processes.start(1)

    unfit = party.hear(Unfit)
    death = party.hear(Died)
    party.processes.close()

    assert unfit.reason.startswith("The runner is of lilota 1.9, its worker process of lilota ")
    assert "Restart the runner" in unfit.reason
    assert death.cause == f"exited with code {EXIT_UNFIT}"


def test_a_worker_leads_its_own_session(party):
    """So that the children of a task can be killed with it, and have no terminal."""
    pid = party.start()

    assert os.getsid(pid) == os.getpgid(pid) == pid


@pytest.mark.parametrize("method", METHODS)
def test_a_worker_blocks_no_signal_whatever_its_runner_blocks(method):
    """Else nothing could interrupt a task, and the programs that it starts would inherit that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})
    party = Party(method)
    try:
        pid = party.start()
        status = Path(f"/proc/{pid}/status").read_text()
    finally:
        party.processes.close()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    (blocked,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:")]
    assert int(blocked, 16) == 0


def test_what_a_task_started_and_can_not_be_ended_is_named(party, monkeypatch, caplog):
    """A program of another user, say: the death is told all the same."""
    party.start()
    monkeypatch.setattr(party.processes._workers[1].family, "end", lambda: [Process(4711, 0, "sudo", 1, 1, 1, False)])

    party.processes.kill(1, signal.SIGKILL)
    cause = party.hear(Died).cause

    assert "signal 9" in cause
    assert "the system does not let lilota end what its task had started: sudo (4711)" in caplog.text


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


def test_close_kills_what_runs_and_wake_is_harmless_afterwards(party):
    """Nothing of the runner is left: no process and no descriptor."""
    party.start()  # the fork server is started with the first worker of a program, and stays
    before = descriptors()
    other = Party()
    pids = [other.start(number) for number in (1, 2, 3)]
    other.processes.send(1, RunClaims((_claim("sleep"),)))

    other.processes.close()
    other.processes.wake()

    assert not any(is_alive(pid) for pid in pids)
    assert descriptors() <= before


def test_workers_outlive_the_death_of_the_fork_server_and_new_ones_can_be_started(party):
    """It is nobody's task that the process which starts the workers was killed."""
    party.start(1)

    os.kill(preparing.fork_server._pid, signal.SIGKILL)
    party.start(2)
    party.processes.send(1, RunClaims((_claim(text="a"),)))

    assert party.hear(Report, 1)


@pytest.mark.parametrize("method", METHODS)
def test_a_worker_that_cannot_be_started_counts_as_one_that_died(method, tmp_path, monkeypatch, caplog):
    """The engine hears of a death, and tries again in its own time; people hear the remedy; no descriptor is lost."""
    party = Party(method)
    party.start(1)
    before = descriptors()
    folder = tmp_path / "deleted"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()

    party.processes.start(2)
    cause = party.hear(Died, 2).cause
    monkeypatch.chdir(tmp_path)
    lost = descriptors() - before
    party.processes.close()

    assert cause.startswith("could not be started: ")
    assert cause.endswith("The current folder was deleted: start the program again, in one that exists.")
    assert cause in caplog.text
    assert lost <= 0


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
        WorkerProcesses(OPTIONS)


def test_a_url_that_says_more_than_the_name_is_refused():
    """Nobody shall believe that the processes are on another machine."""
    options = msgspec.structs.replace(OPTIONS, url="processes://user:secret@host")

    with pytest.raises(ConfigurationError, match=r"'processes://user:\*\*\*@host'.*write 'processes'"):
        WorkerProcesses(options)


def test_there_are_as_many_places_as_were_asked_for(party):
    """And people are told how processes are started."""
    assert party.processes.places() == 3
    assert party.processes.capabilities().description == "processes of this machine, started by forkserver"


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
