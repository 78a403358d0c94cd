"""The terms of tasks in a drain: they count in its own time, as in a real runner."""

from __future__ import annotations

import pytest
from terms_tasks import patient, polling, renewed

from lilota.models import TaskState


@pytest.fixture(autouse=True)
def _known(lilota_client):
    for function in (patient, polling, renewed):
        lilota_client.register(function)


def test_a_task_that_asked_to_come_back_does_not_expire(lilota_drain):
    """It has begun in time; that its attempt does not count changes nothing."""
    handle = lilota_drain.client.add(patient.bind(3))

    lilota_drain(until="everything")

    assert handle.info().state is TaskState.SUCCEEDED
    assert {line.text for line in handle.logs()} == {"It has begun, so it does not expire any more."}


def test_a_task_that_asks_to_come_back_for_ever_fails_at_its_deadline(lilota_drain):
    handle = lilota_drain.client.add(polling.bind())

    lilota_drain(until="everything")

    info = handle.info()
    assert (info.state, info.error.type) == (TaskState.FAILED, "DeadlineReached")
    assert info.error.message.endswith("Attempt 1 asked to run again")


def test_a_newer_task_waits(lilota_drain):
    """The code here is too old for it, and a drain does not wait for another."""
    newer, fitting = lilota_drain.client.add(renewed.bind(), version=3), lilota_drain.client.add(renewed.bind())

    lilota_drain()

    assert newer.info().state is TaskState.PENDING
    assert fitting.info().state in {TaskState.PENDING, TaskState.SUCCEEDED}


@pytest.mark.parametrize("version", [0, 1, 2, "2.0"])
def test_an_older_task_is_run_by_newer_code(lilota_drain, version):
    handle = lilota_drain.client.add(renewed.bind(), version=version)

    lilota_drain()

    assert handle.result() == "new"
