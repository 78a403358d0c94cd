"""A webhook arrives once it is allowed, at the address that was looked at, and nowhere else; each attack is a test."""

from __future__ import annotations

import json
import socket
import ssl
import time

import pytest
import trustme
from lilota_notify import verify
from lilota_notify.errors import NotDeliveredError, UndeliverableError
from lilota_notify.posting import post
from receivers import HOST, RawReceiver, Receiver

from lilota.models import TaskState
from lilota.testing import run_task


@pytest.fixture
def send(event):
    """Return what makes one attempt to send the event to a URL."""

    def attempt(url):
        return run_task(post, url=url, event=event)

    return attempt


def error_of(result, kind):
    """Return the sentence of an attempt that did not deliver; only what is undeliverable is not tried again."""
    assert result.error.type == f"lilota_notify.errors.{kind.__name__}"
    assert (result.state is TaskState.FAILED) == (kind is UndeliverableError)
    return result.error.message


def test_what_arrives_is_signed_and_says_what_happened(send, receiver, allow, event, key):
    allow(receiver.port)

    result = send(f"http://{HOST}:{receiver.port}/done?of=lilota")

    [(headers, body)] = receiver.requests
    assert result.output == {"status": 204}
    assert verify(body, headers, key) == event
    assert headers["webhook-id"] == event["id"]
    assert headers["Host"] == f"{HOST}:{receiver.port}"


def test_both_keys_sign_while_one_is_replaced(send, receiver, allow, key, old_key):
    allow(receiver.port)

    send(f"http://{HOST}:{receiver.port}/")

    [(headers, body)] = receiver.requests
    assert verify(body, headers, key) == verify(body, headers, old_key)


def test_each_attempt_has_the_same_id_and_body(send, receiver, allow):
    """So that a receiver can drop what it has dealt with, though its answer got lost."""
    allow(receiver.port)
    receiver.answers[:] = [500, 503]

    results = [send(f"http://{HOST}:{receiver.port}/") for _ in range(3)]

    assert [result.state for result in results] == [TaskState.PENDING, TaskState.PENDING, TaskState.SUCCEEDED]
    assert len({(headers["webhook-id"], body) for headers, body in receiver.requests}) == 1


@pytest.mark.parametrize("status", [300, 400, 401, 404, 408, 429, 500, 503])
def test_an_answer_that_is_no_yes_is_tried_again(status, send, receiver, allow):
    allow(receiver.port)
    receiver.answers[:] = [status]

    assert f"answers with {status}" in error_of(send(f"http://{HOST}:{receiver.port}/"), NotDeliveredError)


@pytest.fixture(params=[429, 503])
def busy(request, receiver, allow):
    """A receiver that will answer once with such a status."""
    allow(receiver.port)
    receiver.answers[:] = [request.param]
    return receiver


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("120", 120),
        ("0", 5),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 5),
        ("9" * 60, 10_800),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 10_800),
    ],
    ids=["seconds", "at once", "date that is over", "too many seconds", "date that is too late"],
)
def test_a_receiver_that_is_busy_says_when_it_is_asked_again(told, seconds, send, busy):
    """In bounds: nobody is asked each moment, or not for days, because of it. It spends no attempt."""
    (status,) = busy.answers
    busy.headers["Retry-After"] = told

    result = send(f"http://{HOST}:{busy.port}/")

    assert (result.state, result.error.type) == (TaskState.PENDING, "Retry")
    assert (result.outcome.delay_seconds, result.outcome.spends_attempt) == (seconds, False)
    assert f"answers with {status}, and is asked again in {seconds} s" in result.error.message


@pytest.mark.parametrize(
    "text", ["", "soon", "-5", "1.5", "1" * 65, "\u0665", "Mon, 99 Foo 2030 12:00:00 +99999999999"]
)
def test_a_wish_that_nobody_understands_is_none(text, send, receiver, allow):
    """It is asked again as one that has none."""
    allow(receiver.port)
    receiver.answers[:] = [503]
    receiver.headers["Retry-After"] = text.encode().decode("latin-1")

    assert "answers with 503." in error_of(send(f"http://{HOST}:{receiver.port}/"), NotDeliveredError)


@pytest.mark.parametrize("status", [302, 404, 410, 500])
def test_only_who_is_busy_says_when_it_is_asked_again(status, send, receiver, allow):
    """Other answers are no promise that it goes better then."""
    allow(receiver.port)
    receiver.answers[:] = [status]
    receiver.headers["Retry-After"] = "120"

    assert send(f"http://{HOST}:{receiver.port}/").error.type != "Retry"


