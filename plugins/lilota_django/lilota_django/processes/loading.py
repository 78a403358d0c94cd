"""Load the project into a worker process, before its first task."""

from __future__ import annotations

import django
from django.apps import apps
from django.db import connections

from lilota_django.processes.loggers import fit_to_worker
from lilota_django.readiness import make_settings_importable


def load_project() -> None:
    """Set Django up, if the program that the worker imported has not done so, and fit it to a worker."""
    if not apps.ready:
        make_settings_importable()
        django.setup()
    fit_to_worker()
    _open_pools()


def _open_pools() -> None:
    """Start the threads of connection pools now: those that start in a task are said to be left behind by it."""
    for connection in connections.all():
        pool = getattr(connection, "pool", None)
        if pool is not None:
            pool.open()
