"""What a task function with `takes_context=True` gets as its first argument."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from lilota.models import TaskBase
from lilota_django.django_tasks.compat import TaskContext


@dataclass(frozen=True, slots=True, kw_only=True)
class LilotaContext(TaskContext):  # type: ignore[misc, type-arg]  # the stubs are for another kind of dataclass
    """The context of `django.tasks`, and what lilota can do besides."""

    lilota_task: TaskBase

    @property
    def logger(self) -> logging.Logger:
        """Its records are kept with the task, and shown in the admin; it has the name of the function."""
        return self.lilota_task.logger

    @property
    def is_cancelled(self) -> bool:
        """True once somebody asked the task to stop; for loops that want to end at a place of their choice."""
        return self.lilota_task.cancelled

    def set_progress(self, percentage: float) -> None:
        """Tell how far the task is, from 0 to 100."""
        self.lilota_task.set_progress(self.lilota_task.task_info.id, percentage)
