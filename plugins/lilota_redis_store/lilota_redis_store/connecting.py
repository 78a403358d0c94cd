"""Look at the server first: is it new enough, and does it belong to a cluster?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lilota.errors import StoreUnavailableError
from lilota_redis_store.address import Address
from lilota_redis_store.cluster import Cluster
from lilota_redis_store.servers import OneServer, Servers, about

_OLDEST_VERSION: Final = (6, 2)


def connect(address: Address, key: str) -> Servers:
    """Return a way to the server, after a look at what it is.

    Raises:
        StoreUnavailableError: it is too old.
        redis.RedisError, OSError: it can't be reached, or refuses us.
    """
    server = OneServer(address)
    try:
        check_version(about(server.client(), "server"), address)
        is_cluster = address.is_cluster
        if is_cluster is None:
            is_cluster = about(server.client(), "cluster").get("cluster_enabled") == "1"
    except BaseException:
        server.close()
        raise
    if not is_cluster:
        return server
    server.close()
    return Cluster(address, key)


def check_version(told: Mapping[str, str], address: Address) -> None:
    """Raise StoreUnavailableError for a server that is too old; one that does not tell is given a try."""
    version = told.get("redis_version") or "6.2"
    # Valkey tells here with which Redis it is compatible.
    numbers = tuple(int(number) if number.isdigit() else 0 for number in version.split(".")[:2])
    if numbers < _OLDEST_VERSION:
        raise StoreUnavailableError(
            f"The Redis server {address} has version {version}; lilota needs Redis 6.2, or any Valkey. Upgrade it."
        )
