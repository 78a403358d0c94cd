"""The backend of `django.tasks`: what enqueue stores, what it refuses, and how results are shown."""

from __future__ import annotations

import asyncio
import io
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from django.conf import settings as project
from django.contrib.auth.models import User
from django.core import checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import transaction
from django.test import override_settings
from lilota_django.client import get_client
from lilota_django.django_tasks.backend import LilotaBackend, queues_of
from lilota_django.django_tasks.calls import FAMILY, find, to_input
from lilota_django.django_tasks.compat import InvalidTask, Task, TaskResultDoesNotExist, TaskResultStatus, signals
from shop import tasks

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import ConfigurationError, InvalidInputError, UnknownTaskError
from lilota.models import AttemptUpdate, Outcome, TaskError, TaskState

BACKEND = {"BACKEND": "lilota_django.LilotaBackend", "QUEUES": ["default", "mails"]}
IN_AN_HOUR = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def store(store):
    """The store of the project, with the backend in place."""
    with override_settings(TASKS={"default": BACKEND}, LILOTA={}):
        yield store
        get_client().close()


def claim(store):
    """Start the next attempt as a runner would."""
    store.heartbeat(RunnerInfo(id="a-runner"))
    return store.claim(ClaimRequest(runner_id="a-runner", names=(), families=(FAMILY,))).claims[0]


def finish(store, state, error=None, output_json=None):
    claimed = claim(store)
    outcome = Outcome(state=state, error=error)
    store.commit([AttemptUpdate(id=claimed.id, token=claimed.token, pid=17, output_json=output_json, outcome=outcome)])


def decorated(function):
    """Return a task of a function that is not in the code; with all fields, as Django 6.0 wants them."""
    return Task(func=function, priority=0, backend="default", queue_name="default", run_after=None, takes_context=False)


def ended_as(store, error_type, **fields):
    result = tasks.total.enqueue(1)
    finish(store, TaskState.FAILED, TaskError(type=error_type, message="so it is", **fields))
    result.refresh()
    return result


def test_enqueue_stores_the_call(store):
    """The call is one task with the name of the function, in the queue and with the priority of the call."""
    result = tasks.total.using(queue_name="mails", priority=7).enqueue(2, price=3)

    info = store.get(int(result.id))
    assert (info.name, info.description, info.queue, info.priority) == (
        "django.tasks:shop.tasks.total",
        "",
        "mails",
        7,
    )
    assert (info.input["function"], info.input["args"], info.input["kwargs"]) == ("shop.tasks.total", [2], {"price": 3})
    assert (result.status, result.attempts, result.backend) == (TaskResultStatus.READY, 0, "default")


def test_a_call_has_one_result_wherever_it_is_read(store):
    """What `enqueue` returns is what `get_result` finds, to the microsecond, and what a refresh leaves alone."""
    result = tasks.total.using(priority=7, run_after=datetime.now(UTC)).enqueue(2, price=(3, 4))
    enqueued_at = result.enqueued_at

    assert result == tasks.total.get_result(result.id)
    result.refresh()
    assert result.enqueued_at == enqueued_at


@pytest.mark.parametrize("priority", [3.0, True, Fraction(3)])
def test_a_priority_that_is_a_whole_number_of_any_kind_works(store, priority):
    """Django's own check takes them, so they are no surprise when the task is enqueued."""
    result = tasks.total.using(priority=priority).enqueue(2)

    assert store.get(int(result.id)).priority == int(priority)
    assert result == tasks.total.get_result(result.id)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("priority", 3.5, "priority must be a whole number"),
        ("priority", "3", "priority must be a whole number, not '3'"),
        ("priority", float("nan"), "priority must be a whole number, not nan"),
        ("priority", float("inf"), "priority must be a whole number, not inf"),
        ("queue_name", 7, "queue_name must be text, not 7"),
        ("queue_name", ["mails"], "queue_name must be text"),
        ("queue_name", "", "A queue is named by 1 to 200 printable characters"),
        ("queue_name", "a\nb", "A queue is named by 1 to 200 printable characters"),
        ("queue_name", "q" * 201, "A queue is named by 1 to 200 printable characters"),
        ("run_after", "tomorrow", "run_after must be a datetime, not 'tomorrow'"),
        ("run_after", date(2040, 1, 1), "run_after must be a datetime"),
        ("run_after", IN_AN_HOUR.replace(tzinfo=None), "run_after must be an aware datetime"),
        ("run_after", datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))), "which is no instant in UTC"),
    ],
)
def test_a_field_that_can_not_be_kept_is_refused_when_the_task_is_made(store, field, value, words):
    """With one sentence in Django's own exception, wherever a task can get the value from."""
    with override_settings(TASKS={"default": {**BACKEND, "QUEUES": []}}), pytest.raises(InvalidTask, match=words):
        tasks.total.using(**{field: value})


