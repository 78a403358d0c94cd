"""Read-only pages about tasks and runners in Django's admin, with actions to cancel and to retry.

They show what is in the project's own database: where the store is another one, there are no pages.
"""

from __future__ import annotations

from django.contrib import admin

from lilota_django.admin.runners import RunnerAdmin
from lilota_django.admin.tasks import TaskAdmin
from lilota_django.models import Runner, Task

__all__ = ["RunnerAdmin", "TaskAdmin"]

admin.site.register(Task, TaskAdmin)
admin.site.register(Runner, RunnerAdmin)
