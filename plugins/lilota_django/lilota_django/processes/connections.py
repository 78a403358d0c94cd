"""The database connections of a worker process: as Django has them in a web server."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from asgiref.sync import SyncToAsync, ThreadSensitiveContext
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
        with _thread_for_coroutines():
            yield
    finally:
        _drop_open_transactions(logger)
        close_old_connections()


@contextmanager
def _thread_for_coroutines() -> Iterator[None]:
    """Let a coroutine use the ORM in a thread that ends with its attempt, and connections of that thread with it.

    asgiref has one thread for all coroutines of a process otherwise. Its connections would be tended by nobody, and as
    it goes on, the process would be replaced, like any in which a task has left a thread.
    """
    context = ThreadSensitiveContext()
    token = SyncToAsync.thread_sensitive_context.set(context)
    try:
        yield
    finally:
        SyncToAsync.thread_sensitive_context.reset(token)
        executor = SyncToAsync.context_to_thread_executor.pop(context, None)
        if executor is not None:
            executor.submit(connections.close_all)
            executor.shutdown()


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