@pytest.mark.parametrize(
    ("task", "args", "kwargs", "words"),
    [
        (tasks.total, (), {}, "'shop.tasks.total' can't be called with these arguments: missing a required argument"),
        (tasks.total, (1, 2, 3), {}, "too many positional arguments"),
        (tasks.total, (1,), {"prize": 2}, "unexpected keyword argument 'prize'"),
        (tasks.add_user, (), {}, "missing a required argument: 'name'"),
        (tasks.report, (), {}, "missing a required argument: 'steps'"),
        (tasks.report, (1,), {"context": 2}, "multiple values for argument 'context'"),
    ],
)
def test_arguments_that_the_function_does_not_take_are_refused(store, task, args, kwargs, words):
    """By the caller's own line, and not in a worker, where nobody sees it."""
    with pytest.raises(TypeError, match=words):
        task.enqueue(*args, **kwargs)

    assert store.get_all_tasks() == []


def test_a_decorator_below_the_task_decides_which_arguments_are_right(store):
    """What it wraps may take others: it can add one, as a database session, or take one away."""
    result = tasks.signed.enqueue(2)

    assert result.args == [2]


def test_a_task_runs_after_its_instant(store):
    """`run_after` is when it becomes due, and part of the task of its result."""
    result = tasks.total.using(run_after=IN_AN_HOUR).enqueue(2)

    assert store.get(int(result.id)).run_at == IN_AN_HOUR
    assert tasks.total.get_result(result.id).task.run_after == IN_AN_HOUR


def test_a_call_vanishes_with_its_transaction(store):
    """What was enqueued in a transaction that is rolled back does not exist."""
    with transaction.atomic():
        result = tasks.total.enqueue(2)
        assert tasks.total.get_result(result.id).status == TaskResultStatus.READY
        transaction.set_rollback(True)

    with pytest.raises(TaskResultDoesNotExist):
        tasks.total.get_result(result.id)
    assert store.get_all_tasks() == []


def test_calls_and_results_have_async_forms(store):
    """`aenqueue` and `aget_result` do as the others."""

    async def call():
        result = await tasks.add_user.aenqueue("anna")
        return await tasks.add_user.aget_result(result.id)

    result = asyncio.run(call())

    assert (result.status, result.args) == (TaskResultStatus.READY, ["anna"])


@pytest.mark.parametrize("arguments", [(object(),), ({1, 2},), (float("nan"),), (b"\xff",), (datetime.now(UTC),)])
def test_arguments_that_json_cannot_carry_are_refused(store, arguments):
    """The error comes to the caller, and nothing is stored."""
    with pytest.raises((TypeError, ValueError)):
        tasks.total.enqueue(*arguments)

    assert store.get_all_tasks() == []


def test_an_argument_that_json_cannot_carry_is_named(store):
    """A model is what most people try first; what to pass instead is said."""
    with pytest.raises(TypeError, match=r"with the argument 1: .*User'>\. Pass its pk, and read it"):
        tasks.total.enqueue(User(username="ann"))
    with pytest.raises(
        TypeError, match=r"with the argument 'amount': .*'set'>\. Pass text, numbers, lists and dicts\."
    ):
        tasks.total.enqueue(amount={1})


def test_functions_that_a_worker_could_not_find_are_refused(store):
    """A function must be at module level, under its own name, in a module that can be imported."""

    def local():
        """In a function."""

    of_program = type(local)(local.__code__, {"__name__": "__main__"})
    of_program.__qualname__ = "of_program"

    with pytest.raises(InvalidTask, match=r"at a module level. Move '.*local' out of"):
        decorated(local)
    with pytest.raises(InvalidTask, match=r"at a module level. Move 'shop.tasks.Till.open'"):
        decorated(tasks.Till.open)
    with pytest.raises(InvalidTask, match=r"'shop.tasks.renamed_later' is not a task function"):
        tasks.under_another_name.enqueue()
    with pytest.raises(InvalidTask, match="part of the program that was started"):
        decorated(of_program).enqueue()
    assert store.get_all_tasks() == []


