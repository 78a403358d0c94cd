"""What `manage.py check` finds out about the stores and files of a project, without connecting to any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core import checks

from lilota.errors import LilotaError
from lilota.stores import open_store
from lilota_django.conf import is_of_one_process, project_settings
from lilota_django.files.plugin import make_area
from lilota_django.readiness import require_site
from lilota_django.store import DjangoTaskStore


def check_project(**_: Any) -> list[checks.CheckMessage]:  # noqa: ANN401 - Django's signature
    """Look at the setting `LILOTA`."""
    return [*mistakes_of_store(None, "the project"), *_mistakes_of_files()]


def _mistakes_of_files() -> Iterator[checks.CheckMessage]:
    """Yield why files of tasks can't be kept in a storage of the project; other file areas are none of Django's."""
    try:
        url = project_settings().files
    except LilotaError:
        return  # said of the store
    if url is None or not url.startswith("django://"):
        return
    try:
        make_area(url)
    except LilotaError as error:
        yield checks.Error(f"The files of tasks can't be kept where LILOTA says: {error}", id="lilota.E004")


def mistakes_of_store(store: str | None, owner: str) -> Iterator[checks.CheckMessage]:
    """Yield why a store can't be used, or that no worker will see its tasks.

    Args:
        store: its name or URL; None for that of the setting `LILOTA`.
        owner: whose store it is, for people.
    """
    try:
        settings = project_settings(store)
        found = open_store(settings=settings)
        if isinstance(found, DjangoTaskStore):
            require_site(found.alias)
    except LilotaError as error:
        yield checks.Error(f"The store of {owner} can't be used: {error}", id="lilota.E002")
        return
    if is_of_one_process(settings.store):
        yield checks.Warning(
            f"The store of {owner} is 'memory', which lives in one process: no worker sees what others add.",
            hint="Leave it out of the settings, or name a shared one, as 'django://default'. In settings for tests it "
            "is right; there, set SILENCED_SYSTEM_CHECKS = ['lilota.W001'].",
            id="lilota.W001",
        )