def test_a_receiver_that_is_gone_for_good_is_not_told_again(send, receiver, allow):
    allow(receiver.port)
    receiver.answers[:] = [410]

    assert "not there any more" in error_of(send(f"http://{HOST}:{receiver.port}/"), UndeliverableError)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_is_not_followed(status, send, receiver, allow):
    """It could lead inside."""
    with Receiver() as other:
        allow(receiver.port, other.port)
        receiver.answers[:] = [status]
        receiver.headers["Location"] = f"http://{HOST}:{other.port}/"

        assert f"answers with {status}" in error_of(send(f"http://{HOST}:{receiver.port}/"), NotDeliveredError)
        assert other.requests == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "10.0.0.1",
        "192.168.0.1",
    ],
)
def test_an_internal_address_is_not_connected_to_however_it_is_written(host, send, receiver, settings, key):
    """Where any host is allowed, its address still has to be one of the internet."""
    settings(f"[webhooks.'*']\nkeys = ['{key}']\nhttp = true\nports = [{receiver.port}]\n")

    message = error_of(send(f"http://{host}:{receiver.port}/"), UndeliverableError)

    assert "is inside of a network" in message
    assert receiver.requests == []


def test_a_name_that_changes_its_address_is_connected_to_where_it_was_looked_up(send, receiver, allow, monkeypatch):
    """DNS rebinding: the second answer would lead elsewhere. Nobody asks for it."""
    answers = [(HOST, receiver.port), ("127.0.0.2", receiver.port)]
    asked = []

    def resolve(host, *_arguments, **_options):
        if host != "hooks.example.com":  # an address, as it is handed to a socket
            return found(host, *_arguments, **_options)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", answers[len(asked) - 1])]

    found = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    allow(receiver.port, host="hooks.example.com")

    result = send(f"http://hooks.example.com:{receiver.port}/")

    assert (result.state, asked) == (TaskState.SUCCEEDED, ["hooks.example.com"])
    assert receiver.requests[0][0]["Host"] == f"hooks.example.com:{receiver.port}"


def test_of_several_addresses_the_internal_ones_are_left_out(send, receiver, allow, monkeypatch):
    found = socket.getaddrinfo

    def resolve(host, *arguments, **options):
        if host != "hooks.example.com":
            return found(host, *arguments, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, receiver.port)) for each in ("127.0.0.2", HOST)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    allow(receiver.port, host="hooks.example.com")

    assert send(f"http://hooks.example.com:{receiver.port}/").state is TaskState.SUCCEEDED


def test_a_host_that_is_not_allowed_is_not_looked_up(send, receiver, allow, monkeypatch):
    allow(receiver.port, host="hooks.example.com")
    monkeypatch.setattr(socket, "getaddrinfo", None)

    for host in ("example.com", "evil.hooks.example.com", "hooks.example.com.evil.org", HOST):
        message = error_of(send(f"http://{host}:{receiver.port}/"), UndeliverableError)
        assert f"The host {host!r} is told of no task" in message


def test_a_port_that_is_not_allowed_is_not_connected_to(send, receiver, allow):
    allow(443)

    message = error_of(send(f"http://{HOST}:{receiver.port}/"), UndeliverableError)

    assert f"not told on the port {receiver.port}" in message
    assert receiver.requests == []


def test_nothing_goes_without_encryption_unless_that_is_allowed(send, receiver, allow):
    allow(receiver.port, http=False)

    assert "by 'https://' only" in error_of(send(f"http://{HOST}:{receiver.port}/"), UndeliverableError)
    assert receiver.requests == []


@pytest.fixture
def authority(tmp_path, monkeypatch):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return authority


