"""What a URL may say, and that what it says in confidence is never shown."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest
from lilota_redis_store.plugin import open_redis_store

from lilota.errors import ConfigurationError
from lilota.stores import open_store as open_by_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis", "redis://localhost:6379/0"),
        ("redis://", "redis://localhost:6379/0"),
        ("redis://cache.example:6380/3", "redis://cache.example:6380/3"),
        ("rediss://[::1]", "rediss://[::1]:6379/0"),
        ("unix:///run/redis.sock?db=2", "unix:///run/redis.sock?db=2"),
    ],
)
def test_each_form_of_url_names_a_server(url, shown):
    """Name, TCP, TLS and Unix socket; what is left out has a default."""
    assert str(open_by_url(url).address) == shown


def test_all_options_are_read():
    """Each option of a URL reaches the address."""
    store = open_redis_store(
        "rediss://ann:p%40ss%2Fw@h/1?prefix=app&timeout_seconds=2.5&cluster=on&listen=off&ssl_cert_reqs=optional"
    )

    address = store.address
    assert (address.username, address.password, address.database) == ("ann", "p@ss/w", 1)
    assert (address.prefix, address.timeout_seconds) == ("app", 2.5)
    assert (address.is_cluster, address.listens) == (True, False)
    assert address.tls == {"ssl_cert_reqs": "optional"}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://h?prefx=a", "unknown option 'prefx'.*Did you mean 'prefix'"),
        ("redis://h?db=1", "unknown option 'db'"),
        ("redis://h?ssl_keyfile=x", "'ssl_keyfile'.*needs 'rediss://'"),
        ("redis://h?prefix={a}", "'prefix'.*letters.*Braces"),
        ("redis://h?prefix=", "'prefix'.*letters"),
        ("redis://h?timeout_seconds=soon", "'timeout_seconds'.*number"),
        ("redis://h?timeout_seconds=inf", "'timeout_seconds'.*number"),
        ("redis://h?listen=maybe", "'listen'.*'on', 'off'"),
        ("rediss://h?ssl_check_hostname=yes", "'ssl_check_hostname'.*'on', 'off'"),
        ("rediss://h?ssl_cert_reqs=never", "'ssl_cert_reqs'.*'required'"),
        ("redis://h?prefix", "options.*name=value"),
        ("redis://h/abc", "database.*number.*'abc'"),
        ("redis://h/-1", "database.*number"),
        ("redis://h:99999/0", "host or port"),
        ("redis://[::1/0", "host or port"),
        ("unix://", "names no socket"),
        ("unix://host/path", "names no socket"),
    ],
)
def test_a_url_that_can_not_be_used_is_refused_with_the_remedy(url, said):
    """One sentence, when the store is made, not when it is used."""
    with pytest.raises(ConfigurationError, match=said):
        open_redis_store(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://u:1/hunter2@h/0",
        "redis://u:1?hunter2@h/0",
        "redis://u:1#hunter2@h/0",
        "redis://u:hunter2/x@h/0",
        "redis://u:hunter2?x=y@h/0",
        "redis://u:hunter2#x@h/0",
        "redis://u:hunt[er2@h/0",
        "redis://u:1?prefix=a&hunter2@h/0",
        "unix://u:1?hunter2@/run/redis.sock",
        "redis://u:hunter2@h/0?colour=red",
    ],
)
def test_a_password_is_not_shown_by_an_error(url):
    """Not even a part of it, where it has a character that should have been quoted."""
    with pytest.raises(ConfigurationError) as refused:
        open_redis_store(url)

    assert "hunter2" not in str(refused.value)
    assert "er2" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_password_is_not_shown_by_the_store():
    """Neither by its address nor by what they look like in a traceback."""
    store = open_redis_store("redis://ann:hunter2@localhost:1/0")

    with pytest.raises(Exception, match="can't be reached") as refused:
        store.open()

    shown = [str(store.address), repr(store.address), repr(store), str(refused.value), repr(refused.value)]
    assert not [text for text in shown if "hunter2" in text]


def test_a_store_that_was_pickled_still_has_its_password():
    """The copy of another process must log in, too."""
    store = open_redis_store("redis://ann:hunter2@localhost:1/0?prefix=app")

    copy = pickle.loads(pickle.dumps(store))

    assert copy.address == store.address


def test_making_a_store_does_not_import_the_driver():
    """redis-py takes a second to import: `lilota plugins` and others that only look must not wait for it."""
    code = (
        "import sys; from lilota_redis_store.plugin import open_redis_store; open_redis_store('redis'); "
        "assert not [name for name in sys.modules if name.partition('.')[0] == 'redis']"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