def test_a_queue_that_is_not_configured_is_refused(store):
    """QUEUES of the backend names all that there are, and the error says where that is."""
    with pytest.raises(
        InvalidTask, match=r"'parcels' is not valid .* TASKS\['default'\] .* 'default', 'mails': add it"
    ):
        tasks.total.using(queue_name="parcels")


def test_the_queues_of_a_store_are_those_of_its_backends(store):
    """None where all are: of no backend, and of one that takes any."""
    other = {**BACKEND, "QUEUES": ["other"], "OPTIONS": {"store": "memory"}}
    more = {**BACKEND, "QUEUES": ["parcels"]}

    with override_settings(TASKS={"default": BACKEND, "more": more, "other": other}):
        assert queues_of("django://default") == {"default", "mails", "parcels"}
        assert queues_of("sqlite:///x.db") == set()
    with override_settings(TASKS={"default": BACKEND, "any": {**BACKEND, "QUEUES": []}}):
        assert queues_of("django://default") == set()


@pytest.mark.parametrize("result_id", ["", "0", "99999999999999999999999", "x", "-1", "123456", "٣"])
def test_an_id_that_leads_to_nothing_has_no_result(store, result_id):
    """Any text is an id that may not exist."""
    with pytest.raises(TaskResultDoesNotExist):
        tasks.total.get_result(result_id)


def test_a_task_of_another_kind_has_no_result(store):
    """A task class is no task function, though it is in the same store."""
    with override_settings(LILOTA={"TASKS": {"count_users": "shop.classes:CountUsers"}}):
        task_id = get_client().add("count_users").id

        with pytest.raises(TaskResultDoesNotExist):
            tasks.total.get_result(str(task_id))


def test_a_successful_result_has_its_return_value_and_times(store):
    """Any JSON value may be returned."""
    result = tasks.total.enqueue(2)
    finish(store, TaskState.SUCCEEDED, output_json='{"return_value":[1,null]}')

    result.refresh()

    assert (result.status, result.return_value, result.errors) == (TaskResultStatus.SUCCESSFUL, [1, None], [])
    assert result.enqueued_at <= result.finished_at
    assert result.worker_ids == ["a-runner-17"]


@pytest.mark.parametrize(
    ("error_type", "path"),
    [
        ("ValueError", "builtins.ValueError"),
        ("django.db.utils.IntegrityError", "django.db.utils.IntegrityError"),
        ("InvalidOutputError", "lilota.errors.InvalidOutputError"),
        ("TimeoutReached", "lilota.errors.TimeoutReached"),
        ("WorkerDied", "lilota_django.failures.WorkerDied"),
        ("RunnerDied", "lilota_django.failures.RunnerDied"),
    ],
)
def test_each_error_of_a_result_has_a_class(store, error_type, path):
    """Also ends that are no exceptions in lilota can be told apart by their class."""
    result = ended_as(store, error_type)

    [error] = result.errors
    assert (result.status, error.exception_class_path) == (TaskResultStatus.FAILED, path)
    assert issubclass(error.exception_class, BaseException)
    assert "so it is" in error.traceback


def test_a_cancelled_task_has_failed_with_an_error_that_says_so(store):
    """`django.tasks` has no word for it."""
    result = tasks.total.enqueue(2)
    store.cancel(int(result.id))

    result.refresh()

    assert result.status == TaskResultStatus.FAILED
    assert [error.exception_class_path for error in result.errors] == ["lilota.errors.TaskCancelledError"]


def test_a_second_attempt_counts(store):
    """The name of the first worker is forgotten, but not that there was one."""
    result = tasks.total.enqueue(2)
    lost = Outcome(state=TaskState.PENDING, lost=True, error=TaskError(type="WorkerDied", message="killed"))
    first = claim(store)
    store.commit([AttemptUpdate(id=first.id, token=first.token, pid=17, outcome=lost)])
    claim(store)

    result.refresh()

    assert (result.status, result.attempts) == (TaskResultStatus.RUNNING, 2)


def test_an_enqueued_task_is_signalled(store):
    """Receivers get the result; one that fails does not make the caller believe that nothing was stored."""
    seen = []

    def fail(**_):
        raise RuntimeError("a receiver may fail")

    def remember(task_result, **_):
        seen.append(task_result.id)

    signals.task_enqueued.connect(fail)
    signals.task_enqueued.connect(remember)
    try:
        result = tasks.total.enqueue(2)
    finally:
        signals.task_enqueued.disconnect(fail)
        signals.task_enqueued.disconnect(remember)

    assert seen == [result.id]


