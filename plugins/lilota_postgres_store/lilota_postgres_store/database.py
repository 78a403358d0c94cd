"""Transactions on the database, as one process sees it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from lilota.contract.rules import VersionLook
from lilota.errors import ConfigurationError, StoreUnavailableError
from lilota_postgres_store.link.address import Address
from lilota_postgres_store.link.connection import (
    Call,
    Connection,
    NoAnswerError,
    Parameters,
    Rows,
    connect_in_haste,
    session_settings,
)
from lilota_postgres_store.link.faults import REPEATABLE, tells_of_other_tables
from lilota_postgres_store.link.pool import Pool
from lilota_postgres_store.link.server import Server, ask_server, check_server
from lilota_postgres_store.migrations import check_version, migrate, why_they_differ
from lilota_postgres_store.news.announcements import MORE, Span
from lilota_postgres_store.statements import Statements
from lilota_postgres_store.texts import text_array

logger = logging.getLogger(__name__)

#: The name of a statement, and its parameters.
Step = tuple[str, Parameters]

_TRIES: Final = 4
_CONFIGURE: Final = b"""
SELECT set_config(name, value, %(is_local)s::boolean)
FROM unnest(%(names)s::text[], %(values)s::text[]) AS setting (name, value)
"""


class Database:
    """What belongs to one process: connections, and the statements for the tables that they lead to."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.name = address.describe()
        self.pool = Pool(address, self.name, self)
        self.store_id = ""
        #: A pooler such as PgBouncer stands before the server; known once there was a connection.
        self.is_pooled = False
        self._span = Span()
        self._statements: Statements | None = None
        self._migrating = threading.Lock()
        self._version_look = VersionLook()

    @property
    def statements(self) -> Statements:
        """The statements; only a connection that was made ready knows them."""
        if self._statements is None:
            raise StoreUnavailableError(f"The {self.name} has not been opened yet. Call open() first.")
        return self._statements

    def open(self) -> None:
        """Make sure that the tables are there."""
        with self.pool.lend():
            pass

    def ask(self) -> Server:
        """Ask the server what it is."""
        with self.pool.lend() as connection:
            return ask_server(connection)

    def read(self, name: str, **parameters: str | None) -> Rows:
        """Run one statement that can be run again when its answer is lost."""
        return self.read_all((name, parameters))[0]

    def read_all(self, *steps: Step, at_once: bool = False) -> list[Rows]:
        """Run statements that can be run again, as one transaction.

        Args:
            at_once: don't wait for a place in the pool.
        """
        return self._run(steps, None, _may_be_read_again, at_once=at_once)

    def write(self, *steps: Step, announce: bool = False, payload: str = "") -> list[Rows]:
        """Run statements as one transaction, and return the rows of each.

        Args:
            announce: tell other processes afterwards that something has changed.
            payload: what the announcement says.
        """
        self.pool.check_commits()
        return self._run(steps, payload if announce else None, _had_no_effect)

    def _run(
        self,
        steps: Sequence[Step],
        payload: str | None,
        may_try_again: Callable[[BaseException | None], bool],
        *,
        at_once: bool = False,
    ) -> list[Rows]:
        """Run statements as one transaction, some times if the cause of the failure allows it."""
        for _ in range(_TRIES - 1):
            try:
                return self._run_once(steps, payload, at_once=at_once)
            except StoreUnavailableError as error:
                if not may_try_again(error.__cause__):
                    raise
        return self._run_once(steps, payload, at_once=at_once)

    def _run_once(self, steps: Sequence[Step], payload: str | None, *, at_once: bool) -> list[Rows]:
        with self.pool.lend(at_once=at_once) as connection:
            calls = [self.call(*step) for step in steps]
            return connection.transact(calls, None if payload is None else self.announcement(payload))

    def write_among_many(self, *steps: Step) -> list[Rows]:
        """As `write`, of what other processes may hear a moment later; the newest announcement may speak for it."""
        if self._span.covers_now():
            answers = self.write(*steps)
            if not self._span.covers_now():
                self.announce()
            return answers
        began = time.monotonic()
        answers = self.write(*steps, announce=True, payload=MORE)
        self._span.begin(began)
        return answers

    def announce(self) -> None:
        """Tell others of what has been written, and must not look as if it had failed: who isn't told looks later."""
        try:
            self.write(announce=True)
        except StoreUnavailableError as error:
            logger.warning("Others notice late what was added: %s", error)

    @contextmanager
    def steps(self) -> Iterator[Any]:
        """Run statements in one transaction, one after the other: `run(name, **parameters)` returns the rows."""
        self.pool.check_commits()
        with self.pool.lend() as connection, connection.transaction_of_steps():
            yield lambda name, **parameters: connection.run(self.call(name, parameters))

    def call(self, name: str, parameters: Parameters) -> Call:
        """Return a statement as a connection wants it."""
        return self.statements[name], parameters

    def announcement(self, payload: str = "") -> Call:
        """Return the statement that tells others of a change. Notifications pass a pooler, only LISTEN does not."""
        channel = self.statements.channel if self.address.listen else None
        return self.call("announce", {"channel": channel, "payload": payload})

    def configure(self, connection: Connection) -> Server:
        """Make a new connection one of ours."""
        server = ask_server(connection)
        connection.is_pooled = self.is_pooled = server.is_pooled
        settings = session_settings(self.address)
        parameters = {
            "names": text_array(settings),
            "values": text_array(settings.values()),
            "is_local": str(server.is_pooled),
        }
        connection.use_settings((_CONFIGURE, parameters))
        return server

    def prepare(self, connection: Connection) -> None:
        """Make a new connection ready, and the tables too, if it is the first one."""
        server = self.configure(connection)
        if self.pool.has_connected:
            return
        # Threads that come first at the same time would wait for each other in the database otherwise.
        with self._migrating:
            if not self.pool.has_connected:
                check_server(server, self.name)
                self._statements = statements = Statements(self._schema(server), self.address.table_prefix)
                self.store_id = migrate(connection, statements, self.name)
                self._version_look.note_good()

    def check(self, connection: Connection) -> None:
        """Look now and then whether a newer lilota has changed the tables below this process."""
        self._version_look.look_if_due(check_version, connection, self.statements, self.name)

    def explain(self, error: psycopg.Error) -> str | None:
        """Say, as the end of a sentence about the database, why its tables are not as a statement wants them.

        Raises:
            StoreVersionError: a newer lilota has changed them.
        """
        if self._statements is None or not tells_of_other_tables(error):
            return None
        try:
            with connect_in_haste(self.address) as connection:
                self.configure(connection)
                return why_they_differ(connection, self._statements, self.name)
        except psycopg.Error as another:
            # There is an error to tell already.
            logger.debug("The %s can't be asked for the version of its tables: %s", self.name, another)
            return None

    def _schema(self, server: Server) -> str:
        schema = self.address.schema or server.default_schema
        if schema is None:
            raise ConfigurationError(
                f"The {self.name} has no schema for new tables: none of its 'search_path' exists. "
                "Name one in the URL: ?schema=..."
            )
        return schema


def _had_no_effect(error: BaseException | None) -> bool:
    return isinstance(error, psycopg.Error) and error.sqlstate in REPEATABLE


def _may_be_read_again(error: BaseException | None) -> bool:
    """Tell whether a read may succeed now: also one that was lost with a server that came back meanwhile."""
    if isinstance(error, NoAnswerError | psycopg.errors.ConnectionTimeout):
        return False  # asking again would take as long again
    return _had_no_effect(error) or (
        isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        and (error.sqlstate is None or error.sqlstate.startswith(("08", "57P")))
    )
