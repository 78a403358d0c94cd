"""The store on the server, as one process sees it: run scripts on it, and notice when it is no longer the same."""

from __future__ import annotations

import logging
import os
import secrets
import threading
from typing import Any, Final, NamedTuple

from lilota.errors import StoreUnavailableError
from lilota_redis_store.address import Address
from lilota_redis_store.connecting import connect
from lilota_redis_store.faults import code_of, translated
from lilota_redis_store.schema import MIN_READER, OLDEST_READABLE, SCHEMA_VERSION, check_schema, too_new
from lilota_redis_store.scripts import OPEN, SCRIPTS, Script
from lilota_redis_store.servers import Servers

logger = logging.getLogger(__name__)

#: The most that one call may send; Redis itself ends the connection at 512 MB.
_MOST_BYTES: Final = 400 * 2**20
#: A script finds the data deleted, and again those that were created in their place.
_TRIES: Final = 3
#: After a fail-over, all connections lead to the wrong server.
_OF_THE_SERVER: Final = frozenset({"LOST", "READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN"})


class _Open(NamedTuple):
    """A way to the server, and which store is there."""

    servers: Servers
    store_id: str


class Database:
    """What belongs to one process: connections, and the id of the store that it has opened.

    Attributes:
        last_id: the highest task id that this process knows, or 0.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.pid = os.getpid()
        # The braces keep all keys of the store on one node of a cluster.
        self.prefix = f"{{{address.prefix}}}:"
        self._key = f"{self.prefix}store"
        self._lock = threading.Lock()
        self._open: _Open | None = None
        self._lost_id: str | None = None
        self.last_id = 0

    def is_mine(self) -> bool:
        """Tell whether this process made it, or inherited it through a fork."""
        return self.pid == os.getpid()

    def open(self) -> str:
        """Connect, create the store unless it is there, and return its id.

        Raises:
            StoreUnavailableError, StoreVersionError: it can't be used.
        """
        return self._opened().store_id

    def servers(self) -> Servers:
        """Return the way to the server."""
        return self._opened().servers

    def note_id(self, task_id: int) -> None:
        """Remember the highest id, so that ids go on rising should the server lose data."""
        self.last_id = max(self.last_id, task_id)

    def call(self, verb: str, asked: bytes, sender: str = "") -> Any:  # noqa: ANN401 - each script has its own answer
        """Run a script once.

        Args:
            sender: who changes something, or "" if nobody is to be told.

        Raises:
            StoreUnavailableError: the server can't be used. Nothing was written, or, if the answer was lost, the whole.
        """
        if len(asked) > _MOST_BYTES:
            raise StoreUnavailableError(
                f"The Redis server {self.address} takes at most {_MOST_BYTES >> 20} MB at a time, "
                f"not {len(asked) >> 20} MB. Add fewer tasks, or smaller ones, in one call."
            )
        for _ in range(_TRIES):
            opened = self._opened()
            try:
                with translated(self.address):
                    return run_script(
                        opened.servers, SCRIPTS[verb], self._key, opened.store_id, SCHEMA_VERSION, sender, asked
                    )
            except StoreUnavailableError as error:
                code = code_of(error.__cause__)
                # The scripts begin with a look at what is there, and write nothing when they answer like this.
                if code == "LILOTAGONE":
                    self._note_loss(opened)
                    continue
                if code == "LILOTAVERSION":
                    raise too_new(str(error.__cause__).rpartition(" ")[2], self.address) from error
                if code in _OF_THE_SERVER:
                    opened.servers.lost()
                raise
        raise StoreUnavailableError(f"The data of the Redis server {self.address} are deleted again and again.")

    def _opened(self) -> _Open:
        opened = self._open
        if opened is not None:
            return opened
        with self._lock, translated(self.address):
            if self._open is None:
                self._open = self._connect()
            return self._open

    def _connect(self) -> _Open:
        servers = connect(self.address, self._key)
        try:
            arguments = (secrets.token_hex(8), SCHEMA_VERSION, MIN_READER, self.last_id, OLDEST_READABLE)
            store_id = self._checked(*run_script(servers, SCRIPTS[OPEN], self._key, *arguments))
        except BaseException:
            servers.close()
            raise
        self._tell_loss(store_id)
        return _Open(servers, store_id)

    def _checked(self, store_id: bytes | None, version: bytes, min_reader: bytes) -> str:
        """Return the id of the store, if it is one that we may use."""
        if store_id is None:
            raise StoreUnavailableError(
                f"The key '{self._key}' on the Redis server {self.address} is not lilota's. Choose another 'prefix'."
            )
        check_schema(int(version), int(min_reader), self.address)
        return store_id.decode()

    def _note_loss(self, opened: _Open) -> None:
        """Open again, because the data are gone: a new store is created where the old one was."""
        with self._lock:
            if self._open is opened:
                self._lost_id, self._open = opened.store_id, None
                opened.servers.lost()

    def _tell_loss(self, store_id: str) -> None:
        if self._lost_id is not None and self._lost_id != store_id:
            logger.error(
                "All tasks in the Redis server %s (prefix '%s') are gone: its data were deleted (FLUSHALL?), or it was "
                "restarted without them. Attempts that are running are stopped; the store begins anew with new tasks.",
                self.address,
                self.address.prefix,
            )
        self._lost_id = None

    def close(self) -> None:
        """Close the connections; the next call opens them again."""
        with self._lock:
            opened, self._open = self._open, None
        if opened is not None:
            opened.servers.close()


def run_script(servers: Servers, script: Script, key: str, *arguments: object) -> Any:  # noqa: ANN401 - as call()
    """Run a script by its name; its text is sent when the server does not know it."""
    from redis.exceptions import NoScriptError  # noqa: PLC0415 - slow to import

    try:
        return servers.run("EVALSHA", script.sha, 1, key, *arguments)
    except NoScriptError:
        # Restarted, or the first to use it. The text goes with the call, so that nothing can come in between.
        return servers.run("EVAL", script.text, 1, key, *arguments)
