"""The way to the node of a cluster that has our keys; it is looked for again when that one is lost."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from lilota.errors import StoreUnavailableError
from lilota_redis_store.address import Address
from lilota_redis_store.servers import MOST_CONNECTIONS, common_options

if TYPE_CHECKING:
    from redis import Redis
    from redis.cluster import RedisCluster

#: How often a cluster may send us on, before we say that it is not in order.
_MOST_MOVES: Final = 5


class Cluster:
    """A cluster, of which one node has the slot of a key."""

    def __init__(self, address: Address, key: str) -> None:
        self._address = address
        self._key = key
        self._lock = threading.Lock()
        self._known = [(address.host, address.port)]
        self._cluster: RedisCluster | None = None

    def client(self) -> Redis:
        with self._lock:
            if self._cluster is None:
                self._cluster = self._look_around()
            cluster = self._cluster
        return cluster.get_redis_connection(cluster.get_node_from_key(self._key))  # type: ignore[no-untyped-call] # redis-py

    def _look_around(self) -> RedisCluster:
        from redis.backoff import NoBackoff  # noqa: PLC0415 - slow to import
        from redis.cluster import ClusterNode, RedisCluster  # noqa: PLC0415 - as above
        from redis.retry import Retry  # noqa: PLC0415 - as above

        cluster = RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in self._known],  # type: ignore[no-untyped-call] # redis-py
            require_full_coverage=False,
            retry=Retry(NoBackoff(), 0),
            max_connections=MOST_CONNECTIONS,
            **common_options(self._address),  # type: ignore[arg-type] # by name
        )
        found = [(str(node.host), int(node.port)) for node in cluster.get_nodes()]  # type: ignore[no-untyped-call] # redis-py
        # The one of the URL stays: all others may have been replaced.
        self._known = list(dict.fromkeys([*found, (self._address.host, self._address.port)]))
        return cluster

    def run(self, *command: object) -> Any:  # noqa: ANN401 - whatever the command answers
        from redis.exceptions import MovedError  # noqa: PLC0415 - slow to import

        for _ in range(_MOST_MOVES):
            try:
                return self.client().execute_command(*command)  # type: ignore[no-untyped-call] # redis-py
            except MovedError:
                # It was not executed: the keys are on another node now.
                self.lost()
        raise StoreUnavailableError(f"The Redis cluster {self._address} sends us from node to node. Check its state.")

    def lost(self) -> None:
        # Not closed: other threads may be about to read an answer from it. Its connections end with it.
        with self._lock:
            self._cluster = None

    def close(self) -> None:
        with self._lock:
            cluster, self._cluster = self._cluster, None
        if cluster is not None:
            cluster.close()
