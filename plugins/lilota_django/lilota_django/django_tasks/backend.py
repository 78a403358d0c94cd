"""The backend of `django.tasks`: stores calls of task functions as lilota tasks, and shows their results.

TASKS = {"default": {"BACKEND": "lilota_django.LilotaBackend"}}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.core import checks

from lilota.client import TaskClient
from lilota.contract import AttemptRecord
from lilota.contract.noted import attempts_on_record
from lilota.errors import TaskNotFoundError
from lilota.models import TaskInfo, TaskState
from lilota_django.checks import mistakes_of_store
from lilota_django.client import get_client, notes_reader_of
from lilota_django.conf import project_settings
from lilota_django.django_tasks.calls import (
    check_arguments,
    check_fields,
    check_level,
    check_reachable,
    is_call,
    name_of,
    owner_of,
    to_input,
)
from lilota_django.django_tasks.compat import (
    BaseTaskBackend,
    InvalidTask,
    Task,
    TaskResult,
    TaskResultDoesNotExist,
    TaskResultStatus,
    signals,
    task_backends,
)
from lilota_django.django_tasks.functions import LilotaTask
from lilota_django.django_tasks.results import result_of
from lilota_django.instants import aware, of_project

_SETTINGS: Final = ("BACKEND", "QUEUES", "OPTIONS")
_OPTIONS: Final = ("store", "max_lost_attempts")
#: The states of a task whose newest attempt has not failed.
_NOT_FAILED: Final = (TaskState.RUNNING, TaskState.SUCCEEDED)


def queues_of(store: str) -> set[str]:
    """Return the queues in which the backends of a store enqueue; none if there is no backend, or if one takes any."""
    found: set[str] = set()
    for backend in task_backends.all():
        if isinstance(backend, LilotaBackend) and project_settings(backend.options.get("store")).store == store:
            if not backend.queues:
                return set()
            found |= backend.queues
    return found


class LilotaBackend(BaseTaskBackend):
    """Enqueues task functions in a store of lilota; `manage.py lilota_worker` runs them.

    OPTIONS:
        store: the name or URL of the store; without, the one of the setting `LILOTA`.
        max_lost_attempts: how many attempts may die with their worker before a task fails; 3 without it, 1 means that
            a function is started at most once.
    """

    task_class = LilotaTask
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    @property
    def client(self) -> TaskClient:
        """The client of the store, which all threads of this process share."""
        return get_client(self.options.get("store"))

    def validate_task(self, task: Task[..., Any]) -> None:
        """Refuse a task that this backend can't run; called when it is decorated, too.

        Raises:
            InvalidTask: it can't.
        """
        check_level(task)
        check_fields(task)
        if self.queues and task.queue_name not in self.queues:
            raise InvalidTask(
                f"Queue '{task.queue_name}' is not valid for backend. TASKS['{self.alias}'] has the queues "
                f"{', '.join(sorted(map(repr, self.queues)))}: add it to QUEUES there, or set QUEUES to [] to take any."
            )
        super().validate_task(task)

    def enqueue(  # type: ignore[override]  # the stubs keep the types of a function's arguments, which differ by version
        self, task: Task[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> TaskResult[..., Any]:
        """Store a call. In the project's own database, it exists exactly if the open transaction commits.

        Raises:
            InvalidTask: the task can't be run by this backend; nothing was stored.
            TypeError: the function does not take these arguments; nothing was stored.
            TypeError, ValueError: the arguments can't be written as JSON; nothing was stored.
            ConfigurationError: it has an owner, and the store keeps none; nothing was stored.
        """
        self.validate_task(task)
        check_reachable(task)
        check_arguments(task, args, kwargs)
        now = datetime.now(UTC)
        handle = self.client.add(
            name_of(task),
            input=to_input(task, args, kwargs, self.alias, now),
            run_at=None if task.run_after is None else aware(task.run_after),
            priority=int(task.priority),  # 3.0 is a whole number, too
            queue=task.queue_name,
            max_lost_attempts=getattr(task, "max_lost_attempts", None) or self.options.get("max_lost_attempts"),
            # Not from its class, which is not looked for by whoever adds.
            expires_after_seconds=getattr(task, "expires_after_seconds", None),
            deadline_seconds=getattr(task, "deadline_seconds", None),
            version=getattr(task, "version", None),
            owner=owner_of(task),
        )
        result: TaskResult[..., Any] = TaskResult(
            task=task,
            id=str(handle.id),
            status=TaskResultStatus.READY,
            enqueued_at=of_project(now),
            started_at=None,
            finished_at=None,
            last_attempted_at=None,
            args=list(args),
            kwargs=dict(kwargs),
            backend=self.alias,
            errors=[],
            worker_ids=[],
        )
        # Robust: it is stored, and a receiver that fails must not make the caller believe that it is not.
        signals.task_enqueued.send_robust(type(self), task_result=result)
        return result

    def get_result(self, result_id: str) -> TaskResult[..., Any]:
        """Return a task as of now.

        Raises:
            TaskResultDoesNotExist: there is none of that id, or it was pruned, or it is no call of a task function.
            UnknownTaskError: its function does not exist any more.
        """
        if not (isinstance(result_id, str) and result_id.isascii() and result_id.isdigit() and len(result_id) < 20):
            raise TaskResultDoesNotExist(result_id)
        try:
            info = self.client.store.get(int(result_id))
            records = self._on_record(info) if is_call(info) else None
        except TaskNotFoundError as error:
            raise TaskResultDoesNotExist(result_id) from error
        if records is None:
            raise TaskResultDoesNotExist(result_id)
        return result_of(info, records)

    def _on_record(self, info: TaskInfo) -> list[AttemptRecord]:
        """Return what the history of a task has; of what is polled most, a first attempt, nobody asks."""
        if info.attempt <= (info.state in _NOT_FAILED):
            return []
        reader = notes_reader_of(self.client)
        return [] if reader is None else list(attempts_on_record(reader, info.id))

    def check(self, **_: Any) -> list[checks.CheckMessage]:  # noqa: ANN401 - Django's signature
        """Look for mistakes in the settings, without connecting to anything."""
        return list(self._mistakes())

    def _mistakes(self) -> Iterator[checks.CheckMessage]:
        for name in sorted(set(settings.TASKS[self.alias]) - set(_SETTINGS)):  # Django passes over them
            yield checks.Warning(
                f"TASKS['{self.alias}'] has no setting '{name}'.",
                hint=f"It may have: {', '.join(_SETTINGS)}.",
                id="lilota.W002",
            )
        for option in sorted(set(self.options) - set(_OPTIONS)):
            yield checks.Error(
                f"TASKS['{self.alias}'] has no option '{option}'.",
                hint=f"OPTIONS may have: {', '.join(_OPTIONS)}.",
                id="lilota.E001",
            )
        limit = self.options.get("max_lost_attempts", 1)
        if not isinstance(limit, int) or limit < 1:
            yield checks.Error(
                f"max_lost_attempts of TASKS['{self.alias}'] must be a whole number from 1 on, not {limit!r}.",
                id="lilota.E003",
            )
        own = self.options.get("store")
        if own is not None or not apps.is_installed("lilota_django"):  # else, the check of the app has looked at it
            yield from mistakes_of_store(own, f"TASKS['{self.alias}']")
