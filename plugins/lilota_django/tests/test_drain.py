"""A test of a project drains what it has enqueued."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.test import override_settings
from lilota_django.client import get_client
from lilota_django.django_tasks.compat import TaskResultStatus
from shop import tasks

from lilota.testing import Drain

BACKEND = {"BACKEND": "lilota_django.LilotaBackend"}


@override_settings(TASKS={"default": BACKEND}, LILOTA={"STORE": "memory"})
def test_what_was_enqueued_runs_inside_of_the_transaction_of_a_test(store):
    """As a `TestCase` holds it open; the connection stays as it is, so the task sees what the test has written."""
    with transaction.atomic():
        User.objects.create(username="ann")
        result = tasks.count_users.enqueue()

        (ran,) = Drain(get_client())()
        result.refresh()
        transaction.set_rollback(True)

    assert ran.id == int(result.id)
    assert (result.status, result.return_value) == (TaskResultStatus.SUCCESSFUL, 1)


@override_settings(TASKS={"default": BACKEND}, LILOTA={})
def test_the_store_of_the_project_can_be_drained_where_no_transaction_is_open(store):
    """As in a `TransactionTestCase`: what ran is in the database."""
    result = tasks.total.enqueue(3)

    (ran,) = Drain(get_client())()

    assert ran.output == store.get(int(result.id)).output == {"return_value": 3}
