"""What has been due for the longest time: from the heads of lines, or from a few pages."""

from __future__ import annotations

import pytest
from lilota_memory_store.store import MemoryTaskStore
from older_stores import OlderStore

from lilota.contract import DueSince, from_microseconds
from lilota.contract.oldest import HEADS, MOST_LATE, MOST_PRIORITIES, Head, Line, heads_of, oldest_due, oldest_of
from lilota.models import NewTask
from lilota.plugins.guarded_stores import GuardedStore

LINE, OTHER = Line("default", "task"), Line("default", "other")


def head(task_id, *, run_at=10, created_at=0, priority=0):
    return Head(task_id, priority, run_at, created_at)


def told(found):
    return {(task.id, task.due_at) for task in found.tasks}


def test_the_oldest_of_each_line_is_told():
    """Of its priorities, and of what is in no line yet."""
    heads = [(LINE, head(1, run_at=30, priority=5)), (LINE, head(2, run_at=20)), (OTHER, head(3, run_at=90))]

    found = oldest_of(heads, [(OTHER, head(4, run_at=40)), (Line("slow", "task"), head(5, run_at=70))])

    assert told(found) == {(2, from_microseconds(20)), (4, from_microseconds(40)), (5, from_microseconds(70))}
    assert not found.is_cut
    assert DueSince(id=5, queue="slow", name="task", due_at=from_microseconds(70)) in found.tasks
    assert not oldest_of([], []).tasks


@pytest.mark.parametrize(
    ("heads", "late"),
    [
        ([(LINE, head(n, priority=-n)) for n in range(MOST_PRIORITIES)], []),
        ([(LINE, head(n, run_at=10, created_at=20)) for n in range(HEADS)], []),
        ([], [(LINE, head(n)) for n in range(MOST_LATE)]),
    ],
    ids=["priorities", "added for an instant that was over", "not in line yet"],
)
def test_it_is_said_that_there_may_be_more(heads, late):
    """With one less of these, nothing is left out."""
    assert oldest_of(heads, late).is_cut
    assert not oldest_of(heads[1:], late[1:]).is_cut


def test_a_line_is_walked_from_priority_to_priority():
    """What is before it costs nothing; where there are too many, the lowest ones are left out."""
    line = [head(n, priority=-(n // 10)) for n in range(10 * MOST_PRIORITIES + 20)]
    asked = []

    def first(below):
        asked.append(below)
        return [each for each in line if each.priority < below][:HEADS]

    found = list(heads_of(first))

    assert len(asked) == MOST_PRIORITIES
    assert [each.id for each in found] == [10 * n + k for n in range(MOST_PRIORITIES) for k in range(HEADS)]
    assert list(heads_of(lambda _: [])) == []


@pytest.mark.parametrize(
    "wrapped", [OlderStore, lambda store: GuardedStore(OlderStore(store))], ids=["bare", "guarded"]
)
def test_a_store_that_does_not_tell_is_read_up_to_a_thousand(wrapped):
    """The answer is the same as long as no more than that wait."""
    store = MemoryTaskStore()
    store.add([NewTask(name="task", delay_seconds=3600), NewTask(name="other"), NewTask(name="task")])
    store.add([NewTask(name="task", priority=7)] * 100)

    found = oldest_due(wrapped(store))
    assert set(found.tasks) == set(oldest_due(store).tasks)
    assert not found.is_cut

    store.add([NewTask(name="third")] * 1000)
    found = oldest_due(wrapped(store))
    assert {task.name for task in found.tasks} == {"task", "other", "third"}
    assert found.is_cut
    assert not oldest_due(store).is_cut


def test_a_store_in_memory_says_where_it_has_stopped_to_look(monkeypatch):
    """Nobody else gets in while it looks."""
    monkeypatch.setattr("lilota_memory_store.claims._MOST_LOOKED_AT", 10)
    store = MemoryTaskStore()
    store.add([NewTask(name="task")] * 9)
    assert not oldest_due(store).is_cut

    store.add([NewTask(name="task")] * 2)

    assert oldest_due(store).is_cut


def test_a_store_tells_it_before_any_claim():
    """By the clock of the store; and where many have become due meanwhile, that it has not looked at all of them."""
    now = [0.0]
    store = MemoryTaskStore(clock=lambda: now[0])
    store.add([NewTask(name="task", delay_seconds=10 + n) for n in range(12_000)])
    assert oldest_due(store).tasks == ()

    now[0] = 100_000.0
    found = oldest_due(store)

    assert [(task.id, task.due_at) for task in found.tasks] == [(1, from_microseconds(10_000_000))]
    assert found.is_cut
