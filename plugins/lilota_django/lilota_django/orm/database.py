"""Transactions on the connection that Django has for an alias in this thread."""

from __future__ import annotations

import random
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from django.db import DatabaseError, connections, transaction

from lilota.contract.rules import VersionLook
from lilota_django.models import Turn
from lilota_django.orm.faults import DatabaseFault, DatabaseFaults, is_conflict, tells_of_other_tables, to_store_error
from lilota_django.readiness import require_known_version

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

Answer = TypeVar("Answer")

#: How often a transaction is tried that the database undoes because of another one.
TRIES: Final = 10
_LONGEST_PAUSE_SECONDS: Final = 0.05


class Database:
    """The connections of one process to one database.

    Every thread has its own. Those of a thread are closed when it ends: Django does so only at the end of a request,
    and a runner's threads see none.
    """

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self._of_thread = threading.local()
        self._version_look = VersionLook()
        self._version_look.note_good()  # whoever makes this has just looked

    @property
    def connection(self) -> BaseDatabaseWrapper:
        """The connection of the calling thread; it will be closed when the thread ends."""
        connection = connections[self.alias]
        if getattr(self._of_thread, "end", None) is None:
            self._of_thread.end = _ThreadEnd(connection)
        return connection

    @property
    def is_in_transaction(self) -> bool:
        """Whether the caller has a transaction on the connection, and its fate in hand; with autocommit off, always."""
        connection = self.connection
        return connection.in_atomic_block or (connection.connection is not None and not connection.autocommit)

    @property
    def skip_locked(self) -> bool:
        """Whether a query can leave out rows that somebody else has locked, instead of waiting for them."""
        return bool(self.connection.features.has_select_for_update_skip_locked)

    def read(self, work: Callable[[], Answer]) -> Answer:
        """Read, with each statement by itself."""
        return self._guarded(work)

    def read_at_once(self, work: Callable[[], Answer]) -> Answer:
        """Read with statements that all see one moment, where that is possible without keeping others waiting."""
        if self.connection.vendor != "sqlite" or self.is_in_transaction:
            return self._guarded(work)
        return self._guarded(lambda: self._in_snapshot(work))

    def write(self, work: Callable[[], Answer]) -> Answer:
        """Write in one transaction, all or nothing; in the caller's, if there is one.

        Done again if the database undoes it because of another transaction.
        """

        def locked() -> Answer:
            if self.is_in_transaction:
                # Before the savepoint: where nothing has been written yet, SQLite would commit with its end.
                self._lock_for_writing()
            with transaction.atomic(using=self.alias):
                self._lock_for_writing()
                return work()

        return self._guarded(lambda: self._again_after_conflicts(locked))

    def after_commit(self, action: Callable[[], None]) -> None:
        """Do something once the open transaction has been committed; at once, if there is none."""
        transaction.on_commit(action, using=self.alias, robust=True)

    def refresh(self) -> None:
        """Close a connection that is older than CONN_MAX_AGE allows, as the end of a request would.

        Where CONN_MAX_AGE is 0, a connection lasts as long as the thread: to open one for each call would be slow.
        """
        connection = self.connection
        if connection.settings_dict.get("CONN_MAX_AGE") and not self.is_in_transaction:
            connection.close_if_unusable_or_obsolete()

    def close(self) -> None:
        """Close the connection of the calling thread, unless the caller is in a transaction on it."""
        if not self.is_in_transaction:
            self.connection.close()

    def _in_snapshot(self, work: Callable[[], Answer]) -> Answer:
        """Read in a transaction of SQLite's that takes no lock for writing, whatever OPTIONS['transaction_mode'] is."""
        with self.connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                return work()
            finally:
                cursor.execute("ROLLBACK")

    def _lock_for_writing(self) -> None:
        """Make the first statement a writing one where only one transaction can write.

        SQLite refuses to turn a transaction that has read into a writing one while another writes. This changes no row.
        """
        if self.connection.vendor == "sqlite":
            Turn.objects.using(self.alias).filter(pk=0).update(chore="")

    def _again_after_conflicts(self, work: Callable[[], Answer]) -> Answer:
        # The database has undone the whole of the caller's transaction: only the caller can do it again.
        tries = 1 if self.is_in_transaction else TRIES
        for tried in range(1, tries):
            try:
                return work()
            except DatabaseError as error:
                if not is_conflict(error):
                    raise
            # Two that met once shall not meet again at once.
            time.sleep(random.uniform(0, min(_LONGEST_PAUSE_SECONDS, 0.001 * 2**tried)))  # noqa: S311 - no secret
        return work()

    def _guarded(self, work: Callable[[], Answer]) -> Answer:
        """Let errors of the database come out as errors of the store, and start afresh after them."""
        connection = self.connection
        # Asked before: what is lost while a transaction of our own begins or ends may look like one of the caller's.
        is_callers = self.is_in_transaction
        try:
            if not is_callers:
                self._look_now_and_then()
            return work()
        except DatabaseFaults as error:
            store_error = to_store_error(error, connection)
            if not is_callers:
                # It may be broken for good; the next call opens another.
                connection.close()
                self._look_after(error)
            raise store_error from error
        finally:
            # Others may be waiting for it.
            if not is_callers and connection.settings_dict["OPTIONS"].get("pool"):
                connection.close()

    def _look_now_and_then(self) -> None:
        """Refuse to go on with tables that a newer lilota has changed below this process.

        Not where Django logs queries: whoever counts them, as by `assertNumQueries`, would find one more now and then.
        """
        if not self.connection.queries_logged:
            self._version_look.look_if_due(require_known_version, self.alias)

    def _look_after(self, error: DatabaseFault) -> None:
        """Refuse to go on, if that newer lilota is why something that was there is not found."""
        if tells_of_other_tables(error):
            with suppress(*DatabaseFaults):  # there is an error to tell already
                require_known_version(self.alias)


class _ThreadEnd:
    """Dies with its thread, and closes the connection then."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        # At the end of the interpreter this would run in another thread than the connection's.
        weakref.finalize(self, _close_if_ended, connection, threading.get_ident()).atexit = False


def _close_if_ended(connection: BaseDatabaseWrapper, thread: int) -> None:
    """Close the connection of a thread that is ending. One that lives on has only dropped the store, in a view, say."""
    lives_on = any(each.ident == thread for each in threading.enumerate())
    if thread == threading.get_ident() and not lives_on and not connection.in_atomic_block:
        connection.close()
