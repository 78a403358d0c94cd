"""One connection: limits on every wait, and transactions that cost one round trip."""

from __future__ import annotations

import select
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any, Final, NoReturn, TypeVar

import msgspec
import psycopg
from psycopg.conninfo import make_conninfo

from lilota_postgres_store.link.address import Address

Rows = list[tuple[Any, ...]]
Parameters = Mapping[str, str | None]
#: The text of a statement, and its parameters.
Call = tuple[bytes, Parameters]

Result = TypeVar("Result")

_NONE: Parameters = MappingProxyType({})
_BEGIN: Final = b"BEGIN ISOLATION LEVEL READ COMMITTED"
_COMMIT: Final = b"COMMIT"
#: How long to look for the cause of a failure, at most, while somebody waits for its error.
_PATIENCE_SECONDS: Final = 2


class NoAnswerError(psycopg.OperationalError):
    """The server was silent for too long; the connection is closed."""


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that gives up when the server is silent for too long, also where no packet tells that it has gone.

    Attributes:
        session: the number of the server's process behind it.
        is_pooled: a pooler such as PgBouncer stands in between, which gives each transaction another session.
    """

    silence_seconds: float = 10.0
    session: int = 0
    is_pooled: bool = False
    _settings: Call = (b"", _NONE)

    def wait(self, gen: Generator[Any, Any, Result], *args: Any, **kwargs: Any) -> Result:  # noqa: ANN401 - psycopg's
        return super().wait(self._limited(gen), *args, **kwargs)

    def _limited(self, gen: Generator[Any, Any, Result]) -> Generator[Any, Any, Result]:
        """Pass a generator of psycopg on, until nothing has moved for too long."""
        deadline = time.monotonic() + self.silence_seconds
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                # psycopg asks again every now and then with 0, when neither side of the socket is ready.
                if ready:
                    deadline = time.monotonic() + self.silence_seconds
                elif time.monotonic() > deadline:
                    self._give_up(gen)
                wanted = gen.send(ready)
        except StopIteration as end:
            result: Result = end.value
            return result

    def _give_up(self, gen: Generator[Any, Any, Any]) -> NoReturn:
        error = NoAnswerError(f"no answer within {self.silence_seconds:g} s; the connection was closed")
        self.pgconn.finish()
        # It may want to tidy up, and finds that it can't.
        with suppress(psycopg.Error, RuntimeError):
            gen.throw(error)
            gen.close()
        raise error

    def use_settings(self, settings: Call) -> None:
        """Apply settings, to the session or, where that is not our own, to each transaction."""
        self._settings = settings
        if self.is_pooled:
            self.prepare_threshold = None
        else:
            self.execute(*settings)

    def transact(self, calls: Sequence[Call], afterwards: Call | None = None) -> list[Rows]:
        """Run statements as one transaction, in one round trip, and return the rows of each.

        Args:
            afterwards: a statement in a transaction of its own, which is sent along.
        """
        if len(calls) == 1 and afterwards is None and not self.is_pooled:
            return [_rows(self._send(*calls[0]))]
        with self.pipeline():
            self._begin()
            cursors = [self._send(*call) for call in calls]
            self._send(_COMMIT, _NONE)
            if afterwards is not None:
                self._send(*afterwards)
        return [_rows(cursor) for cursor in cursors]

    @contextmanager
    def transaction_of_steps(self) -> Iterator[None]:
        """Run what is in the block as one transaction, step by step. Whoever lends a connection ends a failed one."""
        with self.pipeline():
            self._begin()
        yield
        self.execute(_COMMIT)

    def run(self, call: Call) -> Rows:
        """Run one statement and return its rows."""
        return _rows(self._send(*call))

    def _begin(self) -> None:
        self._send(_BEGIN, _NONE)
        if self.is_pooled:
            self._send(*self._settings)

    def _send(self, text: bytes, parameters: Parameters) -> psycopg.Cursor[tuple[Any, ...]]:
        # A pooler may not keep a prepared statement and its session together.
        prepare = None if self.is_pooled else True
        return self.execute(text, parameters, prepare=prepare)

    def is_stale(self) -> bool:
        """Tell whether the server has closed the connection, or said something unasked, while it was not in use."""
        poller = select.poll()
        poller.register(self.fileno(), select.POLLIN)
        return bool(poller.poll(0))


def _rows(cursor: psycopg.Cursor[tuple[Any, ...]]) -> Rows:
    return cursor.fetchall() if cursor.description is not None else []


def connect(address: Address) -> Connection:
    """Open a connection, within the time that the address allows."""
    connection = Connection.connect(address.conninfo, autocommit=True, **_limits(address))
    connection.silence_seconds = address.timeout_seconds
    connection.session = connection.info.backend_pid
    return connection


def connect_in_haste(address: Address) -> Connection:
    """Open a connection to ask why another one has failed, while somebody waits for that error."""
    conninfo = make_conninfo(address.conninfo, connect_timeout=_PATIENCE_SECONDS)
    return connect(msgspec.structs.replace(address, conninfo=conninfo, timeout_seconds=_PATIENCE_SECONDS))


def _limits(address: Address) -> dict[str, Any]:
    """Return libpq's limits, but for those that the URL sets, and what else we ask of it."""
    seconds = address.timeout_seconds
    limits: dict[str, Any] = {
        # For each host: one that is switched off must not use up the time of the others. libpq wants two at least.
        "connect_timeout": max(2, round(seconds / len(address.hosts))),
        "tcp_user_timeout": round(seconds * 1000),
        "keepalives_idle": max(1, round(seconds)),
        "keepalives_interval": max(1, round(seconds / 3)),
        "keepalives_count": 3,
        "target_session_attrs": "read-write",
        "fallback_application_name": "lilota",
    }
    chosen = {name: value for name, value in limits.items() if name not in address.parameters}
    # Nobody sees it but us, and no other one keeps every text.
    return {**chosen, "client_encoding": "utf8"}


def session_settings(address: Address) -> dict[str, str]:
    """Return the settings of our sessions on the server."""
    milliseconds = address.timeout_seconds * 1000
    return {
        # Each statement sees what was committed before it: claim and rescue rely on that.
        "default_transaction_isolation": "read committed",
        # The server says why before the client gives up.
        "statement_timeout": f"{milliseconds * 0.8:.0f}",
        "lock_timeout": f"{milliseconds * 0.5:.0f}",
        "idle_in_transaction_session_timeout": f"{milliseconds:.0f}",
        # All that is read is in indexes. In a queue, statistics are always of yesterday: the planner must not
        # conclude from them that a table is small, or a state rare, and read all or sort it.
        "enable_seqscan": "off",
        "enable_sort": "off",
        "jit": "off",
        "plan_cache_mode": "force_generic_plan",
    }
