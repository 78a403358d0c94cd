"""A site per kind of server, of this process only: its server is killed, cut off and filled up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lilota_test_servers import Proxy
from sites.starting import KINDS, start_site


@pytest.fixture(scope="session", params=KINDS)
def started_site(request):
    """The server of this process."""
    site = start_site(request.param)
    yield site
    site.server.close()


@pytest.fixture
def site(started_site):
    """The server, running, whatever the test before has done to it."""
    started_site.server.start()
    return started_site


@pytest.fixture(scope="session")
def redis_of_this_process():
    site = start_site("redis")
    yield site
    site.server.close()


@pytest.fixture
def started_redis(redis_of_this_process):
    """A Redis server for what happens to Redis only."""
    redis_of_this_process.server.start()
    return redis_of_this_process


@pytest.fixture
def field(site, make_field):
    """A field on an empty store of the site."""
    return make_field(site.new_url())


@pytest.fixture
def proxy(site) -> Iterator[Proxy]:
    """A proxy in front of the server, that lets everything pass until it is told otherwise."""
    with Proxy(site.address) as proxy:
        yield proxy
