"""A primary and a standby of PostgreSQL, and fail-over from one to the other."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import psycopg
from lilota_test_servers import PostgresServer, available_or_skip
from running import until

from sites.site import OPTIONS

_RECEIVER = "SELECT pid FROM pg_stat_wal_receiver WHERE status = 'streaming'"


class Pair:
    """Two servers: the primary acknowledges nothing that its standby has not written."""

    def __init__(self) -> None:
        self.primary = available_or_skip(lambda: PostgresServer({"synchronous_standby_names": "*"}, port=0))
        # Whatever is written waits for this one.
        self.standby = available_or_skip(lambda: PostgresServer(port=0, standby_of=self.primary))

    def new_url(self) -> str:
        """Return the URL of a store with nothing in it, that names both servers."""
        database = urlsplit(self.primary.create_database()).path
        hosts = ",".join(f"{server.host}:{server.port}" for server in (self.primary, self.standby))
        return f"postgresql://postgres@{hosts}{database}?{OPTIONS}"

    def kill_primary(self) -> None:
        """Kill the primary with all its processes; its data are never seen again."""
        self.primary.kill()

    def replace_primary(self) -> None:
        """Promote the standby, and put a new one where the killed primary was; only then are writes acknowledged."""
        self.standby.promote()
        lost, self.primary = self.primary, self.standby
        lost.close()
        self.standby = available_or_skip(lambda: PostgresServer(port=lost.port, standby_of=self.primary))

    @contextmanager
    def deaf_standby(self) -> Iterator[None]:
        """Let the standby hear nothing meanwhile, and nothing of it later, as if the cable between the two were cut."""
        with psycopg.connect(self.standby.url(), autocommit=True) as connection:
            # One that has just been started follows only once it has been through its own log.
            ((receiver,),) = until(lambda: connection.execute(_RECEIVER).fetchall(), bool)
        os.kill(receiver, signal.SIGSTOP)
        yield
        # What is in its sockets goes with it.
        self.standby.kill()
        self.standby.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in (self.primary, self.standby):
            server.close()
