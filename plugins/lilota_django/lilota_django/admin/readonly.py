"""Pages that only show, from the database of the project's store, and say so where it can't be reached."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import admin, messages
from django.db import InterfaceError, OperationalError
from django.shortcuts import redirect
from django.urls import reverse

from lilota.errors import ConfigurationError, StoreError
from lilota_django.client import get_store
from lilota_django.instants import local_everywhere, of_project
from lilota_django.orm.faults import DatabaseFaults, unusable_database
from lilota_django.store import DjangoTaskStore

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponseRedirect
    from django.http.response import HttpResponseBase

if TYPE_CHECKING:
    # Only the type checker's class is generic.
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin

Response = TypeVar("Response", bound="HttpResponseBase")

_logger = logging.getLogger(__name__)


def store_of_project() -> DjangoTaskStore | None:
    """Return the store of the project if it is in one of the project's databases."""
    store = get_store()
    return store if isinstance(store, DjangoTaskStore) else None


def has_permission(request: HttpRequest, name: str) -> bool:
    """Tell whether the person has a permission on tasks: "view" or "change"."""
    # The stubs also know users without permissions, whom the admin does not let in.
    return bool(request.user.has_perm(f"lilota.{name}_task"))  # type: ignore[union-attr]  # the admin has asked for a login


def instant_column(field: str, title: str = "") -> Callable[[Any, Any], datetime | None]:
    """Return what shows an instant of a row as the project has them, under a title: that of the field without one."""

    @admin.display(description=title or field.replace("_", " "))
    def shown(_: object, row: object) -> datetime | None:
        instant: datetime | None = getattr(row, field)
        return None if instant is None else of_project(local_everywhere(instant))

    return shown


def or_say_why_not(view: Callable[..., Response]) -> Callable[..., Response | HttpResponseRedirect]:
    """Let a page lead to the first one, with a message, if the tasks can't be reached: the rest of the admin works."""

    @functools.wraps(view)
    def tried(
        pages: admin.ModelAdmin[Any], request: HttpRequest, *args: object, **options: object
    ) -> Response | HttpResponseRedirect:
        try:
            return view(pages, request, *args, **options)
        except (StoreError, ConfigurationError, OperationalError, InterfaceError) as error:
            reason = unusable_database(error) if isinstance(error, DatabaseFaults) else error
            # Not on the page: it names hosts and users, which not everybody needs to know who may see tasks.
            _logger.exception("%s", reason)
            pages.message_user(request, "The tasks can't be reached. The log of the site says why.", messages.ERROR)
            return redirect(reverse("admin:index", current_app=pages.admin_site.name))

    return tried


class ReadOnlyAdmin(_ModelAdmin):
    """Shows rows that only the store may change."""

    # COUNT(*) over the whole table: some databases read all of it.
    show_full_result_count = False
    # There is no index for every column.
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        store = store_of_project()
        rows = super().get_queryset(request)
        return rows.none() if store is None else rows.using(store.alias)

    changelist_view = or_say_why_not(admin.ModelAdmin.changelist_view)
    changeform_view = or_say_why_not(admin.ModelAdmin.changeform_view)
    history_view = or_say_why_not(admin.ModelAdmin.history_view)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return store_of_project() is not None and super().has_module_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ANN401, ARG002 - Django's signature
        return False

    has_change_permission = has_delete_permission = has_add_permission
