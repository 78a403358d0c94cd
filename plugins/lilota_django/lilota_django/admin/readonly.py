"""Pages that only show, from the database of the project's store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import admin
from django.db.models import Model

from lilota_django.admin.unreachable import or_say_why_not
from lilota_django.client import get_store
from lilota_django.store import DjangoTaskStore

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

AnyModel = TypeVar("AnyModel", bound=Model)

if TYPE_CHECKING:
    # Only the type checker's class is generic.
    class _ModelAdmin(admin.ModelAdmin[AnyModel]): ...
else:
    from typing import Generic

    class _ModelAdmin(admin.ModelAdmin, Generic[AnyModel]):
        """Django's, with square brackets."""


def store_of_project() -> DjangoTaskStore | None:
    """Return the store of the project if it is in one of the project's databases."""
    store = get_store()
    return store if isinstance(store, DjangoTaskStore) else None


def has_permission(request: HttpRequest, name: str) -> bool:
    """Tell whether the person has a permission on tasks: "view" or "change"."""
    # The stubs also know users without permissions, whom the admin does not let in.
    return bool(request.user.has_perm(f"lilota.{name}_task"))  # type: ignore[union-attr]  # the admin has asked for a login


class ReadOnlyAdmin(_ModelAdmin[AnyModel]):
    """Shows rows that only the store may change."""

    # COUNT(*) over the whole table: some databases read all of it.
    show_full_result_count = False
    # There is no index for every column.
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[AnyModel]:
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

    def has_change_permission(self, request: HttpRequest, obj: AnyModel | None = None) -> bool:  # noqa: ARG002 - as above
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AnyModel | None = None) -> bool:  # noqa: ARG002 - as above
        return False