@pytest.mark.parametrize("path", ["os.system", "shop.tasks.PRICE", "shop.tasks.renamed_later", "shop", "a b.c", ".x"])
def test_a_stored_row_cannot_name_anything_but_a_task_function(path):
    """Who can write to the database can't have any function called."""
    with pytest.raises(UnknownTaskError):
        find(path)


@pytest.mark.parametrize("path", ["stray_tasks.stray", "antigravity.webbrowser", "shopping.tasks.total"])
def test_a_stored_row_cannot_have_a_module_imported_that_is_not_of_the_project(path):
    """Importing runs code: only apps and the package of the settings are trusted to be imported."""
    with pytest.raises(UnknownTaskError, match="belongs to no app of the project"):
        find(path)

    assert path.partition(".")[0] not in sys.modules


def test_a_function_outside_of_all_apps_is_refused_where_it_is_enqueued(store):
    """The caller learns of it, and not only the log of a worker."""
    function = type(find)(find.__code__, {"__name__": "elsewhere.tasks"})
    function.__qualname__ = "fetch"

    with pytest.raises(InvalidTask, match=r"'elsewhere\.tasks\.fetch' belongs to no app.*INSTALLED_APPS"):
        decorated(function).enqueue()

    assert store.get_all_tasks() == []


def test_a_function_that_is_gone_is_said_to_be(store):
    """A result of an older version of the project names what is missing."""
    call = {**to_input(tasks.total, (), {}, "default", datetime.now(UTC)), "function": "shop.gone.total"}
    task_id = get_client().add("django.tasks:shop.tasks.total", input=call).id

    with pytest.raises(UnknownTaskError, match=r"shop\.gone\.total.*same version of the project"):
        tasks.total.get_result(str(task_id))


def test_a_row_that_is_no_call_is_said_to_be_none(store):
    """Someone may have added it by hand."""
    task_id = get_client().add("django.tasks:shop.tasks.total", input={"x": 1}).id

    with pytest.raises(InvalidInputError, match="enqueue"):
        tasks.total.get_result(str(task_id))


def test_instants_are_naive_without_time_zones(store):
    """A project with USE_TZ = False sees its own kind of datetimes everywhere."""
    with override_settings(USE_TZ=False):
        at = datetime(2040, 7, 1, 12)  # noqa: DTZ001 - that is the point
        result = tasks.total.using(run_after=at).enqueue(2)
        found = tasks.total.get_result(result.id)

    assert (found.task.run_after, result.enqueued_at.tzinfo, found.enqueued_at.tzinfo) == (at, None, None)
    assert store.get(int(result.id)).run_at == datetime(2040, 7, 1, 10, tzinfo=UTC)  # the tests live in Berlin


@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.parametrize("end_of_time", [datetime.min, datetime.max], ids=["min", "max"])  # noqa: DTZ901 - zoned below
@pytest.mark.parametrize("time_zone", ["Asia/Tokyo", "America/New_York"])
def test_a_call_at_an_end_of_the_calendar_can_be_looked_at(store, time_zone, end_of_time, use_tz):
    """It is kept exactly, also where the project's time zone has no such instant; a result then tells the nearest."""
    run_after = end_of_time.replace(tzinfo=UTC)
    with override_settings(USE_TZ=use_tz, TIME_ZONE=time_zone):
        result = tasks.total.using(run_after=run_after).enqueue(2)
        found = tasks.total.get_result(result.id)

    assert found.task.run_after.year == end_of_time.year
    assert store.get(int(result.id)).run_at == run_after


def test_how_often_a_worker_may_die_is_an_option(store):
    """`max_lost_attempts` of the backend goes into each task."""
    with override_settings(TASKS={"default": {**BACKEND, "OPTIONS": {"max_lost_attempts": 1}}}):
        result = tasks.total.enqueue(2)

    assert store.get(int(result.id)).max_lost_attempts == 1


def test_a_client_can_be_made_before_there_is_anything(store):
    """At the top of a module that `manage.py migrate` imports, or in a coroutine: only its use needs the tables."""

    async def make():
        return get_client("django://nowhere")

    client = asyncio.run(make())

    with pytest.raises(ConfigurationError, match="has no alias 'nowhere'"):
        client.store.counts()


