"""`manage.py lilota_worker` runs what was enqueued, in processes that have the project loaded."""

from __future__ import annotations

import signal

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.test import override_settings
from lilota_django.client import get_client
from lilota_django.django_tasks.compat import TaskResultStatus
from lilota_django.failures import WorkerDied
from shop import tasks
from shop_sites import ALIAS, BACKEND, ended, shop_database, started, until

from lilota.errors import TaskFailedError, TimeoutReached
from lilota.models import TaskState


def test_enqueued_functions_run_in_a_worker(site):
    """Functions, coroutines, functions with a context and task classes all run, with the models of the project."""
    results = [
        tasks.total.enqueue(2, price=3),
        tasks.report.enqueue(2),
        tasks.add_user.enqueue("anna"),
        tasks.broken.enqueue("torn"),
    ]
    counting = get_client().add("count_users")

    with site.worker() as worker:
        output = counting.result(timeout_seconds=120)
        code = worker.stop()

    for result in results:
        result.refresh()
    assert [result.status for result in results] == [*[TaskResultStatus.SUCCESSFUL] * 3, TaskResultStatus.FAILED]
    context = {"attempt": 1, "id": results[1].id, "queue": "default"}
    assert [result.return_value for result in results[:3]] == [6, context, [1, 1]]
    assert results[3].errors[0].exception_class is ValueError
    assert output == {"users": 1, "in_transaction": False}
    assert (code, worker.output.splitlines()[-1]) == (0, "Stopped.")
    assert "behind" not in worker.output  # a coroutine that left its thread behind would cost the process


def test_attempts_that_failed_are_seen_in_the_result(site):
    """Each has its error and its worker, whether it raised, died, or had to be stopped; the newest comes last."""
    stubborn, unlucky, patient, hopeless = (
        tasks.stubborn.enqueue(),
        tasks.unlucky.enqueue(),
        tasks.patient.enqueue(),
        tasks.stubborn.enqueue(good_attempt=9),
    )

    with site.worker():
        for result in (stubborn, unlucky, patient, hopeless):
            ended(site, result.id)
            result.refresh()

    assert (stubborn.status, stubborn.return_value, stubborn.attempts) == (TaskResultStatus.SUCCESSFUL, 3, 3)
    assert [error.exception_class for error in stubborn.errors] == [ConnectionError] * 2
    assert ["no answer to the attempt" in error.traceback for error in stubborn.errors] == [True, True]
    assert stubborn.enqueued_at <= stubborn.started_at <= stubborn.last_attempted_at <= stubborn.finished_at
    assert [error.exception_class for error in unlucky.errors] == [ValueError, WorkerDied, TimeoutReached]
    assert "SIGKILL" in unlucky.errors[1].traceback
    assert "unknown" not in unlucky.worker_ids
    assert (unlucky.attempts, len(set(unlucky.worker_ids)) >= 2) == (4, True)
    assert unlucky.return_value == [error.exception_class_path for error in unlucky.errors]
    assert ([error.exception_class for error in patient.errors], patient.return_value) == ([TimeoutReached], 2)
    assert (hopeless.status, hopeless.attempts) == (TaskResultStatus.FAILED, 3)
    assert [error.traceback.splitlines()[-1] for error in hopeless.errors] == [
        f"ConnectionError: no answer to the attempt {number}" for number in (1, 2, 3)
    ]


def test_functions_of_lilota_run_in_a_worker(site):
    """Those that `lilota.task` makes are tasks of the project too. The ORM of a coroutine leaves no thread behind."""
    client = get_client()
    handles = [
        client.add(tasks.label.bind("anna", copies=2)),
        client.add(tasks.label_later.bind(user="berta"), queue="mails"),
        client.add("label", input={"user": "carla"}),
        client.add("label", input={"user": "carla"}),
    ]

    with site.worker() as worker:
        results = [handle.result(timeout_seconds=120) for handle in handles[:3]]
        with pytest.raises(TaskFailedError, match="IntegrityError"):
            handles[3].result(timeout_seconds=120)

    made = User.objects.using(ALIAS).get(username="berta").date_joined.date()
    assert results == [["anna", "anna"], made, ["carla"]]
    assert handles[3].info().attempt == 2
    assert [line.text for line in handles[1].logs()] == ["There are 2."]
    assert "replaced" not in worker.output


