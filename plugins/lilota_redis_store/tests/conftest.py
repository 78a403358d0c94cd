"""What the tests of the Redis store share: stores with a prefix of their own, and servers that tests may mistreat."""

from __future__ import annotations

import re
import uuid
from contextlib import contextmanager

import pytest
import redis
from lilota_redis_store.plugin import open_redis_store
from lilota_test_servers import RedisServer, available_or_skip

#: A word as MONITOR shows it.
_WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"')


def _words_of(shown):
    """Return the words of a command; MONITOR shows the time, who sent it, and the words."""
    return [word.decode() for word in _WORD.findall(shown.partition(b"] ")[2])]


def _with_options(url, **options):
    """Return a URL with more options."""
    pairs = "&".join(f"{name}={value}" for name, value in options.items())
    return f"{url}{'&' if '?' in url else '?'}{pairs}"


@pytest.fixture
def with_options():
    return _with_options


@pytest.fixture
def url(redis_server):
    """The URL of an empty store."""
    return _with_options(redis_server.url(), prefix=f"test-{uuid.uuid4().hex}")


@pytest.fixture
def open_store():
    """Opens stores by URL, and closes them after the test."""
    opened = []

    def open_one(url, **options):
        opened.append(open_redis_store(_with_options(url, **options) if options else url))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(url, open_store):
    """An empty store."""
    store = open_store(url)
    store.open()
    return store


@pytest.fixture
def own_server():
    """Starts servers that belong to this test alone."""
    started = []

    def start(settings=None, **arguments):
        started.append(available_or_skip(lambda: RedisServer(settings, **arguments)))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def client_of():
    """Gives a client of redis-py for a URL, without its options: to do things behind the store's back."""
    clients = []

    def connect(url):
        clients.append(redis.Redis.from_url(url.partition("?")[0], protocol=2))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def commands_of(client_of):
    """Records the commands that a server executes within a block, those of scripts included: a list of words each."""

    @contextmanager
    def recorded(url):
        client, commands = client_of(url), []
        with client.monitor() as monitor:
            yield commands
            client.ping()
            # Not monitor.next_command(), which loses where a word ends that has a space in it, as packed values may.
            while (words := _words_of(monitor.connection.read_response())) != ["PING"]:
                commands.append(words)

    return recorded
