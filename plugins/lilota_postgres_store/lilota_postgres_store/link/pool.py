"""Open connections to the database, and lend them to one thread at a time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import psycopg

from lilota.contract.rules import leave_to_the_parent
from lilota.errors import StoreUnavailableError, StoreVersionError
from lilota_postgres_store.link.address import Address
from lilota_postgres_store.link.connection import Connection, NoAnswerError, connect
from lilota_postgres_store.link.faults import MISSING, OUTDATED, READ_ONLY, translated
from lilota_postgres_store.link.held_commits import HeldCommits
from lilota_postgres_store.link.refusals import is_worth_waiting_for

#: At most so many threads use the database at the same time; the others wait. Heartbeats never do.
_MOST_CONNECTIONS: Final = 16
#: Kept open while nobody needs them.
_IDLE_LIMIT: Final = 6
_FIRST_PAUSE_SECONDS: Final = 0.05


class Tables(Protocol):
    """What the connections are used for."""

    def prepare(self, connection: Connection) -> None:
        """Make a new connection ready, and the database too, if it is the first one."""

    def check(self, connection: Connection) -> None:
        """Look, before each use and if it is time, whether this process may go on."""

    def explain(self, error: psycopg.Error) -> str | None:
        """Say what an error means for the tables, as the end of a sentence about the database; None if nothing."""


class Pool:
    """The connections of one process to one database."""

    def __init__(self, address: Address, database: str, tables: Tables) -> None:
        self._pid = os.getpid()
        self._address = address
        self._database = database
        self._tables = tables
        self._idle: list[Connection] = []
        self._held = HeldCommits(address, database)
        self._places = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        #: A connection was made ready since the pool was made or closed.
        self.has_connected = False
        #: The server's processes behind the open connections.
        self.sessions: set[int] = set()

    @contextmanager
    def lend(self, *, at_once: bool = False) -> Iterator[Connection]:
        """Lend a connection for as long as the block runs; errors of psycopg come out as errors of the store.

        Args:
            at_once: don't wait for a place, however many threads use the database.
        """
        with translated(self._database, self._explain), self._place(at_once=at_once):
            connection = self._take()
            try:
                self._tables.check(connection)
                yield connection
            except BaseException as error:
                # Whatever went wrong, the next user gets a fresh one.
                self._close(connection)
                self._draw_conclusions(error)
                raise
            self._give_back(connection)

    def check_commits(self) -> None:
        """Make sure that a write would not only join others that wait for a standby.

        Raises:
            StoreUnavailableError: it would.
        """
        if self._held.are_known:
            with self.lend() as connection:
                self._held.check(connection)

    @contextmanager
    def _place(self, *, at_once: bool) -> Iterator[None]:
        if at_once:
            yield
            return
        if not self._places.acquire(timeout=self._address.timeout_seconds):
            raise StoreUnavailableError(
                f"The {self._database} is used by {_MOST_CONNECTIONS} threads of this process for too long. "
                "Look for what keeps it busy."
            )
        try:
            yield
        finally:
            self._places.release()

    def _take(self) -> Connection:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            if not connection.is_stale():
                return connection
            self._close(connection)
        connection = self._connect_patiently() if self.has_connected else connect(self._address)
        try:
            self._tables.prepare(connection)
        except BaseException:
            connection.close()
            raise
        self.sessions.add(connection.session)
        self.has_connected = True
        return connection

    def _connect_patiently(self) -> Connection:
        """Connect to a server that was there before: a restart or a fail-over takes a moment."""
        deadline = time.monotonic() + self._address.timeout_seconds / 4
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return connect(self._address)
            except psycopg.OperationalError as error:
                if time.monotonic() + pause > deadline or not is_worth_waiting_for(error):
                    raise
            time.sleep(pause)
            pause *= 2

    def _give_back(self, connection: Connection) -> None:
        if len(self._idle) < _IDLE_LIMIT:
            self._idle.append(connection)
        else:
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        self.sessions.discard(connection.session)
        connection.close()

    def _draw_conclusions(self, error: BaseException) -> None:
        code = error.sqlstate if isinstance(error, psycopg.Error) else None
        if code in {READ_ONLY, OUTDATED} or isinstance(error, NoAnswerError):
            # The primary is elsewhere now, and connecting again finds it; all connections have outdated statements; or
            # the network has lost them all, and each would cost another call its patience.
            self.close_idle()
        elif code in MISSING or isinstance(error, StoreVersionError):
            self.close()

    def _explain(self, error: psycopg.Error) -> str | None:
        return self._held.explain(error) or self._tables.explain(error)

    def close_idle(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._close(self._idle.pop())

    def close(self) -> None:
        """As `close_idle`, and be as if never used: the next use looks whether the database is ready."""
        self.has_connected = False
        self.close_idle()

    def is_mine(self) -> bool:
        """Tell whether this process made the pool, or inherited it through a fork."""
        return self._pid == os.getpid()

    def dispose(self) -> None:
        """End with the process or the store: close the connections, unless they belong to the parent process."""
        if self.is_mine():
            self.close_idle()
        else:
            self.abandon()

    def abandon(self) -> None:
        """Forget the connections without closing them, in a process that was forked from the one that opened them."""
        leave_to_the_parent(self._idle)
        self._idle.clear()
