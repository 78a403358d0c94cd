"""Look at the server first: is it new enough, and does it belong to a cluster?"""

from __future__ import annotations

from typing import Any, Final

from lilota.errors import StoreUnavailableError
from lilota_redis_store.address import Address
from lilota_redis_store.cluster import Cluster
from lilota_redis_store.servers import OneServer, Servers

_OLDEST_VERSION: Final = (6, 2)


def connect(address: Address, key: str) -> Servers:
    """Return a way to the server, after a look at what it is.

    Raises:
        StoreUnavailableError: it is too old.
        redis.RedisError, OSError: it can't be reached, or refuses us.
    """
    server = OneServer(address)
    try:
        check_version(_about(server, "server"), address)
        is_cluster = address.is_cluster
        if is_cluster is None:
            is_cluster = _about(server, "cluster").get("cluster_enabled") == 1
    except BaseException:
        server.close()
        raise
    if not is_cluster:
        return server
    server.close()
    return Cluster(address, key)


def _about(server: OneServer, section: str) -> dict[str, Any]:
    """Return a section of INFO; empty for a user who may not ask: it works without."""
    from redis.exceptions import NoPermissionError  # noqa: PLC0415 - slow to import

    try:
        about: dict[str, Any] = server.client().info(section)
    except NoPermissionError:
        return {}
    return about


def check_version(about: dict[str, Any], address: Address) -> None:
    """Raise StoreUnavailableError for a server that is too old; one that does not tell is given a try."""
    version = _text(about.get("redis_version")) or "6.2"
    # Valkey tells here with which Redis it is compatible.
    numbers = tuple(int(number) if number.isdigit() else 0 for number in version.split(".")[:2])
    if numbers < _OLDEST_VERSION:
        raise StoreUnavailableError(
            f"The Redis server {address} has version {version}; lilota needs Redis 6.2, or any Valkey. Upgrade it."
        )


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")
