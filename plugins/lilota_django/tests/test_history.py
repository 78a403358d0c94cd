"""A result tells of the attempts of its task what the history in the store has: each error, worker and instant."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from lilota_django import LilotaBackend
from lilota_django.client import get_client, notes_reader_of
from lilota_django.django_tasks.calls import FAMILY
from lilota_django.django_tasks.compat import TaskResultDoesNotExist
from lilota_django.models import Note as NoteRow
from shop import tasks

from lilota.contract import AttemptRecord, ClaimRequest, RunnerInfo
from lilota.contract.history import attempt_note
from lilota.models import AttemptUpdate, Outcome, TaskError, TaskState

BACKEND = {"BACKEND": "lilota_django.LilotaBackend"}
BEGAN = 1.5e9
TORN = TaskError(type="ValueError", message="torn", traceback="Traceback ...\nValueError: torn")
KILLED = TaskError(type="WorkerDied", message="It was killed by SIGKILL: 2.1 GB used, limit 2 GB.")


@pytest.fixture
def store(store):
    """The store of the project, with the backend in place."""
    with override_settings(TASKS={"default": BACKEND}, LILOTA={}):
        yield store
        get_client().close()


def claim(store):
    store.heartbeat(RunnerInfo(id="a-runner"))
    return store.claim(ClaimRequest(runner_id="a-runner", names=(), families=(FAMILY,))).claims[0]


def attempt(store, error=None, *, state=TaskState.PENDING, outcome="failed", spends=True):
    """Run one attempt to its end as a runner does, with its record; the n-th began in minute n."""
    claimed = claim(store)
    n = 1 + len(store.notes(claimed.id))
    end = Outcome(state=state, error=error, lost=outcome == "lost", spends_attempt=spends)
    record = AttemptRecord(
        token=claimed.token,
        attempt=claimed.attempt,
        outcome=outcome,
        runner_id="a-runner",
        pid=10 + n,
        started_at=BEGAN + 60 * n,
        error=error,
    )
    notes = () if state is TaskState.SUCCEEDED else (attempt_note(record),)
    store.commit([AttemptUpdate(id=claimed.id, token=claimed.token, pid=record.pid, notes=notes, outcome=end)])


def names(result):
    """Return the classes of the errors of a result as it is now, by their names."""
    result.refresh()
    return [error.exception_class_path.rpartition(".")[2] for error in result.errors]


def minute(number):
    return datetime.fromtimestamp(BEGAN + 60 * number, UTC)


def test_each_attempt_has_its_error_its_worker_and_its_start(store):
    """That of one whose worker died says why, in words and numbers."""
    result = tasks.total.enqueue(1)
    attempt(store, TORN)
    attempt(store, KILLED, outcome="lost")
    attempt(store, state=TaskState.SUCCEEDED)

    assert names(result) == ["ValueError", "WorkerDied"]
    assert [error.traceback.splitlines()[-1] for error in result.errors] == [
        "ValueError: torn",
        "WorkerDied: It was killed by SIGKILL: 2.1 GB used, limit 2 GB.",
    ]
    assert (result.attempts, result.worker_ids) == (3, ["a-runner-11", "a-runner-12", "a-runner-13"])
    assert result.started_at == minute(1)
    assert result.started_at < result.last_attempted_at <= result.finished_at


def test_a_task_that_waits_for_its_next_attempt_tells_of_those_before(store):
    """While it waits, and while it runs and has not yet said that it has begun."""
    result = tasks.total.enqueue(1)
    seen = []
    for _ in range(2):
        attempt(store, TORN)
        seen.append((names(result), result.attempts, result.worker_ids))
        claim(store)
        seen.append((names(result), result.attempts))
        assert (result.started_at, result.last_attempted_at >= result.started_at) == (minute(1), True)
        store.release("a-runner")

    assert seen == [
        (["ValueError"], 1, ["a-runner-11"]),
        (["ValueError"], 2),
        (["ValueError"] * 2, 2, ["a-runner-11", "a-runner-12"]),
        (["ValueError"] * 2, 3),
    ]


def test_the_last_error_of_a_failed_task_is_told_once(store):
    """Its record and the task itself both have it."""
    result = tasks.total.enqueue(1)
    attempt(store, TORN)
    attempt(store, KILLED, state=TaskState.FAILED, outcome="lost")

    assert (names(result), result.attempts) == (["ValueError", "WorkerDied"], 2)


def test_a_deadline_that_passes_between_two_attempts_comes_last(store):
    """It is not the error of an attempt."""
    result = tasks.total.enqueue(1)
    attempt(store, TORN)
    claimed = claim(store)
    over = TaskError(type="DeadlineReached", message="over its deadline")
    end = Outcome(state=TaskState.FAILED, error=over, spends_attempt=False)
    store.commit([AttemptUpdate(id=claimed.id, token=claimed.token, outcome=end)])

    assert (names(result), result.attempts) == (["ValueError", "DeadlineReached"], 1)


def test_that_somebody_cancels_a_task_between_two_attempts_comes_last(store):
    """As the deadline does."""
    result = tasks.total.enqueue(1)
    attempt(store, TORN)
    store.cancel(int(result.id))

    assert (names(result), result.attempts) == (["ValueError", "TaskCancelledError"], 1)


def test_attempts_before_a_retry_by_hand_are_of_another_run(store):
    """Their numbers come again; a cancelled attempt begins no new run by itself."""
    result = tasks.total.enqueue(1)
    attempt(store, TORN)
    attempt(store, TORN, state=TaskState.FAILED)
    store.retry(int(result.id))
    seen = [names(result)]
    attempt(store, KILLED, outcome="lost")
    seen.append(names(result))
    attempt(store, state=TaskState.CANCELLED, outcome="cancelled")
    seen.append(names(result))
    store.retry(int(result.id))
    seen.append(names(result))
    attempt(store, state=TaskState.SUCCEEDED)
    seen.append(names(result))

    assert seen == [[], ["WorkerDied"], ["WorkerDied", "TaskCancelledError"], [], []]
    assert (result.attempts, result.worker_ids, result.started_at) == (1, ["a-runner-15"], result.last_attempted_at)


def test_attempts_that_do_not_count_are_no_errors(store):
    """A stop of the runner gives one back, `Retry` asks for one more."""
    result = tasks.total.enqueue(1)
    attempt(store, TORN)
    attempt(store, outcome="returned", spends=False)
    attempt(store, TaskError(type="Retry", message="later"), outcome="retry", spends=False)
    waiting = names(result)
    attempt(store, state=TaskState.SUCCEEDED)

    assert waiting == ["ValueError", "Retry"]  # as long as it waits for that
    assert (names(result), result.attempts) == (["ValueError"], 2)


def test_of_many_attempts_the_newest_are_told(store):
    """As many as the history keeps; the number of attempts stays right."""
    result = tasks.total.enqueue(1)
    for number in range(1, 61):
        attempt(store, TaskError(type="ValueError", message=f"number {number}"))
    claim(store)

    assert names(result) == ["ValueError"] * 50
    assert [error.traceback for error in result.errors][::49] == ["ValueError: number 11", "ValueError: number 60"]
    assert (result.attempts, result.worker_ids.count("unknown")) == (61, 10)


def test_a_record_that_was_damaged_hides_no_other(store):
    """Of that attempt only that it failed is known."""
    result = tasks.total.enqueue(1)
    for _ in range(3):
        attempt(store, TORN)
    NoteRow.objects.filter(attempt=2).update(value_json='{"token":2')
    claim(store)

    assert names(result) == ["ValueError", "WorkerDied", "ValueError"]
    assert result.worker_ids == ["a-runner-11", "unknown", "a-runner-13", "a-runner"]


def test_to_look_at_a_result_costs_the_same_however_many_attempts_there_were(store):
    """One question for a task that runs or succeeds at once, and a few for any other; that it was pruned is told."""
    result = tasks.total.enqueue(1)
    claim(store)
    notes_reader_of(get_client())  # what the store supports is asked once in a process
    costs = [cost(result)]
    store.release("a-runner")
    for _ in range(2):
        for _ in range(10):
            attempt(store, TORN)
        costs.append(cost(result))

    assert costs[0] == 1
    assert costs[1] == costs[2] <= 4
    store.cancel(int(result.id))
    store.prune(0)
    with pytest.raises(TaskResultDoesNotExist):
        result.refresh()


def cost(result):
    """Return with how many statements a result is read."""
    with CaptureQueriesContext(connection) as captured:
        result.refresh()
    return len([found for found in captured.captured_queries if found["sql"].startswith("SELECT")])


def test_a_task_that_is_pruned_while_it_is_looked_at_does_not_exist(store, monkeypatch):
    """Its history is read after the task itself."""
    result = tasks.total.enqueue(1)
    attempt(store, TORN)
    task = store.get(int(result.id))
    store.cancel(task.id)
    store.prune(0)
    monkeypatch.setattr(type(store), "get", lambda _store, _task_id: task)

    with pytest.raises(TaskResultDoesNotExist):
        tasks.total.get_result(result.id)


class OfItsOwnStore(LilotaBackend):
    """A project may say in code where the calls of a backend are kept."""

    client = None  # each test sets it


def test_the_history_is_read_where_the_backend_keeps_its_calls(store, tmp_path):
    with get_client(f"sqlite:///{tmp_path}/own.db") as client:
        backend = OfItsOwnStore("default", {})
        backend.client = client
        result = backend.enqueue(tasks.total, [1], {})
        attempt(client.store, TORN, state=TaskState.FAILED)

        [error] = backend.get_result(result.id).errors
        assert error.exception_class_path == "builtins.ValueError"
