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
        """Let `manage.py check` look for mistakes, in `TASKS` too: Django does not load its own check of that."""
        from django.core.checks import register  # noqa: PLC0415 - once Django is ready

        from lilota_django.checks import check_project  # noqa: PLC0415 - as above
        from lilota_django.django_tasks import compat  # noqa: F401, PLC0415 - as above; its checks register themselves

        register(check_project)
