"""What is acknowledged is on the disk, and survives the death of a process."""

from __future__ import annotations

import os
import select
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest
from lilota_sqlite_store import SQLiteTaskStore
from lilota_sqlite_store.connection import Connection

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import StoreUnavailableError
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState

FULL, NORMAL = 2, 1
TASK = NewTask(name="task")
RUNNER = RunnerInfo(id="runner")
REQUEST = ClaimRequest(runner_id="runner", names=("task",), limit=5)
DONE = Outcome(state=TaskState.SUCCEEDED)


@pytest.fixture
def commits(monkeypatch):
    """The level of `PRAGMA synchronous` at each COMMIT that followed a BEGIN IMMEDIATE."""
    levels = []

    class Watched(Connection):
        def execute(self, sql, *parameters):
            if sql == "BEGIN IMMEDIATE":
                self.is_writing = True
            elif sql == "COMMIT" and getattr(self, "is_writing", False):
                self.is_writing = False
                levels.append(super().execute("PRAGMA synchronous").fetchone()[0])
            return super().execute(sql, *parameters)

    monkeypatch.setattr("lilota_sqlite_store.connection.Connection", Watched)
    return levels


@pytest.fixture
def watched(path, commits):
    """A store whose commits are watched, with a runner."""
    store = SQLiteTaskStore(path)
    store.heartbeat(RUNNER)
    commits.clear()
    yield store
    store.close()


def running(store, commits):
    """Return a claim, and forget the commits that it took."""
    store.add([TASK])
    (claim,) = store.claim(REQUEST).claims
    commits.clear()
    return claim


def test_what_a_user_asks_for_waits_for_the_disk(watched, commits):
    """Adding, cancelling and retrying are each synced before they return."""
    (task_id,) = watched.add([TASK])
    watched.cancel(task_id)
    watched.retry(task_id)

    assert commits == [FULL] * 3


@pytest.mark.parametrize("fields", [{"outcome": DONE}, {"output_json": "{}"}, {"max_lost_attempts": 1}])
def test_outcomes_and_outputs_wait_for_the_disk(watched, commits, fields):
    """What an attempt has achieved is not lost with the power."""
    claim = running(watched, commits)

    watched.commit([AttemptUpdate(id=claim.id, token=claim.token, **fields)], REQUEST)

    assert commits == [FULL]


def test_progress_and_claims_and_heartbeats_do_not_wait(watched, commits):
    """A power cut that loses them ends the attempt too; waiting for the disk would buy nothing."""
    claim = running(watched, commits)
    watched.add([TASK])
    commits.clear()

    watched.commit([AttemptUpdate(id=claim.id, token=claim.token, progress=50.0)])
    watched.claim(REQUEST)
    watched.heartbeat(RUNNER)

    assert commits == [NORMAL] * 3


def test_claim_of_a_task_that_may_run_once_waits_for_the_disk(watched, commits):
    """After a power cut it must still be known that the attempt was granted."""
    watched.add([NewTask(name="task", max_lost_attempts=1)])
    commits.clear()

    watched.claim(REQUEST)

    assert commits[-1] == FULL


def test_store_that_may_lose_the_last_second_never_waits(path, commits):
    """The option does what it says."""
    store = SQLiteTaskStore(path, wait_for_disk=False)
    store.heartbeat(RUNNER)
    claim = running(store, [])

    store.commit([AttemptUpdate(id=claim.id, token=claim.token, outcome=DONE)])

    assert set(commits) == {NORMAL}
    store.close()


def test_threads_that_add_at_the_same_time_share_a_transaction(watched, commits):
    """While one waits, the others gather, and one of them writes for all; each gets its own ids."""
    ids = []
    watched._database.write_lock.acquire()
    adders = [threading.Thread(target=lambda n=n: ids.append((n, watched.add([TASK] * n)))) for n in range(1, 9)]
    for adder in adders:
        adder.start()
    while len(watched._adder._waiting) < len(adders):
        select.select([], [], [], 0.001)
    watched._database.write_lock.release()
    for adder in adders:
        adder.join()

    assert commits == [FULL]
    assert all(len(batch) == n for n, batch in ids)
    assert sorted(task_id for _, batch in ids for task_id in batch) == list(range(1, 37))


