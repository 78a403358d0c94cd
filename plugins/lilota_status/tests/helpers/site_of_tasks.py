"""A Django project that has nothing but the pages of tasks, and others in each test."""

from __future__ import annotations

from types import ModuleType

import django
from django.conf import settings
from django.urls import include, path

_urls = ModuleType("site_urls")
_urls.urlpatterns = []

settings.configure(
    SECRET_KEY="only for tests",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=_urls,
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
    USE_TZ=True,
    LOGGING_CONFIG=None,
)
django.setup()


def show(client, options) -> None:
    """Mount the pages of a client."""
    from django.urls import clear_url_caches
    from lilota_status.django import status_urls

    _urls.urlpatterns = [path("my/tasks/", include(status_urls(client, **options)))]
    clear_url_caches()
