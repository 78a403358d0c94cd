"""Instants as a project has them: aware with `USE_TZ`, else naive in its time zone."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from django.conf import settings
from django.utils import timezone

Instant = TypeVar("Instant", datetime, datetime | None)


def of_project(instant: Instant) -> Instant:
    """Return an aware instant as this project has them."""
    if instant is None or settings.USE_TZ:
        return instant
    return timezone.make_naive(instant, timezone.get_default_timezone())


def aware(instant: datetime) -> datetime:
    """Return an instant of this project as an aware one."""
    return instant if timezone.is_aware(instant) else timezone.make_aware(instant, timezone.get_default_timezone())
