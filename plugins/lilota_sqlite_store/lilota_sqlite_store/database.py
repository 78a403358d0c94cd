"""Transactions on the database file, as one process sees it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lilota_sqlite_store.checkpoint import Checkpointer
from lilota_sqlite_store.connection import Connection, ConnectionPool


class Database:
    """What belongs to one process: connections, and the lock that makes threads share a transaction (`adding.py`)."""

    def __init__(self, path: str, *, wait_for_disk: bool) -> None:
        self.path = path
        self.pid = os.getpid()
        self.pool = ConnectionPool(path)
        self.write_lock = threading.Lock()
        self._wait_for_disk = wait_for_disk
        self._checkpointer = Checkpointer(path)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read in one transaction: all statements see the same moment."""
        with self.pool.lend() as connection:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """Write in one transaction, all or nothing.

        Args:
            durable: the end of the block waits until the disk has it. Without, a power cut may lose the transaction
                (a killed process can't); the next durable one saves it too.
        """
        with self.pool.lend() as connection:
            connection.be_durable(durable and self._wait_for_disk)
            # IMMEDIATE: a transaction that begins with reading could not be made a writing one while others write.
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
            self._checkpointer.checkpoint_if_long(connection)

    def is_mine(self) -> bool:
        """Tell whether this process made it, or inherited it through a fork."""
        return self.pid == os.getpid()