def test_error_in_the_batch_of_one_thread_is_only_its_own(watched):
    """A value that can't be stored fails the thread that brought it, and leaves no gap in what the others add."""
    answers = {}

    def add(key, task):
        try:
            answers[key] = watched.add([TASK, task])
        except OverflowError as error:
            answers[key] = error

    watched._database.write_lock.acquire()
    tasks = {"good": TASK, "bad": NewTask(name="task", priority=2**70), "other": TASK}
    adders = [threading.Thread(target=add, args=item) for item in tasks.items()]
    for adder in adders:
        adder.start()
    while len(watched._adder._waiting) < len(adders):
        select.select([], [], [], 0.001)
    watched._database.write_lock.release()
    for adder in adders:
        adder.join()

    assert isinstance(answers["bad"], OverflowError)
    assert sorted(answers["good"] + answers["other"]) == [1, 2, 3, 4]
    assert sum(count.count for count in watched.counts()) == 4


def test_interrupted_writer_tells_the_others(watched, monkeypatch):
    """A thread whose tasks another one was writing is not told that they are stored."""

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("lilota_sqlite_store.adding.add_tasks", interrupt)
    answers = []

    def add():
        try:
            watched.add([TASK])
        except (KeyboardInterrupt, StoreUnavailableError) as error:
            answers.append(type(error))

    watched._database.write_lock.acquire()
    adders = [threading.Thread(target=add) for _ in range(3)]
    for adder in adders:
        adder.start()
    while len(watched._adder._waiting) < len(adders):
        select.select([], [], [], 0.001)
    watched._database.write_lock.release()
    for adder in adders:
        adder.join()

    assert sorted(answers, key=str) == [KeyboardInterrupt, StoreUnavailableError, StoreUnavailableError]


WORK_UNTIL_KILLED = """
import sys
from lilota.contract import ClaimRequest, RunnerInfo
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState
from lilota_sqlite_store import SQLiteTaskStore
store = SQLiteTaskStore(sys.argv[1])
store.heartbeat(RunnerInfo(id="victim"))
request = ClaimRequest(runner_id="victim", names=("task",), limit=5)
claims = ()
while True:
    for task_id in store.add([NewTask(name="task")] * 5):
        print("added", task_id, flush=True)
    updates = [AttemptUpdate(id=c.id, token=c.token, outcome=Outcome(state=TaskState.SUCCEEDED)) for c in claims]
    following = store.commit(updates, request).claimed.claims
    for claim in claims:
        print("ended", claim.id, flush=True)
    claims = following
"""


@pytest.mark.parametrize("lines", [7, 60, 200])
def test_kill_in_the_middle_of_commits_loses_nothing_acknowledged(path, lines):
    """After kill -9 the file is whole, and every task of which the process said so is there, or has ended."""
    with subprocess.Popen([sys.executable, "-c", WORK_UNTIL_KILLED, path], stdout=subprocess.PIPE, text=True) as victim:
        acknowledged = [victim.stdout.readline() for _ in range(lines)]
        victim.kill()
        acknowledged += victim.stdout.readlines()

    said = [line.split() for line in acknowledged if line.endswith("\n")]
    states = {info.id: info.state for info in SQLiteTaskStore(path).get_all_tasks()}
    assert {int(task_id) for word, task_id in said if word == "added"} <= states.keys()
    assert {states[int(task_id)] for word, task_id in said if word == "ended"} <= {TaskState.SUCCEEDED}
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    counted = {row.state: row.count for row in SQLiteTaskStore(path).counts()}
    assert counted == {state: list(states.values()).count(state) for state in set(states.values())}


def test_store_leaves_only_its_file_behind(store, path):
    """Closing moves the log into the file, and takes the pipes away."""
    store.add([TASK])
    store.wait_for_change(0)

    store.close()

    assert os.listdir(os.path.dirname(path)) == ["tasks.db"]
