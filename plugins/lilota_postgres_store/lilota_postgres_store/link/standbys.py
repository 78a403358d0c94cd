"""Synchronous standbys: commits wait for them, and whoever waits for one that is away should learn why."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from lilota_postgres_store.link.connection import Connection

#: An ordinary role sees that somebody follows, not as what; and of sessions, what its own ones wait for. A commit waits
#: for a standby that is well for milliseconds.
_ASK: Final = b"""
SELECT current_setting('synchronous_standby_names'), current_setting('synchronous_commit') NOT IN ('off', 'local'),
    (SELECT count(*) FROM pg_stat_replication WHERE sync_state IS NULL OR sync_state IN ('sync', 'quorum')),
    EXISTS (
        SELECT FROM pg_stat_activity
        WHERE wait_event = 'SyncRep' AND query_start < clock_timestamp() - interval '0.5 seconds'
    )
"""
#: FIRST 2 (a, b), ANY 2 (a, b), 2 (a, b); a list alone asks for one.
_NEEDED: Final = re.compile(r"\s*(?:(?:first|any)\s+)?(\d+)\s*\(", re.IGNORECASE)


class Standbys(msgspec.Struct, frozen=True, kw_only=True):
    """The standbys that a server waits for.

    Attributes:
        names: the server's `synchronous_standby_names`.
        are_awaited: commits of this role in this database wait for them.
        connected: how many there are, as far as the role can see; perhaps too many.
        holds_commits: a commit of this role has been waiting for longer than usual.
    """

    names: str
    are_awaited: bool
    connected: int
    holds_commits: bool

    @property
    def needed(self) -> int:
        """How many must have written a commit before it is acknowledged."""
        if not self.names.strip():
            return 0
        found = _NEEDED.match(self.names)
        return int(found[1]) if found else 1

    def warnings(self) -> tuple[str, ...]:
        """Return a sentence if nothing can be written."""
        trouble = self.trouble()
        return () if trouble is None else (f"The server {trouble}. Nothing can be written meanwhile.",)

    def trouble(self) -> str | None:
        """Say what the server waits for, and the remedy; None if it does not."""
        are_missing = self.connected < self.needed
        if not (self.are_awaited and self.needed and (are_missing or self.holds_commits)):
            return None
        state = "is not connected" if are_missing else "does not confirm what it is sent"
        return (
            f"waits for a synchronous standby that {state}: synchronous_standby_names is '{self.names}'. "
            "Start the standby, or do without it: ALTER SYSTEM SET synchronous_standby_names = '', then "
            "SELECT pg_reload_conf()"
        )


def ask_standbys(connection: Connection) -> Standbys:
    """Ask a server whether it waits for standbys, as far as an ordinary role may know."""
    ((names, are_awaited, connected, holds_commits),) = connection.execute(_ASK).fetchall()
    return Standbys(names=names, are_awaited=are_awaited, connected=connected, holds_commits=holds_commits)
