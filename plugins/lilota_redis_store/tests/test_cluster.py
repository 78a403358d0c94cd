"""A cluster of two nodes: the store follows its keys from one to the other."""

from __future__ import annotations

import time

import pytest
from lilota_test_servers import make_certificates

from lilota.errors import StoreUnavailableError
from lilota.models import NewTask

SLOTS = 16384


class Node:
    """A server that is a node of a cluster."""

    def __init__(self, server, client):
        self.server, self.client = server, client
        self.id = self.run("CLUSTER", "MYID").decode()

    def run(self, *command):
        return self.client.execute_command(*command, NEVER_DECODE=True)

    def knows(self, number):
        """Tell whether it is in order, and knows that many nodes."""
        return b"cluster_state:ok" in (info := self.run("CLUSTER", "INFO")) and b"known_nodes:%d\r" % number in info


@pytest.fixture
def nodes(own_server, client_of):
    """Two nodes, of which the first has all slots."""
    return meet(*start_two(own_server, client_of, {}))


def start_two(own_server, client_of, settings, **options):
    # A node that was silent for longer than this is taken for dead, and with it the cluster for out of order.
    settings = {"cluster-enabled": "yes", "cluster-node-timeout": "60000", **settings}
    servers = [own_server(settings, port=0, **options) for _ in range(2)]
    return [Node(server, client_of(server.url())) for server in servers]


def meet(first, second):
    """Make two nodes a cluster."""
    first.run("CLUSTER", "ADDSLOTS", *range(SLOTS))
    first.run("CLUSTER", "MEET", second.server.host, second.server.port)
    until(lambda: first.knows(2) and second.knows(2), "The meeting of the nodes")
    return first, second


def until(ask, what):
    deadline = time.monotonic() + 60
    while not ask():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.05)


def move(first, second, key):
    """Give the slot of a key, with all that is in it, to another node."""
    slot = int(first.run("CLUSTER", "KEYSLOT", key))
    second.run("CLUSTER", "SETSLOT", slot, "IMPORTING", first.id)
    first.run("CLUSTER", "SETSLOT", slot, "MIGRATING", second.id)
    keys = first.run("CLUSTER", "GETKEYSINSLOT", slot, 10_000)
    first.run("MIGRATE", second.server.host, second.server.port, "", 0, 60_000, "KEYS", *keys)
    for node in (second, first):
        node.run("CLUSTER", "SETSLOT", slot, "NODE", second.id)


def test_the_store_follows_its_keys_to_another_node(nodes, open_store):
    """Neither the handle nor the tasks are lost; what is new goes to the new node."""
    first, second = nodes
    store = open_store(first.server.url(tcp=True))
    before = store.add([NewTask(name="task")] * 3)

    move(first, second, store._database._key)

    after = store.add([NewTask(name="task")])
    assert [info.id for info in store.get_all_tasks()] == before + after
    assert first.client.dbsize() == 0
    assert store.capabilities().durable is True


def test_any_node_of_the_cluster_leads_to_the_store(nodes, open_store):
    """The URL may name one that has none of its keys."""
    first, second = nodes
    (task_id,) = open_store(first.server.url(tcp=True)).add([NewTask(name="task")])

    store = open_store(second.server.url(tcp=True))

    assert [info.id for info in store.get_all_tasks()] == [task_id]
    assert store.wait_for_change(60) is True  # the beginning of a subscription counts as a change


def test_a_cluster_without_the_node_that_has_the_keys_says_so(nodes, open_store):
    """And works again as soon as the node does."""
    first, second = nodes
    store = open_store(second.server.url(tcp=True), timeout_seconds=2)
    (task_id,) = store.add([NewTask(name="task")])

    first.server.kill()
    with pytest.raises(StoreUnavailableError):
        store.get(task_id)
    first.server.start()
    until(lambda: first.knows(2) and second.knows(2), "The return of the node")

    assert store.get(task_id).id == task_id


def test_a_cluster_that_was_taken_for_a_single_server_is_named(nodes, open_store):
    """Where the option forbids to ask, or the user may not."""
    _, second = nodes

    with pytest.raises(StoreUnavailableError, match=r"belongs to a cluster.*cluster=on"):
        open_store(second.server.url(tcp=True), cluster="off").open()


def test_commands_are_not_repeated_by_the_client_of_a_node(nodes, open_store):
    """A reply that is lost in a cluster is as unknown as elsewhere."""
    store = open_store(nodes[0].server.url(tcp=True))

    retry = store._database.servers().client().get_connection_kwargs()["retry"]

    assert retry._retries == 0


@pytest.fixture
def tls_nodes(own_server, client_of, certificates):
    """As `nodes`, but all speak TLS only, also with each other. Needs Debian's Redis."""

    def start(**settings):
        return meet(*start_two(own_server, client_of, settings, program="redis-server", certificates=certificates))

    return start


@pytest.fixture
def certificates(tmp_path):
    """Certificates for the address of the nodes, and for nothing else."""
    return make_certificates(tmp_path, "127.0.0.1")


def test_a_cluster_is_used_through_tls(tls_nodes, certificates, open_store):
    """The way leads from one node to the other, and each is asked for its certificate."""
    _, second = tls_nodes()

    store = open_store(second.server.url(tcp=True), ssl_ca_certs=certificates.ca)

    assert store.add([NewTask(name="task")]) == [1]
    assert store.wait_for_change(60) is True  # the beginning of a subscription counts as a change
    assert second.client.dbsize() == 0


def test_nodes_that_announce_addresses_which_are_not_in_their_certificates_are_named(
    tls_nodes, certificates, open_store
):
    """The remedy is to announce names; or not to check them."""
    both = tls_nodes(**{"bind": "0.0.0.0", "cluster-announce-ip": "127.0.0.2"})
    url = both[1].server.url(tcp=True)

    open_store(url, ssl_ca_certs=certificates.ca, ssl_check_hostname="off").open()
    with pytest.raises(StoreUnavailableError, match=r"certificate of another host.*'cluster-announce-hostname'"):
        open_store(url, ssl_ca_certs=certificates.ca).open()
    for node in both:
        # A name like any other for the cluster, and one that needs no look-up.
        node.run("CONFIG", "SET", "cluster-announce-hostname", "127.0.0.1")
        node.run("CONFIG", "SET", "cluster-preferred-endpoint-type", "hostname")
    until(lambda: both[1].run("CLUSTER", "NODES").count(b",127.0.0.1 ") == len(both), "The announcement of the names")

    assert open_store(url, ssl_ca_certs=certificates.ca).add([NewTask(name="task")]) == [1]
