"""What takes the places of Django's own two backends in its tests: lilota's, without a runner and with one."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lilota_django import LilotaBackend, get_client, models

from lilota.client import TaskClient
from lilota.errors import TaskFailedError

if TYPE_CHECKING:
    from django.tasks.base import Task, TaskResult

_WAIT_SECONDS = 60


class DummyBackend(LilotaBackend):
    """Nothing runs; the tests look at what was stored, and begin with nothing."""

    @property
    def results(self) -> list[TaskResult]:
        return [self.get_result(str(info.id)) for info in self.client.store.get_all_tasks()]

    def clear(self) -> None:
        for model in (models.LogLine, models.Task, models.LaneCount, models.Lane):
            model.objects.all().delete()


class ImmediateBackend(LilotaBackend):
    """A runner is at work, and who enqueues waits for it."""

    @property
    def client(self) -> TaskClient:
        return get_client("django://immediate")

    def enqueue(self, task: Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> TaskResult:
        result = super().enqueue(task, args, kwargs)
        with contextlib.suppress(TaskFailedError):  # the result shows it
            self.client.get(int(result.id)).result(_WAIT_SECONDS)
        return self.get_result(result.id)
