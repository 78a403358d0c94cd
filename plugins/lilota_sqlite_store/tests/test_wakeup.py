"""Waking other threads and processes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from contextlib import nullcontext, suppress

import pytest
from lilota_sqlite_store import SQLiteTaskStore

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import StoreUnavailableError
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState

TASK = NewTask(name="task")
LONG = 60.0  # a wait that is not woken fails the test by its time limit

LISTEN = """
import sys
from lilota_sqlite_store import SQLiteTaskStore
store = SQLiteTaskStore(sys.argv[1])
store.wait_for_change(0)
print("listening", flush=True)
while True:
    print(store.wait_for_change(60), flush=True)
"""


@pytest.fixture
def listener(store, path):
    """A process that waits for changes, and prints a line for each."""
    with subprocess.Popen([sys.executable, "-c", LISTEN, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "listening\n"
        yield process
        process.kill()


def pipes(path):
    try:
        return os.listdir(f"{path}-wake")
    except FileNotFoundError:
        return []


def test_other_process_is_woken(store, listener):
    """What is added in one process ends the wait in another."""
    store.add([TASK])

    assert listener.stdout.readline() == "True\n"


def test_pipe_of_a_killed_process_is_removed(store, path, listener):
    """The next writer clears away what the dead left."""
    listener.kill()
    listener.wait()
    assert len(pipes(path)) == 1

    store.add([TASK])

    assert pipes(path) == []


def test_pipe_ends_with_its_thread(store, path):
    """Threads that come and go leave nothing behind."""
    waiter = threading.Thread(target=store.wait_for_change, args=(0,))
    waiter.start()
    waiter.join()

    assert pipes(path) == []


def test_listener_that_never_looks_does_not_stop_writers(store, path):
    """A pipe that is full says enough."""
    store.wait_for_change(0)
    writer = SQLiteTaskStore(path, wait_for_disk=False)

    for _ in range(70_000):
        writer._wakeup.announce()

    assert store.wait_for_change(0) is True
    writer.close()


def test_runner_is_not_woken_by_the_outcomes_that_it_commits(store):
    """Its claim in the same transaction has seen what they made ready."""
    store.heartbeat(RunnerInfo(id="runner"))
    request = ClaimRequest(runner_id="runner", names=("task",))
    store.add([TASK])
    (claim,) = store.claim(request).claims
    store.wait_for_change(0)

    store.commit([AttemptUpdate(id=claim.id, token=claim.token, outcome=Outcome(state=TaskState.SUCCEEDED))], request)

    assert store.wait_for_change(0) is False


def test_file_in_the_folder_that_is_no_pipe_is_left_alone(store, path):
    """Nothing is written into what somebody else put there."""
    store.wait_for_change(0)
    victim = f"{path}-wake/notes"
    with open(victim, "w", encoding="utf-8") as file:
        file.write("mine")

    store.add([TASK])

    with open(victim, encoding="utf-8") as file:
        assert file.read() == "mine"


def test_without_named_pipes_the_file_is_polled(store, monkeypatch):
    """Where the system has no pipes, a change of another connection is noticed all the same."""
    monkeypatch.delattr(os, "mkfifo")
    assert store.wait_for_change(0) is False
    adder = threading.Thread(target=store.add, args=([TASK],))
    adder.start()
    adder.join()

    assert store.wait_for_change(LONG) is True
    assert store.wait_for_change(0) is False


def test_what_was_added_does_not_look_failed_when_nobody_can_be_woken(store, path, caplog):
    """A pipe that can't be opened, a folder in its place: the id comes back all the same, and one line says so."""
    store.wait_for_change(0)
    os.mkdir(f"{path}-wake/in-the-way")
    os.symlink("/dev/null", f"{path}-wake/link")

    ids = store.add([TASK]) + store.add([TASK])

    assert ids == [1, 2]
    assert caplog.text.count("notice them late") == 1


def test_add_succeeds_where_something_else_has_the_name_of_the_folder(store, path):
    """A file in the place of the folder of the pipes: waiting polls, adding tells nobody."""
    with open(f"{path}-wake", "w", encoding="utf-8"):
        pass

    assert store.wait_for_change(0) is False
    assert store.add([TASK]) == [1]
    assert store.wait_for_change(LONG) is True


@pytest.mark.parametrize("has_pipes", [True, False])
def test_whoever_waits_beside_a_file_that_is_gone_is_told_or_waits(store, path, monkeypatch, has_pipes):
    """And does not go round and round, nor get an error of SQLite's own."""
    if not has_pipes:
        monkeypatch.delattr(os, "mkfifo")
    os.unlink(path)

    with nullcontext() if has_pipes else pytest.raises(StoreUnavailableError, match="can't be opened"):
        assert store.wait_for_change(0) is False


def test_add_succeeds_without_a_descriptor_left_for_the_pipes(store):
    """What is needed to write is open already; the pipes are looked at when there are descriptors again."""
    store.wait_for_change(0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + 8, hard))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        ids = store.add([TASK])
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert ids == [1]
