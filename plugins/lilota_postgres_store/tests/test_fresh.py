"""Fresh tasks: what was added without a wish for its order is in no index of ready tasks, and keeps its place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.models import NewTask, TaskState

TASK = NewTask(name="task")
URGENT = NewTask(name="task", priority=1)
UNIMPORTANT = NewTask(name="task", priority=-1)


def fresh_ids(store):
    with store._database.pool.lend() as connection:
        name = f'"{store.address.schema}"."lilota_tasks"'
        return [task_id for (task_id,) in connection.execute(f"SELECT id FROM {name} WHERE state = 7 ORDER BY id")]


def make_ready(store, task_id):
    """Let a task look as programs stored it that did not know of fresh ones yet."""
    with store._database.pool.lend() as connection:
        schema = store.address.schema
        connection.execute(f'UPDATE "{schema}"."lilota_tasks" SET state = 2 WHERE id = %s', [task_id])
        connection.execute(
            f'INSERT INTO "{schema}"."lilota_lane_counts" (lane, state, n)'
            f' SELECT lane, moved.state, n FROM "{schema}"."lilota_tasks", (VALUES (7, -1), (2, 1)) AS moved (state, n)'
            " WHERE id = %s",
            [task_id],
        )


def claim(store, limit=100):
    store.heartbeat(RunnerInfo(id="runner"))
    return [task.id for task in store.claim(ClaimRequest(runner_id="runner", names=("task",), limit=limit)).claims]


def test_only_due_tasks_of_the_usual_priority_are_fresh(store):
    """All others have an order that their ids do not tell."""
    fresh = store.add([TASK, TASK])
    earlier = NewTask(name="task", run_at=datetime.now(UTC) - timedelta(minutes=1))
    store.add([URGENT, UNIMPORTANT, earlier, NewTask(name="task", delay_seconds=60)])
    store.add([URGENT])
    fresh += store.add([TASK, NewTask(name="other")])

    assert fresh_ids(store) == fresh


def test_a_task_that_runs_again_is_not_fresh(store):
    """It is due later than the tasks that were added after it."""
    first, cancelled, last = store.add([TASK] * 3)
    claim(store, limit=1)
    store.release("runner")
    store.cancel(cancelled)
    store.retry(cancelled)

    assert fresh_ids(store) == [last]
    assert claim(store) == [last, first, cancelled]


def test_fresh_tasks_take_their_place_among_the_others(store):
    """Higher priority first, then what was due first."""
    ids = [store.add([task])[0] for task in (TASK, UNIMPORTANT, URGENT, TASK, URGENT)]
    ids += store.add([NewTask(name="task", run_at=datetime.now(UTC) - timedelta(minutes=1))])

    assert claim(store, limit=4) == [ids[2], ids[4], ids[5], ids[0]]
    assert claim(store) == [ids[3], ids[1]]


def test_tasks_of_older_programs_keep_their_place(store):
    """They were ready when there were no fresh ones yet."""
    ids = store.add([TASK] * 4)
    make_ready(store, ids[0])
    make_ready(store, ids[2])

    assert claim(store) == ids
    assert [(count.state, count.count) for count in store.counts()] == [(TaskState.RUNNING, 4)]


def test_fresh_tasks_can_be_cancelled_and_counted_as_pending(store):
    """Nobody outside of this package sees a difference."""
    first, second = store.add([TASK] * 2)

    assert store.cancel(first) is TaskState.CANCELLED
    assert {(count.state, count.count) for count in store.counts()} == {
        (TaskState.CANCELLED, 1),
        (TaskState.PENDING, 1),
    }
    assert store.get(second).state is TaskState.PENDING
