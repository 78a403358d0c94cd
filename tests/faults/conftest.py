"""A site per kind of server, of this process only: its server is killed, cut off and filled up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from history.field import Field
from history.recorder import FOLDER_VARIABLE
from sites.starting import KINDS, start_site

from lilota.testing.servers import Proxy


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
def make_field(tmp_path: Path, monkeypatch) -> Iterator[object]:
    """Return a function that makes a field on the store of a URL."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "history"))
    fields = []

    def make(url: str, **options: bool) -> Field:
        fields.append(Field(tmp_path, url, **options))
        return fields[-1]

    yield make
    for field in fields:
        field.close()


@pytest.fixture
def field(site, make_field) -> Field:
    """A field on an empty store of the site."""
    return make_field(site.new_url())


@pytest.fixture
def proxy(site) -> Iterator[Proxy]:
    """A proxy in front of the server, that lets everything pass until it is told otherwise."""
    with Proxy(site.address) as proxy:
        yield proxy
