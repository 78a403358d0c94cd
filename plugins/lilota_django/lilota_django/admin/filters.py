"""Filters by state, queue, name and owner, whose choices cost no look at the tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.contrib import admin

from lilota.contract import TaskQuery
from lilota.models import TaskState
from lilota_django.admin.readonly import store_of_project
from lilota_django.models import Lane, Task
from lilota_django.orm.owners import owner_key
from lilota_django.orm.records import CODES

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
    from django.db.models import QuerySet
    from django.http import HttpRequest

#: More choices than this are no help to anybody.
_CHOICES: Final = 100


class StateFilter(admin.SimpleListFilter):
    """The state, in lilota's words."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:  # noqa: ARG002 - Django's signature
        return [(str(state), str(state)) for state in TaskState if state is not TaskState.WAITING]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:  # noqa: ARG002 - as above
        state = self.value()
        if state is None:
            return queryset
        return queryset.filter(state__in=CODES[TaskState(state)] if state in set(TaskState) else ())


class _LaneFilter(admin.SimpleListFilter):
    """What a lane has: its queue or its name."""

    column: ClassVar[str]

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:  # noqa: ARG002 - as above
        store = store_of_project()
        found = {getattr(count, self.column) for count in (store.counts() if store else ())}
        return [(text, text) for text in sorted(found)[:_CHOICES]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:  # noqa: ARG002 - as above
        if self.value() is None:
            return queryset
        # Compared here: a database may think that texts are equal which differ in case.
        lanes = Lane.objects.using(queryset.db).values_list("pk", self.column)
        return queryset.filter(lane_id__in=[lane for lane, text in lanes if text == self.value()])


class QueueFilter(_LaneFilter):
    """The queue."""

    title = "queue"
    parameter_name = column = "queue"


class NameFilter(_LaneFilter):
    """The task name."""

    title = "name"
    parameter_name = column = "name"


class OwnerFilter(admin.SimpleListFilter):
    """The owner that somebody chose in the list. There may be as many as an application has users: no choice of all."""

    title = "owner"
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:  # noqa: ARG002 - as above
        owner = self.value()
        return [] if owner is None else [(owner, owner)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:  # noqa: ARG002 - as above
        owner = self.value()
        return queryset if owner is None else queryset.filter(owner_key=owner_key(owner))


def chosen(request: HttpRequest) -> TaskQuery:
    """Return what the filters and the search of a request ask for, as a store would be asked."""
    state, queue, name, owner, searched = (request.GET.get(key) for key in ("state", "queue", "name", "owner", "q"))
    task_id = id_in(searched or "")
    if owner is None and task_id is None:
        owner = (searched or "").strip() or None
    return TaskQuery(
        states=(TaskState(state),) if state in set(TaskState) else None,
        queues=None if queue is None else (queue,),
        names=None if name is None else (name,),
        ids=None if task_id is None else (task_id,),
        owner=owner,
    )


def id_in(searched: str) -> int | None:
    """Return the id that somebody searches for, or None where it can't be one."""
    text = searched.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
