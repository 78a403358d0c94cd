"""Load the project into a worker process, before its first task."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import django
from django.apps import apps
from django.db import connections


def load_project() -> None:
    """Set Django up, if the program that the worker imported has not done so, and fit it to a worker."""
    if not apps.ready:
        django.setup()
    _quieten()
    _open_pools()


def _quieten() -> None:
    """Keep lines out of the log of a task that say again what is there."""
    from lilota_django.compat import signals  # noqa: PLC0415 - needs the settings

    if signals.logger.level == logging.NOTSET:
        # It tells of each start and each end, which lilota tells too.
        signals.logger.setLevel(logging.WARNING)
    for logger in _collected():
        for handler in list(logger.handlers):
            # lilota keeps what is logged, and also what is printed; this does both.
            if isinstance(handler, logging.StreamHandler) and handler.stream in (sys.stdout, sys.stderr):
                logger.removeHandler(handler)


def _collected() -> Iterator[logging.Logger]:
    """Return the loggers below the root whose records reach it, where lilota takes them."""
    for logger in logging.Logger.manager.loggerDict.values():
        above = logger if isinstance(logger, logging.Logger) else None
        while above is not None and above.propagate and above.parent is not None:
            above = above.parent
        if isinstance(logger, logging.Logger) and above is logging.root:
            yield logger


def _open_pools() -> None:
    """Start the threads of connection pools now: those that start in a task are said to be left behind by it."""
    for connection in connections.all():
        pool = getattr(connection, "pool", None)
        if pool is not None:
            pool.open()
