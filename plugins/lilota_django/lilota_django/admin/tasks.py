"""The pages about tasks: a list of the newest with filters and actions, and all that is known of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.text import Truncator

from lilota.errors import TaskNotFoundError
from lilota.texts.secrets import mask_text
from lilota_django.admin.actions import ActionsMixin
from lilota_django.admin.attempts import attempts_table
from lilota_django.admin.details import (
    checkpoint_text,
    error_text,
    finish_text,
    input_text,
    log_text,
    message_text,
    notes_text,
    output_text,
    step_text,
)
from lilota_django.admin.files import FilesMixin
from lilota_django.admin.filters import NameFilter, OwnerFilter, QueueFilter, StateFilter, chosen, id_in
from lilota_django.admin.pages import NewestPages
from lilota_django.admin.readonly import ReadOnlyAdmin, instant_column, store_of_project
from lilota_django.client import get_client
from lilota_django.models import State, Task
from lilota_django.orm.owners import owner_key
from lilota_django.orm.records import STATES

if TYPE_CHECKING:
    from django.core.paginator import Paginator
    from django.db.models import QuerySet
    from django.http import HttpRequest

_LONG_AFTER: Final = 80
#: What a list does not show.
_LONG_TEXTS: Final = ("input_json", "output_json", "error_json", "progress_note_json", "checkpoint_json")
_SECTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "Task": ("id", "name", "about", "state_word", "queue", "priority", "owner_with_others"),
    "Progress": ("percentage", "step", "message", "estimated_end"),
    "Input and output": ("input", "output", "files", "checkpoint", "error"),
    "Attempts": ("history", "attempt", "lost_attempts", "max_lost_attempts", "runner", "pid", "cancel_requested"),
    "Notes": ("notes",),
    "Log": ("log",),
    "Times": ("created", "due", "started", "ended"),
}


class TaskAdmin(ActionsMixin, FilesMixin, ReadOnlyAdmin):
    """Tasks, the newest first."""

    ordering = ("-pk",)
    list_display = ("id", "name", "what", "state_word", "queue", "percentage", "attempt", "created", "ended")
    list_filter = (StateFilter, QueueFilter, NameFilter, OwnerFilter)
    list_select_related = ("lane",)
    actions = ("cancel_tasks", "retry_tasks")
    search_fields = ("id__exact",)
    search_help_text = "The id of a task, or an owner"
    fieldsets = tuple((title, {"fields": fields}) for title, fields in _SECTIONS.items())
    readonly_fields = tuple(field for fields in _SECTIONS.values() for field in fields)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        return super().get_queryset(request).defer(*_LONG_TEXTS)

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        """Show owners where there are any: the index has only those, or has them together."""
        has_owners = self.get_queryset(request).filter(owner_key__gt="").exists()
        return (*self.list_display, "owned_by") if has_owners else self.list_display

    def get_paginator(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        per_page: int,
        *args: Any,  # noqa: ANN401 - Django's signature
        **options: Any,  # noqa: ANN401 - as above
    ) -> Paginator[Any]:
        if queryset.model is not Task:  # the history of a task has pages too
            return super().get_paginator(request, queryset, per_page, *args, **options)
        return NewestPages(queryset, per_page, chosen(request), store_of_project())

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[Task],
        search_term: str,
    ) -> tuple[QuerySet[Task], bool]:
        """Find a task by its id, or those of an owner: to look for any other text would mean to read all tasks."""
        searched = search_term.strip()
        if not searched:
            return queryset, False
        task_id = id_in(searched)
        return queryset.filter(owner_key=owner_key(searched)) if task_id is None else queryset.filter(pk=task_id), False

    @admin.display(description="description")
    def what(self, task: Task) -> str:
        return Truncator(mask_text(task.description or "")).chars(_LONG_AFTER)

    @admin.display(description="description")
    def about(self, task: Task) -> str:
        return mask_text(task.description or "")

    @admin.display(description="owner")
    def owned_by(self, task: Task) -> str | None:
        """Lead to what else this owner has."""
        return _of_owner("", task.owner)

    @admin.display(description="owner")
    def owner_with_others(self, task: Task) -> str | None:
        """As `owned_by`, from a page that is not the list."""
        return _of_owner(reverse("admin:lilota_task_changelist", current_app=self.admin_site.name), task.owner)

    @admin.display(description="state")
    def state_word(self, task: Task) -> str:
        word = str(STATES[task.state])
        return f"{word}, asked to stop" if word == "running" and task.cancel_requested else word

    @admin.display(description="progress")
    def percentage(self, task: Task) -> str:
        return f"{100 if task.state == State.SUCCEEDED else int(task.progress)} %"

    def step(self, task: Task) -> str | None:
        return step_text(task)

    def message(self, task: Task) -> str | None:
        return message_text(task)

    def estimated_end(self, task: Task) -> str | None:
        return finish_text(task)

    created = instant_column("created_at", "added at")
    due = instant_column("run_at", "due at")
    started = instant_column("started_at")
    ended = instant_column("finished_at", "ended at")

    def input(self, task: Task) -> str:
        return input_text(task)

    def output(self, task: Task) -> str | None:
        return None if task.output_json is None else output_text(task.output_json)

    def checkpoint(self, task: Task) -> str | None:
        return None if task.checkpoint_json is None else checkpoint_text(task.checkpoint_json)

    @admin.display(description="how they went")
    def history(self, task: Task) -> str | None:
        try:
            return attempts_table(get_client().handle(task.pk).attempts())
        except TaskNotFoundError:  # it was pruned just now
            return None

    @admin.display(description="others")
    def notes(self, task: Task) -> str | None:
        return notes_text(task)

    def error(self, task: Task) -> str | None:
        return None if task.error_json is None else error_text(task.error_json)

    @admin.display(description="lines")
    def log(self, task: Task) -> str | None:
        return log_text(task)


def _of_owner(address: str, owner: str | None) -> str | None:
    return None if owner is None else format_html('<a href="{}?{}">{}</a>', address, urlencode({"owner": owner}), owner)
