"""The lilota task that runs task functions of `django.tasks`. Imports nothing of Django's until it runs."""

from __future__ import annotations

from lilota.errors import UnknownTaskError
from lilota.models import JSONObject, TaskBase


class DjangoTask(TaskBase):
    """Calls the function that its input names. What it raises is final, unless the function has options."""

    #: Each call is stored with its own limit, and the smaller one holds.
    max_lost_attempts = 2**31 - 1

    @classmethod
    def for_name(cls, name: str) -> type[TaskBase]:
        from lilota_django.django_tasks.functions import class_by_name  # noqa: PLC0415 - needs a project

        try:
            return class_by_name(name)
        except UnknownTaskError:
            return cls  # `run` says so, with the function that the input names

    def run(self) -> JSONObject | None:
        from lilota_django.django_tasks.execution import execute  # noqa: PLC0415 - needs a project

        return execute(self)
