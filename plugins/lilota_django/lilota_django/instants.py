"""Instants as a project has them: aware with `USE_TZ`, else naive in its time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from django.conf import settings
from django.utils import timezone

Instant = TypeVar("Instant", datetime, datetime | None)
#: No time zone is farther than a day from UTC.
_FIRST: Final = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
_LAST: Final = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


def of_project(instant: Instant) -> Instant:
    """Return an aware instant as this project has them."""
    if instant is None or settings.USE_TZ:
        return instant
    try:
        return timezone.make_naive(instant, timezone.get_default_timezone())
    except OverflowError:
        return timezone.make_naive(local_everywhere(instant), timezone.get_default_timezone())


def instant_words(instant: datetime) -> str:
    """Return an aware instant as people read it, in the time zone of whoever looks."""
    at = of_project(local_everywhere(instant))
    local = timezone.localtime(at) if timezone.is_aware(at) else at
    return f"{local:%Y-%m-%d %H:%M:%S}"


def local_everywhere(instant: datetime) -> datetime:
    """Return an aware instant that has a local time in every zone: within a day of the calendar's ends, the nearest."""
    return max(_FIRST, min(instant, _LAST))


def aware(instant: datetime) -> datetime:
    """Return an instant of this project as an aware one."""
    return instant if timezone.is_aware(instant) else timezone.make_aware(instant, timezone.get_default_timezone())
