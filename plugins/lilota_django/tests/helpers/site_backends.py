"""What a PostgreSQL server sees of the connections of these tests, and how to wait for what it does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from django.db import connections


def backends(alias: str) -> int:
    """Return how many connections to its database a PostgreSQL server has."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return cursor.fetchone()[0]


def end_backend(alias: str) -> None:
    """Let the server end the connection of the calling thread, as a restart of it would."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    thread = threading.Thread(target=terminate, args=[alias, pid])
    thread.start()
    thread.join()


def terminate(alias: str, pid: int) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    connections[alias].close()


def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds: a server needs a moment to notice what a client did."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
