"""The way to the server: one connection per thread that talks. No command is ever sent twice by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from lilota_redis_store.address import Address

if TYPE_CHECKING:
    from redis import Redis

#: Threads that use the store at the same moment; nobody waits for another one's connection.
MOST_CONNECTIONS: Final = 100_000


class Servers(Protocol):
    """Where commands go."""

    def client(self) -> Redis:
        """Return a client of the server that has our keys."""

    def run(self, *command: object) -> Any:  # noqa: ANN401 - whatever the command answers
        """Send a command once and return its answer; errors are those of redis-py."""

    def lost(self) -> None:
        """Forget the connections that are not in use: something is wrong with the server behind them."""

    def close(self) -> None:
        """Close all connections."""


def _new_client(address: Address, **where: object) -> Redis:
    from redis import Redis  # noqa: PLC0415 - takes a second
    from redis.backoff import NoBackoff  # noqa: PLC0415 - as above
    from redis.retry import Retry  # noqa: PLC0415 - as above

    options = common_options(address) | where
    # Without retries: when an answer is lost, nobody knows whether the command was done, and the runner must know that.
    client = Redis(retry=Retry(NoBackoff(), 0), max_connections=MOST_CONNECTIONS, **options)  # type: ignore[arg-type] # by name
    # Its __del__ would close the pool, and wait for a lock that a thread may hold which the end of the program froze.
    client.auto_close_connection_pool = False
    return client


def common_options(address: Address) -> dict[str, object]:
    """Return what every client of redis-py is made with."""
    options: dict[str, object] = {
        "username": address.username,
        "password": address.password,
        "socket_timeout": address.timeout_seconds,
        "socket_connect_timeout": address.timeout_seconds,
        "protocol": 2,
    }
    if address.socket_path is None:
        options["socket_keepalive"] = True
    if address.tls is not None:
        # Said, because redis-py before 6 does not look at the name of the host by default.
        checks_host = address.tls.get("ssl_cert_reqs") != "none"
        options |= {"ssl": True, "ssl_check_hostname": checks_host, **address.tls}
    return options


def about(client: Redis, section: str) -> dict[str, str]:
    """Return a section of INFO; empty where this user may not ask, or nobody may."""
    from redis.exceptions import ResponseError  # noqa: PLC0415 - slow to import

    try:
        found: dict[str, object] = client.info(section)
    except ResponseError:
        return {}
    return {name: str(value) for name, value in found.items()}


class OneServer:
    """A single server, or the primary one of a group with replicas."""

    def __init__(self, address: Address) -> None:
        where: dict[str, object] = {"host": address.host, "port": address.port}
        if address.socket_path is not None:
            where = {"unix_socket_path": address.socket_path}
        self._client = _new_client(address, **where, db=address.database)

    def client(self) -> Redis:
        return self._client

    def run(self, *command: object) -> Any:  # noqa: ANN401 - whatever the command answers
        return self._client.execute_command(*command)  # type: ignore[no-untyped-call] # redis-py

    def lost(self) -> None:
        self._client.connection_pool.disconnect(inuse_connections=False)

    def close(self) -> None:
        self._client.connection_pool.disconnect()
