"""A server that is too old: one sentence says so, whatever it does not know yet, and nothing is written there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from lilota_test_servers import RedisServer, ServerUnavailableError, available_or_skip

from lilota.errors import StoreUnavailableError
from lilota.models import NewTask

VARIABLE = "LILOTA_TEST_OLD_REDIS_PROGRAMS"
TOO_OLD = r"has version 5\.\d+\.\d+; lilota needs Redis 6\.2, or any Valkey\. Upgrade it\.$"


def old_server(password):
    folder = os.environ.get(VARIABLE)
    if not folder:
        raise ServerUnavailableError(
            f"There is no Redis 5 here. `nox -s plugins` fetches one; or name its folder: {VARIABLE}=folder."
        )
    return RedisServer({"requirepass": password}, str(Path(folder) / "redis-server"), port=0)


@pytest.fixture(params=["", "hunter2"], ids=["open", "with a password"], scope="module")
def password(request):
    """The password of the server, "" for none."""
    return request.param


@pytest.fixture(scope="module")
def server(password):
    """A Redis 5: it knows neither users with rights nor HELLO nor CLIENT SETINFO."""
    server = available_or_skip(lambda: old_server(password))
    yield server
    server.close()


@pytest.fixture
def url_as(server):
    """Gives the URL for a login."""
    return lambda login: server.url(tcp=True).replace("://", f"://{login}")


@pytest.fixture
def url(password, url_as):
    """The URL that would be right, were it not for the age of the server."""
    return url_as(f":{password}@" if password else "")


USES = {
    "open": lambda store: store.open(),
    "add": lambda store: store.add([NewTask(name="task")]),
    "read": lambda store: store.get_all_tasks(),
    "look": lambda store: store.capabilities(),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_it_is_refused_by_whatever_comes_first(url, open_store, client_of, use):
    """With its version, the one that is needed, and what to do; nothing is written."""
    with pytest.raises(StoreUnavailableError, match=TOO_OLD):
        use(open_store(url))

    assert client_of(url).dbsize() == 0


@pytest.mark.parametrize("cluster", ["auto", "on", "off"])
def test_it_is_refused_whether_or_not_it_is_taken_for_a_cluster(url, open_store, cluster):
    """Its age is asked first."""
    with pytest.raises(StoreUnavailableError, match=TOO_OLD):
        open_store(url, cluster=cluster).open()


def test_it_is_refused_through_a_socket(server, password, open_store):
    """As through TCP."""
    with pytest.raises(StoreUnavailableError, match=TOO_OLD):
        open_store(server.url().replace("://", f"://:{password}@")).open()


@pytest.mark.parametrize(
    ("password", "login", "said"),
    [
        ("", ":wrong@", "has no password set.*Remove it from the URL"),
        ("", "ann:wrong@", "has no password set.*Remove it from the URL"),
        ("hunter2", "", "wants a password. Put it into the URL"),
        ("hunter2", ":wrong@", "refuses the user or the password of the URL"),
        ("hunter2", "ann:wrong@", "refuses the user or the password of the URL"),
        # It knows no users, and takes the password from anybody.
        ("hunter2", "ann:hunter2@", TOO_OLD),
    ],
    indirect=["password"],
)
def test_a_login_that_does_not_fit_is_named(url_as, open_store, login, said):
    """With the same remedies as for newer servers, though it says so in other words."""
    with pytest.raises(StoreUnavailableError, match=said) as refused:
        open_store(url_as(login)).open()

    assert "hunter2" not in str(refused.value)


def test_doctor_says_it(url):
    """In one line of its table, and with the exit code of a problem."""
    command = [sys.executable, "-m", "lilota", "doctor"]
    environment = {**os.environ, "LILOTA_STORE": url, "COLUMNS": "200"}

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if "Redis" in line]
    assert "needs Redis 6.2, or any Valkey. Upgrade it." in line
    assert "hunter2" not in done.stdout + done.stderr
