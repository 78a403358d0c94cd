"""The database connections of a worker process: as Django has them in a web server."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import close_old_connections, connections, reset_queries


@contextmanager
def as_in_a_request(logger: logging.Logger) -> Iterator[None]:
    """Begin with usable connections, and leave none behind that are broken, too old, or in a transaction.

    Args:
        logger: the one of the task, to which it is told what it left.
    """
    reset_queries()
    close_old_connections()
    try:
        yield
    finally:
        _drop_open_transactions(logger)
        close_old_connections()


def _drop_open_transactions(logger: logging.Logger) -> None:
    """Roll back what a task left open: the next one must not continue it.

    A cancelled task can leave a transaction too, where the exception came while Django was just ending it.
    """
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:
            logger.warning("The transaction in '%s' that was still open was rolled back.", connection.alias)
            connection.close()
            # The object remembers the transaction; the next use makes another.
            del connections[connection.alias]
