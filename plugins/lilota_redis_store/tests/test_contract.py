"""The Redis store keeps the contract: on Valkey, on Redis, and in a cluster."""

from __future__ import annotations

import uuid
from contextlib import contextmanager

import pytest
import redis
from lilota_redis_store.cluster import Cluster
from lilota_redis_store.plugin import open_redis_store
from lilota_redis_store.schema import MIN_READER, SCHEMA_VERSION
from lilota_test_servers import RedisServer, available_or_skip

from lilota.contract import CanTellOldestDue
from lilota.testing import StoreContract
from lilota.testing.contract.add import AddContract
from lilota.testing.contract.cancel_retry import CancelRetryContract
from lilota.testing.contract.checkpoints import CheckpointsContract
from lilota.testing.contract.claim import ClaimContract
from lilota.testing.contract.commit import CommitContract
from lilota.testing.contract.lease import LeaseContract
from lilota.testing.contract.model import ModelContract
from lilota.testing.contract.notes import NotesContract
from lilota.testing.contract.owners import OwnersContract
from lilota.testing.contract.prune import PruneContract
from lilota.testing.contract.read import ReadContract
from lilota.testing.contract.restore import RestoreContract
from lilota.testing.contract.wait import WaitContract


@pytest.fixture(scope="module")
def debian_server():
    server = available_or_skip(lambda: RedisServer(program="redis-server"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def cluster():
    """A cluster of one node."""
    server = available_or_skip(lambda: RedisServer({"cluster-enabled": "yes"}, port=0))
    cut_into_slots(server)
    yield server
    server.close()


def cut_into_slots(server):
    """Give the only node of a cluster all slots, and wait until it serves them."""
    with redis.Redis.from_url(server.url(tcp=True), protocol=2) as client:
        client.execute_command("CLUSTER", "ADDSLOTS", *range(16384))
        while b"cluster_state:ok" not in client.execute_command("CLUSTER", "INFO", NEVER_DECODE=True):
            client.ping()


@pytest.fixture
def open_empty():
    """Opens an empty store in a server."""
    opened = []

    def open_in(url, last_id=0):
        opened.append(open_redis_store(f"{url}{'&' if '?' in url else '?'}prefix=test-{uuid.uuid4().hex}"))
        opened[-1]._database.note_id(last_id)
        opened[-1].open()
        return opened[-1]

    yield open_in
    for store in opened:
        store.close()


class RedisContract(StoreContract):
    """What all variants share."""

    @pytest.fixture
    def newer_lilota(self, store):
        """What a newer lilota writes into a store that it opens."""

        @contextmanager
        def comes():
            set_min_reader(store, SCHEMA_VERSION + 1)
            yield
            set_min_reader(store, MIN_READER)

        return comes


def set_min_reader(store, version):
    """Say which version must be known, past the scripts of the store."""
    store._database.servers().run("HSET", f"{store._database.prefix}store", "min_reader", version)


class TestRedisStore(RedisContract):
    """On the server of the session: Valkey, unless told otherwise."""

    model_examples = 25

    def test_it_supports_all_that_a_store_may_leave_out(self, store):
        """The contract asks only stores that say so; this one must."""
        supported = {"families", "headers", "owners", "checkpoints", "notes", "forgetting", "foresight"}
        assert store.capabilities().supports == supported
        assert isinstance(store, CanTellOldestDue)


@pytest.mark.slow
class TestRedisStoreOnRedis(RedisContract):
    """On Debian's Redis 7.0."""

    model_examples = 25

    @pytest.fixture
    def store(self, debian_server, open_empty):
        return open_empty(debian_server.url())


class TestRedisStoreBetweenParts(
    AddContract,
    ReadContract,
    ClaimContract,
    CancelRetryContract,
    LeaseContract,
    RestoreContract,
    PruneContract,
    OwnersContract,
    CheckpointsContract,
    NotesContract,
    ModelContract,
):
    """Where ids go on from one part of the collections to the next."""

    model_examples = 25

    @pytest.fixture
    def store(self, redis_server, open_empty):
        return open_empty(redis_server.url(), last_id=16_380)


class TestRedisStoreInCluster(
    AddContract,
    ClaimContract,
    CommitContract,
    LeaseContract,
    WaitContract,
    OwnersContract,
    CheckpointsContract,
    NotesContract,
):
    """In a cluster of one node, which the store finds out by itself."""

    @pytest.fixture
    def store(self, cluster, open_empty):
        store = open_empty(cluster.url(tcp=True))
        assert isinstance(store._database.servers(), Cluster)
        return store