def test_functions_of_lilota_are_found_where_models_import_them(site):
    """Django has imported their module already, when lilota does."""
    (site.folder / "shop" / "models.py").write_text("from shop import tasks\n")
    handle = get_client().add("label", input={"user": "anna"})

    with site.worker():
        assert handle.result(timeout_seconds=120) == ["anna"]


def test_modules_that_the_settings_name_stand_instead_of_those_of_the_apps(site):
    """An app may have tasks of another queue in a module of that name."""
    site.change("shop/settings.py", "LILOTA = {", 'LILOTA = {"MODULES": [], ')

    shown = site.manage("lilota", "add", "label", "user=anna")

    assert "Unknown task 'label'" in shown.stderr


def test_a_worker_serves_the_queues_that_it_is_told(site):
    """What waits in others stays there; a queue that QUEUES does not name is explained."""
    waiting = tasks.total.enqueue(1)
    served = tasks.total.using(queue_name="mails").enqueue(2)

    with site.worker("--queues", "mails,parcels") as worker:
        ended(site, served.id)
        output = worker.output

    assert site.store.get(int(waiting.id)).state is TaskState.PENDING
    assert output.count("Warning: ") == 1
    assert "no QUEUES in TASKS has the queue 'parcels', only 'default', 'mails'" in output


def test_a_worker_keeps_a_file_young_that_tells_of_it(site, tmp_path):
    """Until it stops; `manage.py lilota health` judges it, and the store of the project."""
    heartbeat = tmp_path / "heartbeat"
    with site.worker("--heartbeat-file", str(heartbeat)) as worker:
        until(heartbeat.exists, bool)
        judged = site.manage("lilota", "health", "--heartbeat-file", str(heartbeat), "--max-age", "1h")
        served = site.manage("lilota", "health")
        code = worker.stop()

    assert (judged.returncode, served.returncode, served.stdout) == (0, 0, "healthy: 1 runner lives\n")
    assert (code, heartbeat.exists()) == (0, False)


def test_connections_are_tended_around_each_task(site):
    """One outlives a task if CONN_MAX_AGE says so; a transaction that a task leaves open does not reach the next."""
    site.change("shop/settings.py", '"OPTIONS"', '"CONN_MAX_AGE": None, "OPTIONS"')
    first, second = tasks.connection_id.enqueue(), tasks.connection_id.enqueue()
    leaving = get_client().add("count_users", input={"leave_transaction_open": True})
    following = get_client().add("count_users")

    with site.worker():
        outputs = [handle.result(timeout_seconds=120) for handle in (leaving, following)]

    first.refresh()
    second.refresh()
    assert first.return_value == second.return_value
    assert outputs == [{"users": 1, "in_transaction": True}, {"users": 0, "in_transaction": False}]
    assert "was still open" in leaving.logs()[0].text


def test_connections_end_with_a_task_without_conn_max_age(site):
    """As after a request: the next task opens its own."""
    first, second = tasks.connection_id.enqueue(keep=True), tasks.connection_id.enqueue(keep=True)

    with site.worker():
        ended(site, second.id)

    first.refresh()
    second.refresh()
    assert first.return_value != second.return_value


@pytest.mark.slow
def test_a_pool_of_connections_costs_no_process(site, postgres):
    """Its threads do not count as left behind by a task."""
    pytest.importorskip("psycopg_pool", reason="psycopg's pool is not installed")
    described = {**connections.databases[postgres], "OPTIONS": {"pool": True}}
    settings = {name: described[name] for name in ("ENGINE", "NAME", "USER", "HOST", "PORT", "OPTIONS")}
    site.change("shop/settings.py", "TASKS =", f"DATABASES = {{'default': {settings!r}}}\nTASKS =")
    backend = {**BACKEND, "OPTIONS": {"store": f"django://{postgres}"}}

    with override_settings(TASKS={"default": backend}), site.worker() as worker:
        for result in [tasks.connection_id.enqueue() for _ in range(2)]:
            until(result.refresh, lambda _, result=result: result.is_finished)
            assert result.status == TaskResultStatus.SUCCESSFUL, result.errors

    assert "behind" not in worker.output


