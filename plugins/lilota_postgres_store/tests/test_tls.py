"""Connections with TLS: all works through them, and what is wrong with a certificate is said in one sentence."""

from __future__ import annotations

import socket
import threading
from urllib.parse import quote

import psycopg
import pytest
from lilota_postgres_store.link.refusals import is_worth_waiting_for
from lilota_test_servers import PostgresServer, available_or_skip, make_certificates
from postgres_waiting import wait_until_quiet

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import StoreUnavailableError
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState

SECRET = "s3cret/wrong"
ESCAPED_SECRET = quote(SECRET, safe="")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Of the server, by its address only."""
    return make_certificates(tmp_path_factory.mktemp("certificates"), "127.0.0.1")


@pytest.fixture(scope="module")
def server(certificates):
    """A server that lets nobody in without TLS, and one user with a certificate only."""
    hba = ["hostssl all careful all trust clientcert=verify-ca", "hostssl all all all trust", "host all all all reject"]
    server = available_or_skip(lambda: PostgresServer(port=0, certificates=certificates, hba=hba))
    yield server
    server.close()


def url_of(server, options, user="postgres", host="127.0.0.1"):
    return f"postgresql://{user}:{ESCAPED_SECRET}@{host}:{server.port}/postgres?{options}"


def error_of(open_store, url):
    with pytest.raises(StoreUnavailableError) as caught:
        open_store(url).open()
    message = str(caught.value)
    assert SECRET not in message
    assert ESCAPED_SECRET not in message
    assert "\n" not in message
    return message


def test_tasks_are_added_claimed_and_ended_through_tls(server, certificates, open_store):
    """The server's certificate is checked, and what others change is heard of."""
    store, other = (open_store(url_of(server, f"sslmode=verify-full&sslrootcert={certificates.ca}")) for _ in range(2))
    request = ClaimRequest(runner_id="runner", names=("task",), limit=10)
    store.heartbeat(RunnerInfo(id="runner"))
    wait_until_quiet(other)

    ids = store.add([NewTask(name="task", input_json='{"text": "' + "x" * 100_000 + '"}')] * 20)
    was_heard = other.wait_for_change(60)
    claims = [*store.claim(request).claims, *store.claim(request).claims]
    outcome = Outcome(state=TaskState.SUCCEEDED)
    committed = store.commit([AttemptUpdate(id=c.id, token=c.token, outcome=outcome) for c in claims], request)

    assert (was_heard, committed.refused) == (True, ())
    assert [(info.id, info.state) for info in other.get_all_tasks()] == [(each, TaskState.SUCCEEDED) for each in ids]
    assert versions_of_sessions(server) == {"TLSv1.3"}


def versions_of_sessions(server):
    asked = "SELECT version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'lilota'"
    with psycopg.connect(server.url()) as connection:
        return {version for (version,) in connection.execute(asked)}


def test_unknown_authority(server, tmp_path, open_store):
    """Somebody else's server, or a certificate that was renewed by another authority."""
    message = error_of(open_store, url_of(server, f"sslmode=verify-ca&sslrootcert={make_certificates(tmp_path).ca}"))

    assert "has a certificate from an authority that is not trusted here. Name the certificate of its auth" in message


def test_missing_root_certificate(server, open_store):
    """The path is wrong."""
    message = error_of(open_store, url_of(server, "sslmode=verify-full&sslrootcert=/nowhere/ca.pem"))

    assert "can't be checked without the certificate of its authority. Name it in the URL: sslrootcert=" in message
    assert "/nowhere/ca.pem" in message


def test_certificate_for_another_host(server, certificates, open_store):
    """It was issued for the address of the server, and the URL has its name."""
    options = f"sslmode=verify-full&sslrootcert={certificates.ca}&hostaddr=127.0.0.1"

    message = error_of(open_store, url_of(server, options, host="localhost"))

    assert "has a certificate for another host. Use the name that it was issued for" in message


def test_server_that_demands_tls(server, open_store):
    """What to put into the URL."""
    message = error_of(open_store, url_of(server, "sslmode=disable"))

    assert "refuses this user from this host without TLS. Set sslmode=verify-full in the URL" in message


def test_server_that_demands_a_certificate(server, open_store):
    """Where to name it."""
    message = error_of(open_store, url_of(server, "sslmode=require", user="careful"))

    assert "wants a certificate from who connects. Name it in the URL: sslcert=" in message


def test_server_without_tls(open_store):
    """Where to switch it on."""
    with available_or_skip(lambda: PostgresServer(port=0)) as plain:
        message = error_of(open_store, url_of(plain, "sslmode=require"))

    assert "does not speak TLS. Set ssl = on there, or another sslmode in the URL" in message


def test_handshake_that_breaks_off_is_worth_another_try():
    """As when a server is restarting; nothing is wrong with a certificate."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=break_off, args=(listener,), daemon=True).start()
        with pytest.raises(psycopg.OperationalError, match="SSL") as caught:
            psycopg.connect(host="127.0.0.1", port=listener.getsockname()[1], sslmode="require", connect_timeout=60)

    assert is_worth_waiting_for(caught.value)


def break_off(listener):
    """Agree to TLS, and go away."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(100)
        connection.sendall(b"S")
