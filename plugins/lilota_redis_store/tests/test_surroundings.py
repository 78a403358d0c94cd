"""What the store says about its server: which durability holds, and what is dangerous."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("settings", "durable", "said"),
    [
        ({"appendonly": "yes", "appendfsync": "always"}, True, None),
        ({"appendonly": "yes", "appendfsync": "everysec"}, False, "may lose the last second"),
        ({"appendonly": "yes", "appendfsync": "no"}, False, "may lose the last half minute"),
        ({"appendonly": "no"}, False, "may lose tasks"),
    ],
)
def test_durability_is_what_the_append_only_file_gives(own_server, open_store, settings, durable, said):
    """Only a server that syncs before it answers keeps what it acknowledged."""
    capabilities = open_store(own_server(settings).url()).capabilities()

    assert capabilities.durable is durable
    assert (said or "prefix 'lilota'") in capabilities.description
    assert said is None or "prefix 'lilota' (" in capabilities.description


def test_a_server_in_good_order_has_no_warnings(own_server, open_store):
    """Nothing to say is nothing said."""
    capabilities = open_store(own_server().url()).capabilities()

    assert capabilities.warnings == ()
    assert (capabilities.multi_process, capabilities.multi_host, capabilities.takes_connection) == (True, True, False)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"appendonly": "no"}, "Set 'appendonly yes' and 'appendfsync always'"),
        ({"appendfsync": "no"}, "Set 'appendfsync always'"),
        ({"maxmemory-policy": "allkeys-lru"}, "allkeys-lru.*Set 'maxmemory-policy noeviction'"),
    ],
)
def test_a_danger_is_named_with_its_remedy(own_server, open_store, settings, said):
    """`lilota doctor` prints these sentences."""
    import re

    (warning,) = open_store(own_server(settings).url()).capabilities().warnings

    assert re.search(said, warning)


def test_a_server_that_does_not_tell_is_not_taken_for_durable(own_server, open_store, client_of):
    """Hosted services forbid CONFIG: then nobody knows."""
    server = own_server(port=0)
    client_of(server.url()).execute_command("ACL SETUSER asker on >pw ~* &* +@all -config")

    capabilities = open_store(f"redis://asker:pw@{server.host}:{server.port}/0").capabilities()

    assert capabilities.durable is False
    assert "durability unknown" in capabilities.description
    assert "CONFIG is forbidden" in capabilities.warnings[0]
