"""A task function in its attempt: context, return values, errors and the signals around it."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from lilota_django.django_tasks.backend import LilotaBackend
from lilota_django.django_tasks.calls import to_input
from lilota_django.django_tasks.compat import TaskResultStatus, signals
from lilota_django.django_tasks.task import DjangoTask
from shop import tasks

from lilota.models import TaskState
from lilota.testing.tasks import run_task


def run(task, *args, **kwargs):
    return run_task(DjangoTask, to_input(task, args, kwargs, "default", datetime.now(UTC)))


@contextmanager
def told():
    """Collect the signals of tasks: (which, status)."""
    seen = []

    def started(sender, task_result, **_):
        seen.append(("started", task_result.status, sender))

    def finished(sender, task_result, **_):
        seen.append(("finished", task_result.status, sender))

    signals.task_started.connect(started)
    signals.task_finished.connect(finished)
    try:
        yield seen
    finally:
        signals.task_started.disconnect(started)
        signals.task_finished.disconnect(finished)


def test_a_function_gets_its_arguments_and_gives_its_return_value():
    """The return value is kept in the output."""
    assert run(tasks.total, 2, price=3).output == {"return_value": 6}


def test_an_async_function_uses_the_orm(sqlite):
    """A coroutine runs to its end, with the models of the project."""
    User.objects.filter(username="anna").delete()

    result = run(tasks.add_user, "anna")

    assert result.error is None
    assert result.output["return_value"][1] == 1


def test_a_context_knows_the_attempt_and_takes_progress(sqlite):
    """With `takes_context`, a function can say how far it is, and log for the admin."""
    result = run(tasks.report, 4)

    assert result.output == {"return_value": {"attempt": 1, "id": "1", "queue": "default"}}
    assert result.progress == (25.0, 50.0, 75.0, 100.0)
    assert result.log_text == "The report has 4 steps."


def test_a_context_tracks_saves_where_to_go_on_and_attaches_files():
    """As `lilota.TaskContext` does; another attempt goes on where this one was."""
    call = to_input(tasks.count_boxes, (4,), {}, "default", datetime.now(UTC))

    first, second = run_task(DjangoTask, call), run_task(DjangoTask, call, checkpoint=3, attempt=2)

    assert (first.error, second.error) == (None, None)
    assert (first.output, second.output) == ({"return_value": 4}, {"return_value": 1})
    assert first.checkpoint == 4
    assert first.files == {"boxes.txt": b"4 boxes"}
    assert first.progress[-1] == 100


def test_a_context_has_the_instant_that_the_caller_was_told():
    """To the microsecond, though the store has a clock of its own."""
    now = datetime.now(UTC)

    result = run_task(DjangoTask, to_input(tasks.enqueued_at, (), {}, "default", now))

    assert result.output == {"return_value": now.isoformat()}


def test_an_exception_fails_the_task():
    """Its class and text are kept; there is no second attempt."""
    result = run(tasks.broken, "out of paper")

    assert (result.state, result.error.type, result.error.message) == (TaskState.FAILED, "ValueError", "out of paper")
    assert "raise ValueError(text)" in result.error.traceback


def test_a_return_value_that_json_cannot_carry_fails_the_task():
    """The sentence names the function."""
    result = run(tasks.unwritable)

    assert result.error.type == "InvalidOutputError"
    assert "'shop.tasks.unwritable' returned something" in result.error.message


def test_start_and_end_are_signalled():
    """Receivers see the status change, from the class of the backend."""
    with told() as seen:
        run(tasks.total, 1)
        run(tasks.broken, "x")

    assert seen == [
        ("started", TaskResultStatus.RUNNING, LilotaBackend),
        ("finished", TaskResultStatus.SUCCESSFUL, LilotaBackend),
        ("started", TaskResultStatus.RUNNING, LilotaBackend),
        ("finished", TaskResultStatus.FAILED, LilotaBackend),
    ]


def test_a_receiver_that_fails_does_not_fail_the_task():
    """What watches a task can't harm it."""

    def fail(**_):
        raise RuntimeError("a receiver may fail")

    signals.task_finished.connect(fail)
    try:
        result = run(tasks.total, 1)
    finally:
        signals.task_finished.disconnect(fail)

    assert result.output == {"return_value": 1}


@pytest.mark.parametrize(
    "changed", [{"function": "os.system", "args": ["true"]}, {"function": "shop.gone.x"}, {"function": 7}]
)
def test_a_row_that_names_no_task_function_fails(changed):
    """It calls nothing."""
    call = to_input(tasks.total, (), {}, "default", datetime.now(UTC))

    result = run_task(DjangoTask, {**call, **changed})

    assert result.state is TaskState.FAILED
    assert result.error.type in {"UnknownTaskError", "InvalidInputError"}
