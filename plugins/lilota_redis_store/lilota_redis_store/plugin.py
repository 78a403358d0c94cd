"""The entry points: `redis://host:port/db`, `rediss://` with TLS, `unix:///path/of/the.sock`."""

from __future__ import annotations

from lilota_redis_store.address import parse
from lilota_redis_store.store import RedisTaskStore


def open_redis_store(url: str) -> RedisTaskStore:
    """Return a store for the server that a URL names, without connecting yet.

    Raises:
        ConfigurationError: the URL has another form, or an option that does not exist.
    """
    return RedisTaskStore(parse(url))
