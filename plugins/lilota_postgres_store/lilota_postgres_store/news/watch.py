"""Hear of the changes that other processes make: LISTEN where that is possible, else looking every now and then."""

from __future__ import annotations

import logging
import math
import os
import select
import threading
import time
from typing import Final

import psycopg
from psycopg.pq import ConnStatus

from lilota.errors import LilotaError
from lilota_postgres_store.database import Database
from lilota_postgres_store.link.connection import Connection, connect
from lilota_postgres_store.link.faults import translated
from lilota_postgres_store.news.announcements import MORE, SPAN_SECONDS
from lilota_postgres_store.news.changes import Changes

logger = logging.getLogger(__name__)

#: How often to look for a change where there are no notifications.
POLL_SECONDS: Final = 0.2
#: A connection that only listens would not find out that its server has gone.
PROBE_SECONDS: Final = 10.0
#: After so long without anybody who waits, the connection is given up.
LINGER_SECONDS: Final = 60.0
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 5.0


class Watch:
    """A thread with a connection of its own, as long as somebody waits."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes
        self._lock = threading.Lock()
        self._listener: _Listener | None = None

    def ensure(self) -> None:
        """Start the thread, unless it runs."""
        with self._lock:
            if self._listener is None or not self._listener.is_alive():
                self._listener = _Listener(self._database, self._changes)

    def stop(self) -> None:
        """End the thread and its connection. It may be started again."""
        if not self._database.pool.is_mine():
            return  # the thread is the parent's
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop()


class _Listener:
    """The thread, and a pipe to end it."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes
        self._heard: list[tuple[int, str]] = []
        self._look_again_at = math.inf
        self._pause = _FIRST_PAUSE_SECONDS
        self._stopped, self._stopper = os.pipe()
        self._pipe_lock = threading.Lock()
        self._has_ended = False
        self._thread = threading.Thread(target=self._run, name="lilota-postgres-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._pipe_lock:
            if not self._has_ended:
                os.write(self._stopper, b"!")
        if self._thread is not threading.current_thread():
            self._thread.join(self._database.address.timeout_seconds)

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._go_on()
        finally:
            with self._pipe_lock:
                self._has_ended = True
                os.close(self._stopper)
                os.close(self._stopped)

    def _go_on(self) -> None:
        while True:
            try:
                with translated(self._database.name):
                    self._watch()
            except (OSError, LilotaError) as error:
                logger.info("Changes are not heard of, trying again in %g s: %s", self._pause, error)
            else:
                return
            if _readable([self._stopped], self._pause) or self._nobody_waits():
                return
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)

    def _watch(self) -> None:
        # The pool makes sure that the tables are there; this connection is not one of the pool's.
        self._database.open()
        connection = connect(self._database.address)
        try:
            self._database.configure(connection)
            may_listen = self._database.address.listen and not connection.is_pooled
            (self._listen if may_listen else self._poll)(connection)
        finally:
            connection.close()

    def _listen(self, connection: Connection) -> None:
        connection.add_notify_handler(lambda notification: self._heard.append((notification.pid, notification.payload)))
        connection.execute(self._database.statements.listen)
        self._pause = _FIRST_PAUSE_SECONDS
        # What happened before this moment went unheard, also that more is to come.
        self._announce(is_more_to_come=True)
        while not self._nobody_waits():
            pause = min(PROBE_SECONDS, max(0.0, self._look_again_at - time.monotonic()))
            readable = _readable([self._stopped, connection.fileno()], pause)
            if self._stopped in readable:
                return
            if time.monotonic() >= self._look_again_at:
                self._announce(is_more_to_come=False)
            elif not readable:
                connection.execute(b"SELECT 1")
            self._take_notifications(connection)

    def _announce(self, *, is_more_to_come: bool) -> None:
        self._look_again_at = time.monotonic() + SPAN_SECONDS if is_more_to_come else math.inf
        self._changes.announce()

    def _take_notifications(self, connection: Connection) -> None:
        connection.pgconn.consume_input()
        if connection.pgconn.status != ConnStatus.OK:
            raise psycopg.OperationalError("the server closed the connection")
        while (notification := connection.pgconn.notifies()) is not None:
            self._heard.append((notification.be_pid, notification.extra.decode()))
        # What this process has changed, its threads were told at once.
        news = {payload for session, payload in self._heard if session not in self._database.pool.sessions}
        self._heard.clear()
        if MORE in news:
            self._announce(is_more_to_come=True)
        elif news:
            self._changes.announce()

    def _poll(self, connection: Connection) -> None:
        seen, was_news = None, False
        while not self._nobody_waits():
            (number,) = connection.transact([self._database.call("last_change", {})])[0]
            self._pause = _FIRST_PAUSE_SECONDS
            is_news = number != seen
            # The number may speak for what came a moment after it.
            if is_news or was_news:
                self._changes.announce()
            seen, was_news = number, is_news
            if _readable([self._stopped], POLL_SECONDS):
                return

    def _nobody_waits(self) -> bool:
        return self._changes.unasked_for() > LINGER_SECONDS


def _readable(files: list[int], seconds: float) -> list[int]:
    poller = select.poll()
    for file in files:
        poller.register(file, select.POLLIN)
    return [file for file, _ in poller.poll(seconds * 1000)]
