"""Start a site of a kind."""

from __future__ import annotations

from typing import Any

from lilota.testing.servers import PostgresServer, RedisServer, available_or_skip
from sites.postgres import PostgresSite
from sites.redis import DATABASES, RedisSite
from sites.site import Site, require_package

KINDS = ("postgres", "redis")


def start_site(kind: str, **options: Any) -> Site:
    """Start a server of a kind, or skip the test if it, or its store, is not installed."""
    if kind == "postgres":
        require_package(PostgresSite.package)
        return PostgresSite(available_or_skip(lambda: PostgresServer(port=0, **options)))
    require_package(RedisSite.package)
    return RedisSite(available_or_skip(lambda: RedisServer({"databases": str(DATABASES)}, port=0, **options)))
