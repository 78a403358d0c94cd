"""What the server promises: which durability holds, and what is dangerous about its configuration."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from lilota_redis_store.servers import Servers

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


class Surroundings(NamedTuple):
    """What was found out about a server."""

    durability: str
    is_durable: bool
    warnings: tuple[str, ...]


def look_at(servers: Servers) -> Surroundings:
    """Ask the server. What its users may not ask is unknown, and said to be so."""
    has_aof = _info(servers, "persistence", "aof_enabled")
    sync = _config(servers, "appendfsync") if has_aof in ("1", _UNKNOWN) else "no"
    durability, is_durable, warning = _durability(has_aof, sync)
    found = (warning, _about_eviction(_info(servers, "memory", "maxmemory_policy")), _about_role(servers))
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


def _about_role(servers: Servers) -> str:
    if _info(servers, "replication", "role") != "slave":
        return ""
    return "This Redis server is a replica: nothing can be written there. Connect to the primary."


def _info(servers: Servers, section: str, name: str) -> str:
    from redis.exceptions import ResponseError  # noqa: PLC0415 - slow to import

    try:
        value: Any = servers.client().info(section).get(name, _UNKNOWN)
    except ResponseError:
        return _UNKNOWN
    return value.decode() if isinstance(value, bytes) else str(value)


def _config(servers: Servers, name: str) -> str:
    from redis.exceptions import ResponseError  # noqa: PLC0415 - slow to import

    try:
        # Hosted services often forbid CONFIG, or rename it.
        pairs: dict[Any, Any] = servers.client().config_get(name)
    except ResponseError:
        return _UNKNOWN
    return next((str(value.decode() if isinstance(value, bytes) else value) for value in pairs.values()), _UNKNOWN)
