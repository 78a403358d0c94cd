"""The options of task functions: what `@task` takes, what it refuses, and how attempts that failed are shown."""

from __future__ import annotations

import json
import pickle
import sys
from datetime import UTC, datetime

import django
import pytest
from django.test import override_settings
from lilota_django import task
from lilota_django.client import get_client
from lilota_django.django_tasks.calls import name_of, to_input
from lilota_django.django_tasks.compat import InvalidTask, Task, TaskResultStatus, signals
from lilota_django.django_tasks.functions import LilotaTask, class_of
from lilota_django.django_tasks.task import DjangoTask
from shop import tasks
from shop.tasks import AT_ONCE

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.models import AttemptUpdate, Outcome, TaskError, TaskState
from lilota.testing.tasks import run_task

BACKEND = {"BACKEND": "lilota_django.LilotaBackend"}


@pytest.fixture
def store(store):
    """The store of the project, with the backend in place."""
    with override_settings(TASKS={"default": BACKEND}, LILOTA={}):
        yield store
        get_client().close()


def parcel(weight):
    """A function at module level, to be decorated."""


def run(function, *args, **how):
    return run_task(
        DjangoTask.for_name(name_of(function)), to_input(function, args, {}, "default", datetime.now(UTC)), **how
    )


def test_options_are_those_of_the_class_that_runs_the_function(store):
    """All of a class can be said of a function, and what is not said is as in a class."""
    function = task(max_attempts=5, retry_on=(OSError,), timeout_seconds=60, queue_name="default")(parcel)

    clazz = class_of(function)
    said = clazz.max_attempts, clazz.retry_on, clazz.timeout_seconds, clazz.kill_after_seconds
    assert said == (5, (OSError,), 60, 5.0)
    assert issubclass(clazz, DjangoTask)
    assert (clazz.__module__, clazz.__qualname__) == (__name__, "parcel")
    assert (function.func, function.queue_name, function.takes_context) == (parcel, "default", False)


def test_the_decorator_needs_no_parentheses(store):
    """As that of Django."""
    assert task(parcel) == LilotaTask(
        func=parcel, priority=0, backend="default", queue_name="default", run_after=None, takes_context=False
    )


@pytest.mark.skipif(django.VERSION[:2] == (6, 0), reason="Its @task takes no further keywords")
def test_djangos_own_decorator_takes_options(store):
    """Where Django, or django-tasks, passes keywords on to the backend."""
    module = "django.tasks" if django.VERSION >= (6, 1) else "django_tasks"

    function = sys.modules[module].task(max_attempts=5, timeout_seconds=60)(parcel)

    assert function == task(max_attempts=5, timeout_seconds=60)(parcel)


def test_other_choices_keep_the_options(store):
    """`using` changes what is of one call."""
    function = tasks.stubborn.using(priority=3)

    assert (function.priority, class_of(function).max_attempts) == (3, 3)


@pytest.mark.skipif(django.VERSION < (6, 1), reason="Its tasks can't be pickled")
def test_a_task_with_options_can_be_pickled(store):
    """As Django's tasks can."""
    assert pickle.loads(pickle.dumps(tasks.stubborn)) == tasks.stubborn


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"max_attempts": 0}, f"{__name__}.parcel.max_attempts must be a whole number of at least 1, not 0."),
        ({"retry_on": OSError}, f"{__name__}.parcel.retry_on must be a tuple of exception classes, not {OSError!r}."),
        ({"max_memory_mb": 10}, f"{__name__}.parcel.max_memory_mb must be a number of MB from 50 on, or None"),
        ({"timeout_seconds": "5"}, f"{__name__}.parcel.timeout_seconds must be a number of seconds above 0, or None"),
        ({"expires_after_seconds": 0}, f"{__name__}.parcel.expires_after_seconds must be a number of seconds above 0"),
        ({"max_lost_attempts": 0.5}, f"{__name__}.parcel.max_lost_attempts must be a whole number of at least 1"),
    ],
)
def test_a_wrong_option_is_refused_where_it_is_written(store, options, sentence):
    """One sentence names the function and the option."""
    with pytest.raises(InvalidTask) as caught:
        task(**options)(parcel)

    assert str(caught.value).startswith(f"The task function '{__name__}.parcel' can't be used: {sentence}")


@pytest.mark.parametrize(
    ("keyword", "sentence"),
    [
        ("max_atempts", "@task has no keyword 'max_atempts'. Did you mean 'max_attempts'?"),
        ("colour", "@task has no keyword 'colour'."),
        ("run_after", "@task has no keyword 'run_after'. It is for one call: using(run_after=...)."),
        ("owner", "@task has no keyword 'owner'. It is for one call: using(owner=...)."),
    ],
)
def test_a_keyword_that_there_is_not_is_refused(store, keyword, sentence):
    """With what was meant, where that is clear."""
    with pytest.raises(TypeError) as caught:
        task(**{keyword: 1})(parcel)

    assert str(caught.value) == sentence


def test_a_path_that_no_name_can_hold_has_no_options(store):
    """Options are found by the name of the task, which would be cut."""
    function = type(parcel)(parcel.__code__, parcel.__globals__)
    function.__qualname__ = "parcel" * 40

    assert task(function).max_attempts == 1
    with pytest.raises(InvalidTask, match="its path is too long"):
        task(max_attempts=2)(function)


