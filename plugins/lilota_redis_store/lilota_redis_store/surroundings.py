"""What the server promises: which durability holds, and what is dangerous about its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lilota_redis_store.servers import Servers, about

if TYPE_CHECKING:
    from redis import Redis

_UNKNOWN: Final = "unknown"
_ASK_OPERATOR: Final = (
    "Redis does not tell this user how it keeps its data (INFO or CONFIG is forbidden). Make sure that it has "
    "'appendonly yes' and 'appendfsync always'; with 'everysec' the last second may be lost."
)
_NO_AOF: Final = (
    "Redis keeps no append-only file: after a crash or a restart, the tasks since its last snapshot are lost, or all. "
    "Set 'appendonly yes' and 'appendfsync always'."
)
_NO_SYNC: Final = (
    "Redis leaves it to the system when tasks reach the disk (appendfsync no): a power cut may lose the last half "
    "minute. Set 'appendfsync always' (nothing is lost) or 'everysec' (the last second)."
)
_IS_REPLICA: Final = "This Redis server is a replica: nothing can be written there. Connect to the primary."


class Surroundings(NamedTuple):
    """What was found out about a server."""

    durability: str
    is_durable: bool
    warnings: tuple[str, ...]


def look_at(servers: Servers) -> Surroundings:
    """Ask the server. What its users may not ask is unknown, and said to be so."""
    client = servers.client()
    has_aof = about(client, "persistence").get("aof_enabled", _UNKNOWN)
    sync = _config(client, "appendfsync") if has_aof in ("1", _UNKNOWN) else "no"
    durability, is_durable, warning = _durability(has_aof, sync)
    policy, role = about(client, "memory").get("maxmemory_policy", _UNKNOWN), about(client, "replication").get("role")
    found = (warning, _about_eviction(policy), _IS_REPLICA if role == "slave" else "")
    return Surroundings(durability, is_durable, tuple(text for text in found if text))


def _durability(has_aof: str, sync: str) -> tuple[str, bool, str]:
    """Return what may be lost, whether nothing is, and a warning if it may be more than a second."""
    if _UNKNOWN in (has_aof, sync):
        return "durability unknown", False, _ASK_OPERATOR
    if has_aof != "1":
        return "may lose tasks", False, _NO_AOF
    if sync == "always":
        return "", True, ""
    if sync == "everysec":
        return "may lose the last second", False, ""
    return "may lose the last half minute", False, _NO_SYNC


def _about_eviction(policy: str) -> str:
    if policy == "noeviction":
        return ""
    if policy == _UNKNOWN:
        return "Redis does not tell its 'maxmemory-policy'. Make sure that it is 'noeviction', or tasks may vanish."
    return (
        f"Redis deletes tasks when its memory is full (maxmemory-policy {policy}). Set 'maxmemory-policy noeviction'."
    )


def _config(client: Redis, name: str) -> str:
    from redis.exceptions import ResponseError  # noqa: PLC0415 - slow to import

    try:
        # Hosted services often forbid CONFIG, or rename it.
        return client.config_get(name).get(name) or _UNKNOWN
    except ResponseError:
        return _UNKNOWN
