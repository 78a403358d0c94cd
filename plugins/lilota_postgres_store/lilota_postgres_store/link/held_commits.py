"""Commits that the server holds back until a standby has written them: find out, say so, and send no more of them."""

from __future__ import annotations

import logging
from typing import Final

import psycopg

from lilota.errors import StoreUnavailableError
from lilota_postgres_store.link.address import Address
from lilota_postgres_store.link.connection import Connection, NoAnswerError, connect_in_haste
from lilota_postgres_store.link.refusals import FATE_UNKNOWN
from lilota_postgres_store.link.standbys import ask_standbys

logger = logging.getLogger(__name__)

#: Waited for a lock, which may be that of a commit that waits; or took too long altogether.
_KEPT_WAITING: Final = frozenset({"55P03", "57014"})


class HeldCommits:
    """What a process knows of its commits that wait.

    The server does not let go of a session whose commit waits, though nobody listens to it any more. If each call left
    one behind, they would soon be as many as the server allows, and it would refuse everybody.
    """

    def __init__(self, address: Address, database: str) -> None:
        self._address = address
        self._database = database
        #: One was seen, and none has got through since.
        self.are_known = False

    def explain(self, error: psycopg.Error) -> str | None:
        """Say, as the end of a sentence about the database, if an error comes from a commit that waits."""
        is_silent = isinstance(error, NoAnswerError)
        if not is_silent and error.sqlstate not in _KEPT_WAITING:
            return None
        trouble = self._ask_elsewhere()
        if trouble is None:
            return None
        self.are_known = True
        return f"{trouble}. {FATE_UNKNOWN}" if is_silent else trouble

    def check(self, connection: Connection) -> None:
        """Make sure that another commit would not wait as well.

        Raises:
            StoreUnavailableError: it would.
        """
        trouble = ask_standbys(connection).trouble()
        if trouble is not None:
            raise StoreUnavailableError(f"The {self._database} {trouble}. Nothing was written.")
        self.are_known = False

    def _ask_elsewhere(self) -> str | None:
        """Ask on a connection of its own, since the one that failed is closed."""
        try:
            with connect_in_haste(self._address) as connection:
                standbys = ask_standbys(connection)
        except psycopg.Error as error:
            # There is an error to tell already, which says as much.
            logger.debug("The %s can't be asked why it is silent: %s", self._database, error)
            return None
        return standbys.trouble() if standbys.holds_commits else None
