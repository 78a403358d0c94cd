"""The contract of `restore`: tasks move from one store into another, and go on living there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from lilota.contract import StoredTask, TaskStore
from lilota.errors import TaskNotFoundError, TaskStateError
from lilota.models import AttemptUpdate, LogLine, Outcome, TaskError, TaskInfo, TaskState
from lilota.testing.contract.harness import (
    ContractFixtures,
    ContractRunner,
    add_ended,
    add_many,
    add_one,
    add_running,
    counted,
    counted_from,
    found_ids,
    prune_all,
    totals_seen_during,
    update,
)

LONG_AGO = datetime(2024, 2, 29, 12, 30, 15, 123000, tzinfo=UTC)
FAR_AHEAD = datetime(2500, 6, 1, 10, 0, tzinfo=UTC)
STATES = tuple(state for state in TaskState if state is not TaskState.RUNNING)
each_state: pytest.MarkDecorator = pytest.mark.parametrize("state", STATES)

LINES = (
    LogLine(at=1700000000.25, text="first", level=10, source="log", attempt=1, logger="app.images"),
    LogLine(at=1700000001.5, text="printed é\u2028", source="output", attempt=2),
)


class RestoreContract(ContractFixtures):
    """What whoever moves tasks can rely on."""

    @each_state
    def test_a_restored_task_is_the_same_in_every_field(self, store: TaskStore, state: TaskState) -> None:
        """Its past came with it: attempts, token, instants, output, error, runner and log."""
        task = StoredTask(info=a_task(free_id(store), state), log_lines=LINES)

        number = store.restore([task])

        assert number == 1
        assert store.get(task.info.id) == task.info
        assert store.logs(task.info.id) == list(LINES)

    def test_a_task_without_a_past_is_restored_as_it_is(self, store: TaskStore) -> None:
        """What is not set stays absent."""
        task_id = free_id(store)
        bare = TaskInfo(id=task_id, name="task", created_at=LONG_AGO, run_at=LONG_AGO)

        store.restore([StoredTask(info=bare)])

        assert store.get(task_id) == bare
        assert store.logs(task_id) == []

    def test_long_texts_are_restored(self, store: TaskStore) -> None:
        """Input, output and error may be as long as those of other tasks."""
        text = '{"x":"' + "é" * 100_000 + '"}'
        error = TaskError(type="ValueError", message="m", traceback="t" * 100_000)
        info = replace(a_task(free_id(store), TaskState.FAILED), input_json=text, output_json=text, error=error)

        store.restore([StoredTask(info=info)])

        assert store.get(info.id) == info

    def test_what_a_store_reads_of_its_own_tasks_can_be_restored(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """Taken out and put back, a task is what it was."""
        claim = add_ended(store, runner, TaskState.FAILED)
        store.retry(claim.id)
        runner.finish(runner.claim_one(), Outcome(state=TaskState.SUCCEEDED))
        taken = stored(store, [claim.id])
        prune_all(store)

        store.restore(taken)

        assert stored(store, [claim.id]) == taken

    def test_restored_tasks_are_found_listed_and_counted(self, store: TaskStore, runner: ContractRunner) -> None:
        """Each is in its state, its queue and its place by id, among those that were there."""
        first = free_id(store)
        add_running(store, runner, name="task")
        add_one(store, queue="slow")
        tasks = [a_task(first + 100 + n, state) for n, state in enumerate(STATES)]

        store.restore([StoredTask(info=info) for info in reversed(tasks)])

        everything = store.get_all_tasks()
        ids = [info.id for info in everything]
        assert ids == sorted(ids)
        assert found_ids(store, newest_first=False) == ids
        assert counted(store) == counted_from(everything)
        for info in tasks:
            assert info.id in found_ids(store, states=(info.state,), names=(info.name,), queues=(info.queue,))

    def test_ids_below_those_in_use_take_their_place_in_the_order(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """Tasks that come late stand where their ids say, in every list."""
        low = add_ended(store, runner).id
        taken = stored(store, [low])
        prune_all(store)
        high = add_one(store)

        store.restore(taken)

        assert [info.id for info in store.get_all_tasks()] == [low, high]
        assert found_ids(store, limit=1) == [high]
        assert found_ids(store, limit=1, after_id=high) == [low]

    def test_due_tasks_are_claimed_in_order_and_scheduled_ones_wait(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """Priority, then `run_at`, then id, as if they had been added here."""
        first = free_id(store)
        pending = a_task(first, TaskState.PENDING)
        order = [
            replace(pending, id=first + 4, priority=5),
            replace(pending, id=first + 1, run_at=LONG_AGO - timedelta(hours=1)),
            replace(pending, id=first),
            replace(pending, id=first + 2),
        ]
        scheduled = replace(pending, id=first + 3, run_at=FAR_AHEAD, priority=9)

        store.restore([StoredTask(info=info) for info in (scheduled, *reversed(order))])

        claims = runner.claim(10, names=(pending.name,))
        assert [claim.id for claim in claims] == [info.id for info in order]
        assert store.get(scheduled.id) == scheduled

    def test_a_restored_task_becomes_due_by_the_stores_clock(self, store: TaskStore, runner: ContractRunner) -> None:
        """It was scheduled elsewhere for an instant that has passed on the way."""
        info = replace(a_task(free_id(store), TaskState.PENDING), run_at=store.get(add_one(store)).created_at)

        store.restore([StoredTask(info=info)])

        assert [claim.id for claim in runner.claim(5, names=(info.name,))] == [info.id]

    def test_attempts_and_tokens_go_on_from_where_they_were(self, store: TaskStore, runner: ContractRunner) -> None:
        """A token that was granted by the other store stays void for ever."""
        info = restored(store, TaskState.PENDING)

        (claim,) = runner.claim(names=(info.name,))

        assert claim.token > info.token
        assert (claim.attempt, claim.lost_attempts) == (info.attempt + 1, info.lost_attempts)
        assert (claim.input_json, claim.output_json) == (info.input_json, info.output_json)
        late = store.commit([AttemptUpdate(id=claim.id, token=info.token, progress=1.0)])
        assert late.refused == ((claim.id, info.token),)
        assert runner.finish(claim).refused == ()

    def test_a_waiting_task_is_not_granted_and_can_be_cancelled(self, store: TaskStore, runner: ContractRunner) -> None:
        """It waits for other tasks, wherever it is."""
        info = restored(store, TaskState.WAITING)

        claims = runner.claim(5, names=(info.name,))

        assert claims == ()
        assert store.cancel(info.id) is TaskState.CANCELLED
        assert counted(store) == counted_from(store.get_all_tasks())

    @pytest.mark.parametrize("state", [TaskState.FAILED, TaskState.CANCELLED])
    def test_a_restored_task_can_be_retried(self, store: TaskStore, runner: ContractRunner, state: TaskState) -> None:
        """It is as if it were new; its output and log stay, and its token goes on rising."""
        info = restored(store, state, LINES)

        store.retry(info.id)

        (claim,) = runner.claim(names=(info.name,))
        assert (claim.attempt, claim.lost_attempts, claim.output_json) == (1, 0, info.output_json)
        assert claim.token > info.token
        assert store.logs(info.id)[:2] == list(LINES)
        assert len(store.logs(info.id)) == 3

    def test_lines_that_are_logged_later_follow_the_restored_ones(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """The log goes on, and the claim tells how long it is."""
        info = restored(store, TaskState.PENDING, LINES)
        (claim,) = runner.claim(names=(info.name,))
        line = LogLine(at=5.0, text="later")

        store.commit([update(claim, log_lines=(line,), log_offset=claim.log_count)])

        assert claim.log_count == len(LINES)
        assert store.logs(info.id) == [*LINES, line]
        assert store.logs(info.id, after=2) == [line]

    def test_a_restored_pending_task_can_be_cancelled(self, store: TaskStore, runner: ContractRunner) -> None:
        """At once, also before it is due."""
        first = free_id(store)
        due = a_task(first, TaskState.PENDING)
        scheduled = replace(due, id=first + 1, run_at=FAR_AHEAD)
        store.restore([StoredTask(info=due), StoredTask(info=scheduled)])

        states = [store.cancel(due.id), store.cancel(scheduled.id)]

        assert states == [TaskState.CANCELLED] * 2
        assert runner.claim(5, names=(due.name,)) == ()

    def test_restored_tasks_that_ended_long_ago_are_pruned(self, store: TaskStore) -> None:
        """Their age counts from when they ended, not from when they came."""
        first = free_id(store)
        ended = [a_task(first + n, state) for n, state in enumerate(STATES) if state.is_terminal]
        pending = a_task(first + 10, TaskState.PENDING)
        store.restore([StoredTask(info=info, log_lines=LINES) for info in (*ended, pending)])

        pruned = store.prune(86_400)

        assert pruned == len(ended)
        assert found_ids(store) == [pending.id]
        with pytest.raises(TaskNotFoundError):
            store.logs(ended[0].id)

    def test_ids_of_later_tasks_are_higher_than_restored_ones(self, store: TaskStore) -> None:
        """No id is given twice, however far ahead the other store was, and also in one that was empty."""
        highest = add_one(store) + 1_000_000
        tasks = [a_task(task_id, TaskState.SUCCEEDED) for task_id in (highest, highest - 5)]
        store.restore([StoredTask(info=info) for info in tasks])
        assert store.prune(0) == len(tasks)

        ids = add_many(store, 3)

        assert min(ids) > highest

    def test_ids_of_later_tasks_never_fall(self, store: TaskStore, runner: ContractRunner) -> None:
        """Tasks with low ids don't set back what `add` counts."""
        low = add_ended(store, runner).id
        taken = stored(store, [low])
        prune_all(store)
        highest = max(add_many(store, 5))

        store.restore(taken)

        assert add_one(store) > highest

    def test_a_task_whose_id_exists_stays_as_it_is(self, store: TaskStore, runner: ContractRunner) -> None:
        """So that an interrupted copy can be repeated: what is there, and lives on, is not set back."""
        running, pending = add_running(store, runner), add_one(store)
        before = stored(store, [running.id, pending])
        new_id = free_id(store)
        tasks = [a_task(task_id, TaskState.FAILED) for task_id in (running.id, pending, new_id)]

        number = store.restore([StoredTask(info=info, log_lines=LINES) for info in tasks])

        assert number == 1
        assert stored(store, [running.id, pending]) == before
        assert store.get(new_id) == tasks[2]
        assert counted(store) == counted_from(store.get_all_tasks())
        assert runner.finish(running).refused == ()

    def test_restoring_again_writes_nothing(self, store: TaskStore) -> None:
        """Neither tasks nor log lines double."""
        tasks = [StoredTask(info=a_task(free_id(store), TaskState.SUCCEEDED), log_lines=LINES)]

        numbers = [store.restore(tasks) for _ in range(2)]

        assert numbers == [1, 0]
        assert stored(store, [tasks[0].info.id]) == tasks

    def test_a_running_task_is_refused_and_nothing_is_written(self, store: TaskStore) -> None:
        """Its runner would go on writing to the other store; the error names the task."""
        first = free_id(store)
        running = replace(a_task(first + 1, TaskState.PENDING), state=TaskState.RUNNING)
        batch = [a_task(first, TaskState.SUCCEEDED), running, a_task(first + 2, TaskState.FAILED)]

        with pytest.raises(TaskStateError) as refusal:
            store.restore([StoredTask(info=info) for info in batch])

        assert str(refusal.value) == (
            f"The task {running.id} is running: its runner would go on writing to the store that it comes from. "
            "Stop the runners of that store first."
        )
        assert store.get_all_tasks() == []
        assert store.counts() == []

    def test_restore_of_nothing_is_no_error(self, store: TaskStore) -> None:
        """An empty page has nothing to write."""
        assert store.restore([]) == 0

    def test_restored_runners_are_names_only(self, store: TaskStore) -> None:
        """Who ran a task elsewhere is remembered with the task; no runner is registered for it."""
        info = restored(store, TaskState.SUCCEEDED)

        assert info.runner_id not in [runner.id for runner in store.runners()]
        assert store.rescue() == []
        assert store.release(str(info.runner_id)) == 0
        assert store.get(info.id) == info

    def test_a_batch_of_restored_tasks_is_seen_whole_or_not_at_all(self, store: TaskStore) -> None:
        """Whoever looks meanwhile sees all of its tasks or none."""
        first = free_id(store)

        def restore_batches() -> None:
            for start in range(first, first + 200, 10):
                infos = [a_task(start + n, TaskState.PENDING) for n in range(10)]
                store.restore([StoredTask(info=info, log_lines=LINES) for info in infos])

        seen = totals_seen_during(restore_batches, store)

        assert all(number % 10 == 0 for number in seen), f"parts of a batch were visible: {sorted(seen)}"
        assert counted(store).total() == 200


