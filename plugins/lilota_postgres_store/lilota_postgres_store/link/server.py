"""What a server says of itself when a connection is new: can it keep tasks, and how well."""

from __future__ import annotations

from typing import Final

import msgspec

from lilota.errors import ConfigurationError
from lilota_postgres_store.link.connection import Connection

OLDEST_SUPPORTED: Final = 140000

_ASK: Final = b"""
SELECT pg_backend_pid(), current_setting('server_version_num')::int, current_setting('server_version'),
    current_setting('server_encoding'), current_setting('synchronous_commit'), current_setting('fsync'),
    current_setting('full_page_writes'), current_schema()
"""


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """The server behind a connection.

    Attributes:
        is_pooled: a pooler such as PgBouncer stands in between.
        default_schema: where new tables go that name no schema, or None if there is no such place.
    """

    version_number: int
    version: str
    encoding: str
    synchronous_commit: str
    fsync: bool
    full_page_writes: bool
    is_pooled: bool
    default_schema: str | None

    @property
    def is_durable(self) -> bool:
        """What was acknowledged outlives a power cut."""
        return self.fsync and self.full_page_writes and self.synchronous_commit != "off"


def ask_server(connection: Connection) -> Server:
    """Ask a server what it is."""
    (row,) = connection.execute(_ASK).fetchall()
    pid, version_number, version, encoding, synchronous_commit, fsync, full_page_writes, schema = row
    return Server(
        version_number=version_number,
        version=version.partition(" ")[0],
        encoding=encoding,
        synchronous_commit=synchronous_commit,
        fsync=fsync == "on",
        full_page_writes=full_page_writes == "on",
        # A pooler makes up the number of the session that it hands out, since that changes with each transaction.
        is_pooled=pid != connection.info.backend_pid,
        default_schema=schema,
    )


def check_server(server: Server, database: str) -> None:
    """Make sure that tasks can be kept there.

    Raises:
        ConfigurationError: they can't; the message says what is needed.
    """
    if server.version_number < OLDEST_SUPPORTED:
        raise ConfigurationError(
            f"The {database} runs PostgreSQL {server.version}; lilota needs {OLDEST_SUPPORTED // 10000} or newer. "
            "Upgrade the server, or choose another one."
        )
    if server.encoding != "UTF8":
        raise ConfigurationError(
            f"The {database} has the encoding {server.encoding}, which can't keep every text. "
            "Create a database with ENCODING 'UTF8' TEMPLATE template0."
        )


def warnings_for(server: Server, *, listens: bool) -> tuple[str, ...]:
    """Return a sentence for each known danger."""
    found = {
        "fsync is off on the server: a power cut may destroy the whole database. Set fsync = on.": not server.fsync,
        "full_page_writes is off on the server: a power cut may damage the database. Set full_page_writes = on.": (
            not server.full_page_writes
        ),
        "synchronous_commit is off: a crash of the server may lose what it acknowledged in its last second. "
        "Set it to on for this role or database.": server.synchronous_commit == "off",
        "A pooler (PgBouncer) stands before the server: changes are noticed by polling, and statements are planned "
        "each time. Connect directly, or in another port, for more speed.": server.is_pooled,
        "listen=off: changes made by other processes are noticed by polling.": not (listens or server.is_pooled),
    }
    return tuple(sentence for sentence, holds in found.items() if holds)