def test_a_backend_may_have_another_store(store, tmp_path):
    """The store of OPTIONS wins over the one of the project."""
    url = f"sqlite:///{tmp_path / 'other.db'}"
    with override_settings(TASKS={"default": {**BACKEND, "OPTIONS": {"store": url}}}):
        result = tasks.total.enqueue(2)
        status = tasks.total.get_result(result.id).status
        get_client(url).close()

    assert (status, store.get_all_tasks()) == (TaskResultStatus.READY, [])


def test_a_setting_that_django_passes_over_is_warned_of(store):
    """A letter too few in QUEUES, say; it is no error, since packages that run tasks have had settings of their own."""
    with override_settings(TASKS={"default": {**BACKEND, "QUEUE": ["mails"]}}):
        [warning] = checks.run_checks()

    assert (warning.id, warning.msg) == ("lilota.W002", "TASKS['default'] has no setting 'QUEUE'.")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"TASKS": {"default": {**BACKEND, "OPTIONS": {"stor": "x"}}}}, "TASKS['default'] has no option 'stor'"),
        ({"TASKS": {"default": {**BACKEND, "OPTIONS": {"store": "nosuch://"}}}}, "nosuch"),
        ({"TASKS": {"default": {**BACKEND, "OPTIONS": {"store": "django://other"}}}}, "has no alias 'other'"),
        ({"LILOTA": {"STOR": "x"}}, "LILOTA has no setting 'STOR'"),
        ({"LILOTA": "django://default"}, "LILOTA must be a dict"),
        ({"LILOTA": {"STORE": 5}}, "'store'"),
        ({"LILOTA": {"FILES": "django://nosuch"}}, "kept where LILOTA says: STORAGES in the settings of the project"),
        (
            {"TASKS": {"default": {**BACKEND, "OPTIONS": {"max_lost_attempts": "1"}}}},
            "max_lost_attempts of TASKS['default'] must be a whole number from 1 on, not '1'",
        ),
    ],
)
def test_manage_py_check_finds_mistakes_in_the_settings(store, settings, sentence):
    """Each is one sentence that names the setting."""
    with override_settings(**settings), pytest.raises(SystemCheckError) as caught:
        call_command("check")

    assert caught.value.args[0].count("(lilota.E") == 1
    assert sentence in caught.value.args[0]


@pytest.mark.parametrize(
    ("settings", "owner"),
    [
        ({"LILOTA": {"STORE": "memory"}}, "the project"),
        ({"LILOTA": {"STORE": "memory://"}}, "the project"),
        ({"TASKS": {"default": {**BACKEND, "OPTIONS": {"store": "memory"}}}}, "TASKS['default']"),
    ],
)
def test_manage_py_check_warns_of_a_store_that_no_worker_sees(store, settings, owner):
    """Only a warning: in tests, such a store is right, and Django runs the checks before them."""
    said = io.StringIO()

    with override_settings(**settings):
        call_command("check", stderr=said)

    assert said.getvalue().count("(lilota.W001)") == 1
    assert f"The store of {owner} is 'memory" in said.getvalue()
    assert "name a shared one, as 'django://default'" in said.getvalue()


def test_the_settings_are_checked_without_the_backend_too(store):
    """A project may have task classes only."""
    with override_settings(TASKS={}, LILOTA={"STOR": "x"}), pytest.raises(SystemCheckError, match="no setting 'STOR'"):
        call_command("check")


def test_tests_may_enqueue_in_memory(store):
    """Nothing is written to a database, and nothing runs."""
    with override_settings(LILOTA={"STORE": "memory"}):
        result = tasks.total.enqueue(2)
        status = tasks.total.get_result(result.id).status
        [info] = get_client().store.get_all_tasks()

    assert (status, info.input["args"]) == (TaskResultStatus.READY, [2])
    assert store.get_all_tasks() == []


def test_a_project_without_the_app_does_not_pass_the_checks(store):
    """They tell how to add it."""
    with override_settings(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"]):
        found = LilotaBackend("default", project.TASKS["default"]).check()

    assert [message.level for message in found] == [checks.ERROR]
    assert "Add it to INSTALLED_APPS" in found[0].msg


def test_a_right_project_passes_the_checks(store):
    """Nothing is said about settings that are fine."""
    assert LilotaBackend("default", BACKEND).check() == []