def test_a_cancelled_coroutine_cleans_up(site):
    """Its `finally` runs, the models included, and the result is a failure that says that it was cancelled."""
    result = tasks.wait_for_ever.enqueue(str(site.folder))

    with site.worker():
        started(site, result.id)
        site.store.cancel(int(result.id))
        ended(site, result.id)

    result.refresh()
    assert [error.exception_class_path for error in result.errors] == ["lilota.errors.TaskCancelledError"]
    assert (site.folder / "cleaned_up").exists()


def test_what_runs_at_the_second_signal_is_given_back(site):
    """It is ready again, and has not spent its attempt."""
    result = tasks.sleep.enqueue(600)

    with site.worker() as worker:
        started(site, result.id)
        worker.send(signal.SIGINT)
        worker.wait_for("Once more stops them now.")
        code = worker.stop(signal.SIGINT)

    result.refresh()
    assert (code, result.status, result.attempts) == (0, TaskResultStatus.READY, 0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--processes", "0"], "Invalid value for '--processes': 0"),
        (["--lease-seconds", "soon"], "Invalid value for '--lease-seconds': 'soon'"),
        (["--queues", " ,"], "--queues names no queue. Leave it out to serve all."),
        (["--heartbeat-file", "/"], "The heartbeat file can't be /: that is a folder. Name a file of its own."),
        (["--store", "nosuch://"], "'nosuch'"),
        (["--store", "django://other"], "has no alias 'other'"),
        (["--store", "memory"], "Leave LILOTA['STORE'] out, or name a shared store"),
        (["--store", "memory:"], "which lives in one process"),
        (["--store", "django://shop"], "Run: python manage.py migrate --database shop"),
    ],
)
def test_what_a_worker_cannot_start_with_is_one_sentence(tmp_path, arguments, sentence):
    """Wrong arguments and missing tables end the command with an error that says what to do."""
    with shop_database(tmp_path / "empty.sqlite3"), pytest.raises(CommandError) as caught:
        call_command("lilota_worker", *arguments)

    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_code_that_changes_is_run_in_its_new_form(site):
    """With --reload, also a mistake in the code only interrupts until it is corrected."""
    with site.worker("--reload") as worker:
        site.change("shop/tasks.py", "PRICE = 1", "PRICE = 5")
        worker.wait_for("Ready.", times=2)
        result = tasks.total.enqueue(2)
        ended(site, result.id)
        site.change("shop/settings.py", "SECRET_KEY", "SECRET_KEY !")
        worker.wait_for("waiting for a change")
        site.change("shop/settings.py", "SECRET_KEY !", "SECRET_KEY")
        worker.wait_for("Ready.", times=3)
        code = worker.stop(signal.SIGINT)

    result.refresh()
    assert (result.return_value, code) == (10, 0), worker.output


@pytest.mark.slow
def test_a_site_whose_tests_have_tasks_in_memory_passes_them(site):
    """Django's test runner checks the project first, and goes on after a warning."""
    site.change("shop/settings.py", 'LILOTA = {"TASKS"', 'LILOTA = {"STORE": "memory", "TASKS"')
    (site.folder / "shop" / "tests.py").write_text(
        "from django.test import TestCase\nfrom lilota_django import get_client\nfrom shop.tasks import total\n\n\n"
        "class EnqueueTest(TestCase):\n    def test_enqueue(self):\n        total.enqueue(3)\n"
        "        assert [info.input['args'] for info in get_client().store.get_all_tasks()] == [[3]]\n"
    )

    done = site.manage("test")

    assert done.returncode == 0, done.stderr
    assert "Ran 1 test" in done.stderr
    assert "(lilota.W001)" in done.stderr
