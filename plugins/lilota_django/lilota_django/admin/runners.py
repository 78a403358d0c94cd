"""The page about runners: which are there, what memory each takes, and when it was heard of last."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.contrib import admin

from lilota.contract import RegisteredRunner
from lilota.serving import Service
from lilota.texts.words import size
from lilota_django.admin.readonly import ReadOnlyAdmin, has_permission, instant_column
from lilota_django.models import Runner
from lilota_django.orm.runners import TOLD

if TYPE_CHECKING:
    from django.http import HttpRequest


class RunnerAdmin(ReadOnlyAdmin):
    """Runners, those whose lease has run out included until another one has taken over their tasks."""

    list_display = ("runner", "host", "pid", "memory", "started", "heartbeat", "is_alive")
    list_display_links = None
    actions = None

    def has_view_permission(self, request: HttpRequest, obj: Runner | None = None) -> bool:
        """Who may see tasks may see who runs them."""
        return super().has_view_permission(request, obj) or has_permission(request, "view")

    started = instant_column("started_at")
    heartbeat = instant_column("heartbeat_at")

    @admin.display(description="memory")
    def memory(self, runner: Runner) -> str | None:
        """Return what it and its workers had at its newest heartbeat; None if it does not tell."""
        memory_bytes = Service.told_by(_registered(runner)).memory_bytes
        return None if memory_bytes is None else size(memory_bytes)

    @admin.display(description="alive", boolean=True)
    def is_alive(self, runner: Runner) -> bool:
        """Compare with the clock of this machine: near enough for people."""
        return _is_ahead(runner.expires_at)


def _registered(runner: Runner) -> RegisteredRunner:
    told = {field: getattr(runner, field) for field in TOLD}
    return RegisteredRunner(id=str(runner.runner), has_expired=not _is_ahead(runner.expires_at), **told)


def _is_ahead(instant: object) -> bool:
    return isinstance(instant, datetime) and instant > datetime.now(UTC)
