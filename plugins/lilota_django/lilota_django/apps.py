"""The Django app: `INSTALLED_APPS += ["lilota_django"]`, with the label `lilota`."""

from __future__ import annotations

from django.apps import AppConfig


class LilotaConfig(AppConfig):
    """Tables and admin pages of lilota."""

    name = "lilota_django"
    label = "lilota"
    verbose_name = "lilota"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load the check of `TASKS`, which Django has but does not load itself: it asks the backends for mistakes."""
        from lilota_django.compat import checks  # noqa: F401, PLC0415 - registers itself; needs the settings
