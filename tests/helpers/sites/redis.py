"""Redis or Valkey under the Redis store."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

import redis

from sites.site import OPTIONS, Site

if TYPE_CHECKING:
    from lilota_test_servers import RedisServer

DATABASES = 1000
_LONG_MILLISECONDS = 60_000


class RedisSite(Site):
    """A Redis server of the test's own; it needs the setting `databases`."""

    kind: ClassVar[str] = "redis"
    ends_on_full_disk: ClassVar[bool] = True

    def __init__(self, server: RedisServer) -> None:
        self.server: RedisServer = server
        self._databases = itertools.count(1)

    def new_url(self) -> str:
        return f"{self.server.url(next(self._databases), tcp=True)}?{OPTIONS}"

    @contextmanager
    def hold_writes(self, url: str) -> Iterator[None]:
        with self.connect() as client:
            client.client_pause(_LONG_MILLISECONDS, all=False)
            yield
            # It may have been killed meanwhile, and does not pause any more when it comes back.
            with contextlib.suppress(redis.ConnectionError):
                client.client_unpause()

    def cut_clients(self) -> int:
        with self.connect() as client:
            return sum(int(client.client_kill_filter(_type=kind, skipme=True)) for kind in ("normal", "pubsub"))

    @contextmanager
    def connect(self) -> Iterator[redis.Redis]:
        """Lend a client."""
        client = redis.Redis(unix_socket_path=str(self.server.socket_path))
        try:
            yield client
        finally:
            client.close()
