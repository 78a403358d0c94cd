"""lilota in a Django project: a store over the ORM, an admin, a command that runs tasks, a `django.tasks` backend.

Django imports this package before its apps are ready, so the names below are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from lilota_django.client import get_client
    from lilota_django.django_tasks.backend import LilotaBackend
    from lilota_django.django_tasks.context import LilotaContext
    from lilota_django.django_tasks.functions import task

__all__ = ["LilotaBackend", "LilotaContext", "get_client", "task"]

#: Name -> the module that has it.
_HOMES: Final = {
    "LilotaBackend": "lilota_django.django_tasks.backend",
    "LilotaContext": "lilota_django.django_tasks.context",
    "get_client": "lilota_django.client",
    "task": "lilota_django.django_tasks.functions",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'lilota_django' has no attribute {name!r}", name=name)
    return getattr(import_module(_HOMES[name]), name)
