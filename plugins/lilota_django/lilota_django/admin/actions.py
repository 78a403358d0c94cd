"""The actions of the list of tasks, which say what happened to how many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin, messages

from lilota.bulk import RETRY, Fate, act_on
from lilota.errors import TaskNotFoundError
from lilota.models import TaskState
from lilota_django.admin.readonly import has_permission, store_of_project
from lilota_django.models import Task
from lilota_django.store import DjangoTaskStore

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

#: How many tasks one click may change: the person waits for it.
AT_ONCE: Final = 1_000

_GONE: Final = "no longer exist(s)"


class ActionsMixin:
    """Actions for who has the permission to change tasks."""

    if TYPE_CHECKING:
        message_user: Callable[..., None]
        log_change: Callable[..., Any]

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Tell whether the person may change tasks: Django asks for the permission "act" of the actions below."""
        return has_permission(request, "change")

    @admin.action(description="Cancel selected tasks", permissions=["act"])
    def cancel_tasks(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        self._for_each(request, queryset, _cancel)

    @admin.action(description="Retry selected tasks", permissions=["act"])
    def retry_tasks(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        self._for_each(request, queryset, _retry)

    def _for_each(
        self, request: HttpRequest, queryset: QuerySet[Task], act: Callable[[DjangoTaskStore, int], tuple[str, bool]]
    ) -> None:
        store = store_of_project()
        if store is None:
            return  # the list is empty then
        tasks = list(queryset.select_related(None).order_by("-pk").only("pk")[: AT_ONCE + 1])
        happened: Counter[tuple[str, bool]] = Counter()
        for task in tasks[:AT_ONCE]:
            what, is_done = act(store, task.pk)
            happened[what, is_done] += 1
            if is_done:
                self.log_change(request, task, f"By an action: {what}.")
        for (what, is_done), count in happened.items():
            level = messages.SUCCESS if is_done else messages.WARNING
            self.message_user(request, f"{count:,} {'task' if count == 1 else 'tasks'}: {what}.", level)
        if len(tasks) > AT_ONCE:
            self.message_user(
                request, f"Only the newest {AT_ONCE:,} tasks were looked at. Repeat it for the rest.", messages.WARNING
            )


def _cancel(store: DjangoTaskStore, task_id: int) -> tuple[str, bool]:
    """Return what happened, and whether something did."""
    try:
        before = store.get(task_id).state
        after = store.cancel(task_id)
    except TaskNotFoundError:
        return _GONE, False
    if before.is_terminal:
        return f"left alone, already {before}", False
    if after is TaskState.RUNNING:
        return "asked to stop, still running", True
    return ("cancelled", True) if after is TaskState.CANCELLED else (f"left alone, already {after}", False)


def _retry(store: DjangoTaskStore, task_id: int) -> tuple[str, bool]:
    """As `_cancel`."""
    for acted in act_on(store, RETRY, [task_id]):
        if acted.fate is Fate.RETRIED:
            return "will run again", True
        if acted.fate is Fate.UNCHANGED:
            return "left alone, neither failed nor cancelled, or unable to run again", False
    return _GONE, False