def restored(store: TaskStore, state: TaskState, log_lines: tuple[LogLine, ...] = ()) -> TaskInfo:
    """Restore a task in that state, and return it."""
    info = a_task(free_id(store), state)
    store.restore([StoredTask(info=info, log_lines=log_lines)])
    return info


def a_task(task_id: int, state: TaskState) -> TaskInfo:
    """Return a task as another store may have kept it: in that state, with a long past."""
    has_run = state is not TaskState.WAITING
    return TaskInfo(
        id=task_id,
        name="resize é",
        description="the holiday pictures",
        state=state,
        queue="slow",
        priority=-7,
        input_json='{"folder":"/tmp","sizes":[1,2.5,null]}',
        output_json='{"done":2}' if has_run else None,
        created_at=LONG_AGO - timedelta(days=1),
        run_at=LONG_AGO,
        started_at=LONG_AGO + timedelta(seconds=1) if has_run else None,
        finished_at=LONG_AGO + timedelta(seconds=61) if state.is_terminal else None,
        attempt=4 if has_run else 0,
        token=9 if has_run else 0,
        lost_attempts=2 if has_run else 0,
        max_lost_attempts=5,
        pid=4711 if has_run else 0,
        runner_id="runner-elsewhere" if has_run else None,
        reported_progress=62.5 if has_run else 0.0,
        error=TaskError(type="ValueError", message="é", traceback="t\nu") if state is TaskState.FAILED else None,
        cancel_requested=state is TaskState.CANCELLED,
    )


def free_id(store: TaskStore) -> int:
    """Return an id that is not in use, with room behind it."""
    tasks = store.get_all_tasks()
    return (tasks[-1].id if tasks else 0) + 1000


def stored(store: TaskStore, task_ids: Sequence[int]) -> list[StoredTask]:
    """Return all that a store keeps of these tasks."""
    return [StoredTask(info=store.get(task_id), log_lines=tuple(store.logs(task_id))) for task_id in task_ids]
