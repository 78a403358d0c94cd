"""What a URL says: where the server is, how to log in, and the options of the store."""

from __future__ import annotations

from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from lilota.errors import ConfigurationError
from lilota_redis_store.options import FORMS, number_of_database, read_options


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a store is, and how to use it.

    Attributes:
        prefix: what the names of all its keys begin with; several stores can share a database of a server.
        timeout_seconds: how long to wait for a connection, and for each answer.
        is_cluster: whether the server belongs to a cluster, or None to ask it.
        listens: whether changes are announced and listened to; without, they are found by polling.
        tls: options for `ssl`, only for `rediss://`.
    """

    host: str = "localhost"
    port: int = 6379
    socket_path: str | None = None
    username: str | None = None
    password: str | None = None
    database: int = 0
    tls: dict[str, object] | None = None
    prefix: str = "lilota"
    timeout_seconds: float = 10.0
    is_cluster: bool | None = None
    listens: bool = True

    def __str__(self) -> str:
        """The address for people: without user and password."""
        if self.socket_path is not None:
            return f"unix://{self.socket_path}?db={self.database}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'redis' if self.tls is None else 'rediss'}://{host}:{self.port}/{self.database}"

    def __repr__(self) -> str:
        return f"Address({str(self)!r}, prefix={self.prefix!r})"


def parse(url: str) -> Address:
    """Read a URL.

    Raises:
        ConfigurationError: it can't be used; the message says what to write instead, and shows no password.
    """
    try:
        parts = urlsplit(url if "://" in url else f"{url.partition(':')[0]}://")
        _check_quoting(parts)
        port = parts.port
    except ValueError:
        # Its text may show a part of a password that was not quoted.
        raise ConfigurationError(
            "The URL of the Redis store can't be read: its host or port is wrong, or its password has one of the "
            f"characters '/', '?', '#', '@', '[', ']' that must be written as %2F and the like. {FORMS}"
        ) from None
    fields: dict[str, object] = {
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
    }
    if parts.scheme == "unix":
        fields |= _socket(parts)
    else:
        fields |= _server(parts, port)
    fields |= read_options(parts.scheme, parts.query)
    return Address(**fields)  # type: ignore[arg-type] # each was checked above


def _check_quoting(parts: SplitResult) -> None:
    """Refuse what is probably the rest of a password, before a message shows it."""
    behind = parts.query + parts.fragment + ("" if parts.scheme == "unix" else parts.path)
    if parts.fragment or "@" in behind:
        raise ValueError("not quoted")


def _server(parts: SplitResult, port: int | None) -> dict[str, object]:
    database = parts.path.strip("/")
    return {
        "host": parts.hostname or "localhost",
        "port": port or 6379,
        "database": number_of_database(database) if database else 0,
        "tls": {} if parts.scheme == "rediss" else None,
    }


def _socket(parts: SplitResult) -> dict[str, object]:
    path = unquote(parts.path)
    if parts.hostname or not path.strip("/") or "\0" in path:
        raise ConfigurationError(f"The URL 'unix://...' of the Redis store names no socket. {FORMS}")
    return {"socket_path": path}
