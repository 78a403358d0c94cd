"""The lilota task that runs task functions of `django.tasks`. Imports nothing of Django's until it runs."""

from __future__ import annotations

from lilota.models import JSONObject, TaskBase


class DjangoTask(TaskBase):
    """Calls the function that its input names. It is tried once: what it raises is final."""

    def run(self) -> JSONObject | None:
        from lilota_django.django_tasks.execution import execute  # noqa: PLC0415 - needs a project

        return execute(self)
