"""What this distribution does in every program that uses lilota's plugins; nothing where there is no Django project.

Imports nothing of Django's before it is needed, so that `lilota plugins` works without a project.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Mapping
from typing import Any

from lilota import hookimpl
from lilota.hookspecs import AttemptDetails
from lilota.models import JSONObject, TaskBase


@hookimpl
def lilota_tasks() -> Mapping[str, type[TaskBase]]:
    """Contribute the task that runs task functions: only where they can be found.

    Each function has a name of its own; before, all had one, and tasks of that time may still wait.
    """
    if not _has_project():
        return {}
    from lilota_django.django_tasks.task import DjangoTask  # noqa: PLC0415 - see above

    return {"django.tasks:*": DjangoTask, "django.tasks": DjangoTask}


@hookimpl
def lilota_runner_started() -> None:
    """Fit the project's log to a runner."""
    if _is_loaded():
        from lilota_django.processes.loggers import fit_to_runner  # noqa: PLC0415 - see above

        fit_to_runner()


@hookimpl
def lilota_worker_started() -> None:
    """Load the project, before a task class is imported that may use its models."""
    if _has_project():
        from lilota_django.processes.loading import load_project  # noqa: PLC0415 - see above

        load_project()


@hookimpl(wrapper=True)
def lilota_run_attempt(attempt: AttemptDetails) -> Generator[None, JSONObject | None, JSONObject | None]:
    """Treat the connections to databases as around a request."""
    if not _is_loaded():
        return (yield)
    from lilota_django.processes.connections import as_in_a_request  # noqa: PLC0415 - see above

    with as_in_a_request(attempt.task.logger):
        return (yield)


def _has_project() -> bool:
    conf: Any = sys.modules.get("django.conf")
    return bool(os.environ.get("DJANGO_SETTINGS_MODULE")) or (conf is not None and conf.settings.configured)


def _is_loaded() -> bool:
    apps: Any = sys.modules.get("django.apps")
    return apps is not None and apps.apps.ready
