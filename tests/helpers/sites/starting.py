"""Start a site of a kind."""

from __future__ import annotations

from typing import Any

from lilota_test_servers import PostgresServer, RedisServer, available_or_skip

from sites.site import Site, require_package

KINDS = ("postgres", "redis")


def start_site(kind: str, **options: Any) -> Site:
    """Start a server of a kind, or skip the test if it, or its store, is not installed."""
    return _start_postgres(**options) if kind == "postgres" else _start_redis(**options)


# A driver comes with its store, so that it is imported only where the store is there.


def _start_postgres(**options: Any) -> Site:
    require_package("lilota_postgres_store")
    from sites.postgres import PostgresSite

    return PostgresSite(available_or_skip(lambda: PostgresServer(port=0, **options)))


def _start_redis(**options: Any) -> Site:
    require_package("lilota_redis_store")
    from sites.redis import DATABASES, RedisSite

    return RedisSite(available_or_skip(lambda: RedisServer({"databases": str(DATABASES)}, port=0, **options)))
