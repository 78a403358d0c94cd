"""The addresses of the site; those of the tasks are mounted with what says who may see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.urls import include, path
from lilota_django import get_client
from lilota_status.django import status_urls
from photos import views

if TYPE_CHECKING:
    from django.http import HttpRequest

    from lilota.models import TaskInfo


def user_of(request: HttpRequest) -> str | None:
    """Return whose tasks are those of who asks."""
    return str(request.user.pk) if request.user.is_authenticated else None


def may(request: HttpRequest, task: TaskInfo, _action: str) -> bool:
    """Let users do with their own tasks what they like, and nobody else."""
    return task.owner is not None and task.owner == user_of(request)


urlpatterns = [
    path("", views.index, name="index"),
    path("thumbnails/", views.add_thumbnails, name="thumbnails"),
    path("reports/", views.add_report, name="reports"),
    path("tasks/", include(status_urls(get_client, allow=may, owner=user_of))),
    path("accounts/sign-up/", views.SignUp.as_view(), name="sign-up"),
    path("accounts/", include("django.contrib.auth.urls")),
    path("admin/", admin.site.urls),
]