@pytest.fixture
def make_tls(authority):
    def make(name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        return context

    return make


def test_a_receiver_by_tls_is_told_if_its_certificate_is_for_its_name(send, make_tls, allow, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with Receiver(make_tls("localhost")) as receiver:
        allow(receiver.port, host="localhost", http=False)

        assert send(f"https://localhost:{receiver.port}/").state is TaskState.SUCCEEDED
        assert receiver.requests[0][0]["Host"] == f"localhost:{receiver.port}"


def test_a_certificate_for_another_name_is_refused(send, make_tls, allow, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with Receiver(make_tls("hooks.example.com")) as receiver:
        allow(receiver.port, host="localhost")

        assert "certificate" in error_of(send(f"https://localhost:{receiver.port}/"), NotDeliveredError)
        assert receiver.requests == []


def test_a_certificate_of_nobody_who_is_trusted_is_refused(send, make_tls, allow):
    with Receiver(make_tls("localhost")) as receiver:
        allow(receiver.port, host="localhost")

        assert "certificate" in error_of(send(f"https://localhost:{receiver.port}/"), NotDeliveredError)
        assert receiver.requests == []


def test_a_receiver_that_is_not_there_is_tried_again(send, allow):
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
    allow(port)

    assert f"There is no way to {HOST}" in error_of(send(f"http://{HOST}:{port}/"), NotDeliveredError)


def answering(*parts):
    """Return a behaviour: read the request, then send parts for as long as somebody is there."""

    def behave(connection):
        connection.recv(65_536)
        for part in parts:
            connection.sendall(part)

    return behave


def silent(connection):
    """Read whatever comes, and say nothing, until nobody is there."""
    while connection.recv(65_536):
        pass


def dripping(first, then):
    """Return a behaviour: read the request, and answer without end, slowly, until nobody is there."""

    def behave(connection):
        connection.recv(65_536)
        connection.sendall(first)
        while True:
            connection.sendall(then)
            time.sleep(0.05)

    return behave


def test_a_receiver_that_answers_byte_by_byte_is_cut_off(send, allow):
    """Each byte comes in time; all of them would never end."""
    with RawReceiver(dripping(b"HTTP/1.1 ", b"2")) as receiver:
        allow(receiver.port, first="timeout_seconds = 1")

        assert error_of(send(f"http://{HOST}:{receiver.port}/"), NotDeliveredError)


def test_headers_that_come_byte_by_byte_are_cut_off(send, allow):
    """The yes before them counts."""
    with RawReceiver(dripping(b"HTTP/1.1 200 OK\r\nX: ", b"a")) as receiver:
        allow(receiver.port, first="timeout_seconds = 5")  # the yes has to come before

        assert send(f"http://{HOST}:{receiver.port}/").output == {"status": 200}


def test_a_receiver_that_never_answers_is_cut_off(send, allow):
    with RawReceiver(silent) as receiver:
        allow(receiver.port, first="timeout_seconds = 0.5")

        assert "took more than 0.5 s" in error_of(send(f"http://{HOST}:{receiver.port}/"), NotDeliveredError)


def test_a_receiver_that_never_encrypts_is_cut_off(send, allow):
    with RawReceiver(silent) as receiver:
        allow(receiver.port, host="localhost", first="timeout_seconds = 0.5")

        assert "took more than 0.5 s" in error_of(send(f"https://localhost:{receiver.port}/"), NotDeliveredError)


def test_a_body_without_end_is_not_read(send, allow):
    """The status is all that is wanted."""
    with RawReceiver(answering(b"HTTP/1.1 200 OK\r\n\r\n", *[b"a" * 65_536] * 1000)) as receiver:
        allow(receiver.port)

        assert send(f"http://{HOST}:{receiver.port}/").output == {"status": 200}


@pytest.mark.parametrize(
    "answer",
    [b"", b"hello\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 100_000],
    ids=["nothing", "no HTTP", "no status", "a header too long"],
)
def test_an_answer_that_is_no_http_is_tried_again(answer, send, allow):
    with RawReceiver(answering(answer)) as receiver:
        allow(receiver.port)

        assert error_of(send(f"http://{HOST}:{receiver.port}/"), NotDeliveredError)


def test_proxies_of_the_environment_are_not_asked(send, receiver, allow, monkeypatch):
    """A proxy would look up the name by itself, inside."""
    with Receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://{HOST}:{proxy.port}")
        allow(receiver.port)

        send(f"http://{HOST}:{receiver.port}/")

        assert (len(receiver.requests), len(proxy.requests)) == (1, 0)


def test_what_is_answered_is_shown_to_nobody(send, allow):
    """Who may add a task must not read by that what an internal service says."""
    with RawReceiver(answering(b"HTTP/1.1 403 hunter2\r\nX: hunter2\r\n\r\nhunter2")) as receiver:
        allow(receiver.port)

        result = send(f"http://{HOST}:{receiver.port}/")

    assert "hunter2" not in json.dumps([result.error.message, [line.text for line in result.log_lines]])
