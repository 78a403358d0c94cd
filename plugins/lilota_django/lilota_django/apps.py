"""The Django app: `INSTALLED_APPS += ["lilota_django"]`, with the label `lilota`."""

from __future__ import annotations

from django.apps import AppConfig


class LilotaConfig(AppConfig):
    """Tables and admin pages of lilota."""

    name = "lilota_django"
    label = "lilota"
    verbose_name = "lilota"
    default_auto_field = "django.db.models.BigAutoField"
