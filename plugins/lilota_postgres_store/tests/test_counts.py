"""The counts as many small rows, and their sum."""

from __future__ import annotations

import threading

import pytest
from lilota_postgres_store import folding

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState

TASK = NewTask(name="task")


def rows_of_counts(store):
    with store._database.pool.lend() as connection:
        name = f'"{store.address.schema}"."lilota_lane_counts"'
        return connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0]


def fold(store):
    store._database.write(("fold_counts", {"limit": "5000"}))


def test_folding_changes_no_count(store):
    """One row is left for each name, queue and state that has tasks."""
    for _ in range(5):
        store.add([TASK, NewTask(name="other", delay_seconds=1000)])
    store.cancel(store.add([TASK])[0])
    before = sorted(store.counts(), key=repr)

    fold(store)

    assert sorted(store.counts(), key=repr) == before
    assert rows_of_counts(store) == 3


def test_rows_stay_few_whatever_is_written(store, monkeypatch):
    """Those who write fold now and then, by chance."""
    monkeypatch.setattr(folding, "_WRITES_PER_FOLD", 5)

    for _ in range(100):
        store.add([TASK])

    assert rows_of_counts(store) < 60
    assert [count.count for count in store.counts()] == [100]


def test_folding_while_others_write_and_read_is_never_seen(store, url, open_store):
    """Each reader sees all tasks; each folder takes other rows."""
    ids = store.add([TASK] * 200)
    store.heartbeat(RunnerInfo(id="runner"))
    request = ClaimRequest(runner_id="runner", names=("task",), limit=5)
    done = threading.Event()
    totals = set()

    def read():
        reader = open_store(url)
        while not done.is_set():
            totals.add(sum(count.count for count in reader.counts()))

    def fold_always():
        folder = open_store(url)
        while not done.is_set():
            fold(folder)

    threads = [threading.Thread(target=work) for work in (read, fold_always, fold_always)]
    for thread in threads:
        thread.start()
    claims = store.claim(request).claims
    while claims:
        outcome = Outcome(state=TaskState.SUCCEEDED)
        updates = [AttemptUpdate(id=claim.id, token=claim.token, outcome=outcome) for claim in claims]
        claims = store.commit(updates, request).claimed.claims
    done.set()
    for thread in threads:
        thread.join()

    assert totals == {len(ids)}
    assert [(count.state, count.count) for count in store.counts()] == [(TaskState.SUCCEEDED, len(ids))]


def test_fold_that_fails_does_not_fail_what_was_written(store, monkeypatch):
    """The tasks are added; another fold will come."""
    monkeypatch.setattr(folding, "_WRITES_PER_FOLD", 1)
    monkeypatch.setattr(folding, "_MOST_ROWS", "no number")

    assert len(store.add([TASK])) == 1


@pytest.mark.parametrize("queue", ["default", "a\0b", "\x1a0"])
def test_lane_has_the_same_number_everywhere(queue):
    """It is made of queue and name alone, and fits the column."""
    from lilota_postgres_store.lanes import lane_id

    assert lane_id(queue, "task") == lane_id(queue, "task") != lane_id("task", queue)
    assert -(2**63) <= lane_id(queue, "task") < 2**63


def test_lanes_that_are_forgotten_are_looked_up_again(store, monkeypatch):
    """A process remembers only so many of them, whichever a call needs."""
    from lilota_postgres_store import lanes

    monkeypatch.setattr(lanes, "_MOST_KNOWN", 0)
    store.add([TASK])

    store.add([TASK, NewTask(name="other")])

    assert [info.name for info in store.get_all_tasks()] == ["task", "task", "other"]


def test_names_that_share_a_number_are_refused(store, monkeypatch):
    """It will hardly ever happen; but then no task may run as another one."""
    from lilota_postgres_store import lanes

    from lilota.errors import StoreError

    monkeypatch.setattr(lanes, "lane_id", lambda queue, name: 7)
    store.add([TASK])

    with pytest.raises(StoreError, match=r"have the number 7, which belongs to .*'task'.*Rename one of them"):
        store.add([NewTask(name="other")])

    assert [info.name for info in store.get_all_tasks()] == ["task"]
