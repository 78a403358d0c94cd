"""The page about runners: which are there, and when each was heard of last."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.contrib import admin

from lilota_django.admin.readonly import ReadOnlyAdmin, has_permission, instant_column
from lilota_django.models import Runner

if TYPE_CHECKING:
    from django.http import HttpRequest


class RunnerAdmin(ReadOnlyAdmin):
    """Runners, those whose lease has run out included until another one has taken over their tasks."""

    list_display = ("runner", "host", "pid", "started", "heartbeat", "is_alive")
    list_display_links = None
    actions = None

    def has_view_permission(self, request: HttpRequest, obj: Runner | None = None) -> bool:
        """Who may see tasks may see who runs them."""
        return super().has_view_permission(request, obj) or has_permission(request, "view")

    started = instant_column("started_at")
    heartbeat = instant_column("heartbeat_at")

    @admin.display(description="alive", boolean=True)
    def is_alive(self, runner: Runner) -> bool:
        """Compare with the clock of this machine: near enough for people."""
        expires_at = runner.expires_at
        return isinstance(expires_at, datetime) and expires_at > datetime.now(UTC)
