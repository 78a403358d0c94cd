"""The counts of lanes: rows that are added up now and then, without a moment in which they are wrong."""

from __future__ import annotations

import random
import threading
from collections import Counter

import pytest
from django.db import transaction
from lilota_django.models import LaneCount
from lilota_django.orm.database import Database
from lilota_django.orm.moves import fold, mark

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState


@pytest.fixture
def never_folding(monkeypatch):
    """No fold by chance: a test decides."""
    monkeypatch.setattr(random, "randrange", lambda _: 1)


def fold_now(store) -> int:
    database = Database(store.alias)
    folded = database.write(lambda: fold(database))
    database.close()
    return folded


def counted(store) -> Counter:
    return Counter({(row.queue, row.name, row.state): row.count for row in store.counts()})


def stored(store) -> Counter:
    return Counter((info.queue, info.name, info.state) for info in store.get_all_tasks())


def test_a_fold_changes_no_count(everywhere, never_folding):
    """A sum is worth its rows, and there is one per lane and state."""
    for n in range(30):
        everywhere.add([NewTask(name=f"name {n % 3}", delay_seconds=n % 2)])
    before = counted(everywhere)

    fold_now(everywhere)

    assert counted(everywhere) == before == stored(everywhere)
    assert LaneCount.objects.using(everywhere.alias).count() == 6


def test_a_fold_keeps_news_for_who_has_not_looked_yet(everywhere, never_folding):
    """Whoever looked before the change and looks again after the fold notices."""
    while everywhere.wait_for_change(0):
        pass
    everywhere.add([NewTask(name="task")])

    fold_now(everywhere)

    assert everywhere.wait_for_change(0)


def test_a_fold_of_changes_that_cancel_out_keeps_news_too(everywhere, never_folding):
    """A task that came and went is a change all the same."""
    (task_id,) = everywhere.add([NewTask(name="task")])
    everywhere.cancel(task_id)
    fold_now(everywhere)
    before = mark(everywhere.alias)
    everywhere.retry(task_id)
    everywhere.cancel(task_id)

    fold_now(everywhere)

    assert mark(everywhere.alias) != before
    assert counted(everywhere) == stored(everywhere)


def test_a_fold_leaves_alone_what_others_are_changing(everywhere, never_folding):
    """It neither waits for an open transaction nor counts what may vanish."""
    if everywhere.alias == "default":
        pytest.skip("SQLite has one writer at a time")
    everywhere.add([NewTask(name="task")])
    answers = []

    with transaction.atomic(using=everywhere.alias):
        everywhere.add([NewTask(name="task")])
        folder = threading.Thread(target=lambda: answers.append(fold_now(everywhere)))
        folder.start()
        folder.join()
        transaction.set_rollback(True, using=everywhere.alias)

    assert answers == [1]
    assert counted(everywhere) == stored(everywhere) == {("default", "task", TaskState.PENDING): 1}


def test_counts_agree_with_tasks_while_everybody_folds(everywhere, monkeypatch):
    """Adders, a runner and folds after every transaction leave counts that are exact."""
    monkeypatch.setattr(random, "randrange", lambda _: 0)
    adders = [threading.Thread(target=add_some, args=[everywhere]) for _ in range(3)]
    runner = threading.Thread(target=run_some, args=[everywhere])

    for thread in (*adders, runner):
        thread.start()
    for thread in (*adders, runner):
        thread.join()

    assert counted(everywhere) == stored(everywhere)


def add_some(store) -> None:
    for n in range(15):
        store.add([NewTask(name=f"name {n % 2}")] * 3)


def run_some(store) -> None:
    store.heartbeat(RunnerInfo(id="runner"))
    request = ClaimRequest(runner_id="runner", names=("name 0", "name 1"), limit=5)
    done = Outcome(state=TaskState.SUCCEEDED)
    for _ in range(15):
        claims = store.claim(request).claims
        store.commit([AttemptUpdate(id=claim.id, token=claim.token, outcome=done) for claim in claims])
    store.release("runner")
