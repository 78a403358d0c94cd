"""Waiting for what another process or thread does."""

from __future__ import annotations

import time

import psycopg


def wait_until(ask):
    """Ask again and again until the answer is yes; a minute without one fails the test."""
    deadline = time.monotonic() + 60
    while not ask():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_until_quiet(store):
    """Wait until a store that nobody has waited for yet listens, and has no news any more."""
    # That it has begun to listen counts as a change: before that, its silence says nothing.
    wait_until(lambda: store.wait_for_change(0.3))
    while store.wait_for_change(0.3):
        pass


def wait_until_blocked(connection):
    """Wait until somebody waits for what this connection has locked."""
    blocked = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid)))"
    with psycopg.connect(connection.info.dsn, autocommit=True) as observer:
        wait_until(lambda: observer.execute(blocked, (connection.info.backend_pid,)).fetchone() == (True,))