def test_another_backend_leaves_options_alone():
    """Tests may run functions on the spot; the same decorator stays."""
    immediate = f"{Task.__module__.rpartition('.')[0]}.backends.immediate.ImmediateBackend"
    with override_settings(TASKS={"default": {"BACKEND": immediate}}):
        result = task(max_attempts=3, backoff=AT_ONCE)(tasks.total.func).enqueue(2)

        assert (result.status, result.attempts, result.return_value) == (TaskResultStatus.SUCCESSFUL, 1, 2)


def test_how_often_a_worker_may_die_is_said_by_the_function_first(store):
    """Then by the options of the backend."""
    function = task(max_lost_attempts=7)(tasks.total.func)

    with override_settings(TASKS={"default": {**BACKEND, "OPTIONS": {"max_lost_attempts": 5}}}):
        ids = [int(enqueued.id) for enqueued in (function.enqueue(1), tasks.total.enqueue(1))]

    assert [store.get(task_id).max_lost_attempts for task_id in ids] == [7, 5]
    assert [class_of(each).max_lost_attempts for each in (function, tasks.total)] == [7, 2**31 - 1]


def test_a_function_that_is_gone_has_no_options():
    """Its task fails with the sentence that says so."""
    assert DjangoTask.for_name("django.tasks:shop.tasks.gone") is DjangoTask


def test_an_error_that_is_tried_again_is_no_end():
    """Receivers of `task_finished` hear of the last attempt only."""
    seen = []

    def finished(task_result, **_):
        seen.append((task_result.status, [error.exception_class for error in task_result.errors]))

    signals.task_finished.connect(finished)
    try:
        first = run(tasks.stubborn)
        second = run(tasks.stubborn, attempt=2, output=first.output)
        third = run(tasks.stubborn, attempt=3, output=second.output)
        final = run(tasks.stubborn, 0)
    finally:
        signals.task_finished.disconnect(finished)

    assert [each.state for each in (first, second, third, final)] == [
        TaskState.PENDING,
        TaskState.PENDING,
        TaskState.SUCCEEDED,
        TaskState.FAILED,
    ]
    assert third.output["return_value"] == 3
    assert seen == [
        (TaskResultStatus.SUCCESSFUL, [ConnectionError, ConnectionError]),
        (TaskResultStatus.FAILED, [KeyError]),
    ]


def test_each_error_is_shown_once_whatever_comes_between_two_attempts(store):
    """The task is given back, comes back later, is cancelled, and retried by hand, which begins anew."""
    result = tasks.stubborn.enqueue()
    failed = run(tasks.stubborn)
    seen = []

    def end(**how):
        store.heartbeat(RunnerInfo(id="a-runner"))
        claim = store.claim(ClaimRequest(runner_id="a-runner", names=(), families=("django.tasks:",))).claims[0]
        look()
        store.commit([AttemptUpdate(id=claim.id, token=claim.token, pid=17, **how)])
        look()

    def look():
        result.refresh()
        errors = [error.exception_class_path.rpartition(".")[2] for error in result.errors]
        seen.append((str(result.status), result.attempts, errors))

    waits = Outcome(state=TaskState.PENDING, error=failed.error)
    end(outcome=waits, output_json=json.dumps(failed.output))
    end(outcome=Outcome(state=TaskState.PENDING, spends_attempt=False))
    later = TaskError(type="Retry", message="later")
    end(outcome=Outcome(state=TaskState.PENDING, spends_attempt=False, error=later))
    store.cancel(int(result.id))
    look()
    store.retry(int(result.id))
    look()
    end(outcome=Outcome(state=TaskState.SUCCEEDED), output_json='{"return_value":1}')

    once = ["ConnectionError"]
    assert seen == [
        ("RUNNING", 1, []),
        ("READY", 1, once),
        ("RUNNING", 2, once),
        ("READY", 1, once),
        ("RUNNING", 2, once),
        ("READY", 1, [*once, "Retry"]),
        ("FAILED", 1, [*once, "Retry", "TaskCancelledError"]),
        ("READY", 0, []),
        ("RUNNING", 1, []),
        ("SUCCESSFUL", 1, []),
    ]


def test_tracebacks_of_many_attempts_are_not_all_kept():
    """The newest ten are, and no more than their ends."""
    function = task(max_attempts=1000)(tasks.broken.func)
    clazz = class_of(function)
    call = to_input(function, ["x" * 20_000], {}, "default", datetime.now(UTC))
    output = None
    for attempt in range(1, 13):
        output = run_task(clazz, call, attempt=attempt, output=output).output

    assert [each["attempt"] for each in output["failed_attempts"]] == [*range(3, 13)]
    assert {len(each["traceback"]) for each in output["failed_attempts"]} == {10_000}


def test_the_terms_of_a_function_go_into_each_task(store):
    """Whoever enqueues has the function, and a runner reads them from the task."""
    function = task(expires_after_seconds=60, deadline_seconds=600, version="1.2")(tasks.total.func)

    headers = store.get(int(function.enqueue(1).id)).headers

    assert headers == {
        "lilota.expires_after_seconds": 60,
        "lilota.deadline_seconds": 600,
        "lilota.version": "1.2",
    }
    assert class_of(function).version == "1.2"
    assert store.get(int(tasks.total.enqueue(1).id)).headers == {}
