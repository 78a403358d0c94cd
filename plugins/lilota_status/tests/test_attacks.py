"""Attacks on the pages by requests that no browser sends, over real sockets, in a loop and with a thread for each.

What strangers ask for by well-formed requests is in test_denials, test_cross_site, test_downloads and
test_hostile_texts.
"""

from __future__ import annotations

import threading

import pytest
from attempts import ref_with_file
from servers import until
from wire import LENGTHS, REFUSED, Wire, status_of

from lilota.models import TaskState

MEGABYTE = b"x" * 1_000_000


@pytest.fixture
def task(client):
    """A task that waits, and which nothing here may cancel."""
    return client.add("task", owner="me")


def is_untouched(task):
    return task.info().state is TaskState.PENDING and not task.info().cancel_requested


# --- one request that can be read as two, or in two ways


@pytest.mark.parametrize("lengths", LENGTHS)
def test_no_request_hides_in_the_body_of_another(wire, task, lengths):
    """Two lengths, or one that is none: there is one answer, and what looks like a second request is not obeyed."""
    hidden = wire.head("POST", f"/{task.ref}/cancel")
    outer = wire.head("GET", "/nothing", lengths).replace(b"Connection: close\r\n", b"")

    received = wire.send(outer + b"0\r\n\r\n" + hidden)

    assert status_of(received) in REFUSED
    assert received.count(b"HTTP/1.") <= 1
    assert is_untouched(task)


@pytest.mark.parametrize("path", ["{ref}", "{ref}/cancel", "events?refs={ref}", "lilota.js"])
@pytest.mark.parametrize("accept", [b"text/event-stream", b"text/html"])
def test_two_lengths_are_refused_wherever_the_pages_are_mounted(visitor, client, path, accept):
    """On every route, in every framework: what is read of it, and where it ends, would depend on the server."""
    wire, task = Wire(visitor), client.add("task")
    method = "POST" if path.endswith("cancel") else "GET"
    lengths = b"Content-Length: 5\r\nTransfer-Encoding: chunked"
    outer = wire.head(method, f"{visitor.base}/{path.format(ref=task.ref)}", lengths, b"Accept: " + accept)
    hidden = wire.head("POST", f"{visitor.base}/{task.ref}/cancel")

    received = wire.send(outer.replace(b"Connection: close\r\n", b"") + b"0\r\n\r\n" + hidden)

    assert status_of(received) == 400
    assert b"two lengths" in received
    assert received.count(b"HTTP/1.") == 1
    assert is_untouched(task)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\rSec-Fetch-Site: same-origin\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    ],
)
def test_what_is_no_http_is_refused_and_others_are_served(wire, task, request_bytes):
    """The connection ends with it; the server does not."""
    assert status_of(wire.send(request_bytes, hangs_up=True)) in {*REFUSED, 505}
    assert wire.visitor.get(task.ref).status_code == 200


def test_line_ends_without_a_carriage_return_make_one_request_at_most(wire, task):
    """A server may take them, or not; it takes no second request from between them."""
    received = wire.send(
        b"GET /nothing HTTP/1.1\nHost: x\nX: y\n\r\nPOST /" + task.ref.encode() + b"/cancel HTTP/1.1\n\n"
    )

    assert status_of(received) in REFUSED
    assert is_untouched(task)


# --- headers that say two things


@pytest.mark.parametrize(
    "lines",
    [
        [b"Sec-Fetch-Site: cross-site", b"Sec-Fetch-Site: same-origin"],
        [b"Sec-Fetch-Site: same-origin", b"Sec-Fetch-Site: cross-site"],
        [b"Origin: https://evil.example", b"Origin: http://own"],
        [b"Origin: http://own", b"Origin: https://evil.example"],
        [b"Origin: http://own, https://evil.example"],
        [b"Sec_Fetch_Site: same-origin", b"Sec-Fetch-Site: cross-site"],
    ],
    ids=str,
)
def test_a_header_that_says_two_things_says_nothing(wire, task, lines):
    """Which of them counts would depend on the server."""
    head = [b"POST /%s/cancel HTTP/1.1" % task.ref.encode(), b"Host: own", b"Connection: close", *lines]

    received = wire.send(b"\r\n".join([*head, b"", b""]))

    assert status_of(received) == 403
    assert is_untouched(task)


@pytest.mark.parametrize(
    "head",
    [
        b"POST /{ref}/cancel HTTP/1.1\r\nHost: own\r\nHost: evil.example\r\nOrigin: http://evil.example",
        b"POST /{ref}/cancel HTTP/1.1\r\nHost: evil.example\r\nHost: own\r\nOrigin: http://evil.example",
        b"POST /{ref}/cancel HTTP/1.1\r\nHost: own\r\nX-Forwarded-Host: evil.example\r\nOrigin: http://evil.example",
        b"POST /{ref}/cancel HTTP/1.1\r\nHost: own\r\nForwarded: host=evil.example\r\nOrigin: http://evil.example",
        b"POST http://evil.example/{ref}/cancel HTTP/1.1\r\nHost: own\r\nOrigin: http://evil.example",
        b"POST /{ref}/cancel HTTP/1.0\r\nOrigin: http://evil.example",
        b"POST /{ref}/cancel HTTP/1.0\r\nOrigin: http://",
        b"POST /{ref}/cancel HTTP/1.1\r\nHost: \r\nOrigin: http://",
    ],
)
def test_nobody_becomes_the_host_by_saying_so_twice(wire, task, head):
    """Two hosts, one in the address, one in a header for proxies, none: the page of another host changes nothing."""
    received = wire.send(head.replace(b"{ref}", task.ref.encode()) + b"\r\nConnection: close\r\n\r\n")

    assert status_of(received) in {400, 403, 404}
    assert is_untouched(task)


@pytest.mark.parametrize("host", [b"evil.example", b"evil.example\r\nX-Forwarded-Host: evil.example"])
def test_no_answer_repeats_the_host(wire, task, host):
    """Links are paths: who makes a cache ask for another host gets nothing of it in the answer."""
    for accept in (b"application/json", b"text/html"):
        head = [b"GET /%s HTTP/1.1" % task.ref.encode(), b"Host: " + host, b"Accept: " + accept, b"Connection: close"]
        received = wire.send(b"\r\n".join([*head, b"", b""]))

        assert status_of(received) == 200
        assert b"evil.example" not in received


def test_http_of_1996_is_served(wire, task):
    """Without a host: nothing needs one but a change."""
    assert status_of(wire.send(b"GET /%s HTTP/1.0\r\n\r\n" % task.ref.encode())) == 200


# --- methods


@pytest.mark.parametrize("method", ["TRACE", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "CONNECT", "cancel"])
def test_no_other_method_does_anything(wire, task, method):
    """Nor is a header said back, as TRACE would; no other origin is told that it may."""
    for path in (task.ref, f"{task.ref}/cancel", "mine", "events", "lilota.js"):
        received = wire.send(wire.head(method, f"/{path}", b"X: secret", b"Origin: http://evil.example"))

        assert status_of(received) in {400, 404, 405, 501}
        assert b"secret" not in received
        assert b"access-control" not in received.lower()
    assert is_untouched(task)


@pytest.mark.parametrize("path", ["{ref}/cancel", "{ref}/cancel?_method=POST", "events"])
def test_a_get_or_head_with_the_words_of_a_change_changes_nothing(wire, task, path):
    """An image may have any address."""
    for method in ("GET", "HEAD"):
        received = wire.send(wire.head(method, "/" + path.format(ref=task.ref), b"X-HTTP-Method-Override: POST"))
        assert status_of(received) in {400, 404, 405}
    assert is_untouched(task)


# --- too long, too many


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x",
        b"GET /x?" + b"a=1&" * 25_000 + b" HTTP/1.1\r\nHost: x",
        b"GET /x HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000,
        b"GET /x HTTP/1.1\r\nHost: x\r\n" + b"\r\n".join(b"X-%d: 1" % number for number in range(10_000)),
    ],
    ids=["line", "parameters", "header", "headers"],
)
def test_a_head_without_end_is_refused(wire, task, head):
    """By the server, before the pages hear of it, or by them; others are served."""
    assert status_of(wire.send(head + b"\r\nConnection: close\r\n\r\n")) in REFUSED
    assert wire.visitor.get(task.ref).status_code == 200


@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        ("events?refs=" + ",".join(f"r{number}" for number in range(1_000)), {400}),
        ("events?refs=" + ",".join("r" * 190 + str(number) for number in range(200)), {400, 414}),
        ("events?" + "&".join(f"refs={number}" for number in range(1_000)), {400}),
        ("events?refs=x&wait=99999999999999999999999999999999", {400}),
        ("events?refs=x&wait=-1", {400}),
        ("events?refs=x&wait=1e3", {400}),
        ("mine?limit=-1", {400}),
        (f"mine?limit={10**40}", {400}),
        ("mine?limit=%D9%A1", {400}),
        ("mine?after=1", {404}),
        ("mine?after=%00", {404}),
        ("mine?state=%00", {400}),
        ("{ref}/logs?after=99999999999999999999", {200}),
        ("{ref}/logs?after=-1", {400}),
        ("{ref}/logs?after=1;DROP", {400}),
    ],
)
def test_what_a_query_asks_for_is_bounded(wire, task, path, statuses):
    """It is answered in a sentence that does not say it back."""
    received = wire.send(wire.head("GET", "/" + path.format(ref=task.ref)))

    assert status_of(received) in statuses
    assert b"r999" not in received
    assert len(received) < 2_000


def test_a_page_of_a_million_has_a_hundred_tasks(wire, client):
    """The next ones are behind it."""
    client.add_many([{"name": "task", "owner": "me"}] * 150)

    page = wire.visitor.get("mine?limit=1000000").json()

    assert len(page["tasks"]) == 100
    assert page["next"]


def test_a_task_asked_for_by_a_hundred_references_is_one_answer(wire, client):
    """As many as there may be; nothing grows by more than that."""
    handle = client.add("task")
    refs = ",".join(handle.ref for _ in range(100))

    told = wire.visitor.get("events", params={"refs": refs, "wait": 0}).json()

    assert len(told["events"]) == 100


# --- paths


@pytest.mark.parametrize(
    "path",
    [
        "/%00", "/lilota.js%00.html", "/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd", "/..%2f..%2fetc%2fpasswd",
        "/..%252f..%252fetc%252fpasswd", "/../../etc/passwd", "/..\\..\\etc\\passwd", "/..%5c..%5cetc%5cpasswd",
        "//evil.example/%2f..", "//", "/", "/.", "/%2e", "/assets/lilota.js", "/%ff%fe", "/\xff", "/%zz", "/%", "*",
        "/%ed%a0%80", "/%f4%90%80%80", "/{ref}%00", "/{ref}%0d%0aX-Evil:%201", "/{ref}%2f", "/{ref}/cancel%2f..",
        "/{ref}%c0%af", "/{ref}%EF%BC%8F", "/{ref}/files/%c0%ae%c0%ae%c0%afdata", "/{ref}/files/%00", "/{ref}/files/",
        "/{ref}/files/..%00/data", "/{ref}/files/\xff", "/{ref}/files/a%0d%0aX-Evil:%201", "/{ref}/files/%ed%a0%80",
    ],
)  # fmt: skip
def test_a_path_that_is_none_leads_nowhere(wire, task, path):
    """Bytes that are no text, text in a form that is too long, ends of strings and lines, ways up: no such task."""
    target = path.replace("{ref}", task.ref).encode("latin-1")
    head = wire.head("GET", "/").replace(b"GET / ", b"GET " + target + b" ", 1)

    received = wire.send(head)

    assert status_of(received) in {0, 400, 404}
    assert b"root:" not in received
    assert b"\r\nx-evil" not in received.lower()
    assert b"Traceback" not in received


def test_a_path_that_begins_with_two_slashes_leads_to_no_other_host(wire, task):
    """It would be one if it were said back as a link."""
    received = wire.send(wire.head("POST", f"//{task.ref}/cancel?//evil.example", b"Accept: text/html"))
    links = wire.send(wire.head("GET", f"//{task.ref}"))

    assert b"location: //" not in received.lower()
    assert b'"//' not in links
    assert b"evil.example" not in received + links


@pytest.mark.parametrize(
    "text", [b'{"a": [' + b"[" * 10_000, b"a\\r\\nX-Evil: 1", b"%0d%0aX-Evil: 1", b"\xff\xfe", b"*"]
)
def test_no_header_of_a_request_comes_back(wire, task, text):
    """Whatever is in it: it is not read as JSON, and becomes no header of the answer."""
    names = (b"Accept", b"Last-Event-ID", b"Range", b"If-None-Match", b"If-Range")

    for path in (task.ref, "mine", f"events?wait=0&refs={task.ref}", f"{task.ref}/files/x"):
        received = wire.send(wire.head("GET", f"/{path}", *(name + b": " + text for name in names)))

        assert status_of(received) in {200, 404}
        assert b"\r\nx-evil" not in received.lower()
        assert text[:20] not in received or text == b"*"


# --- files


@pytest.mark.parametrize(
    "asked",
    [
        b"bytes=" + b",".join(b"0-" for _ in range(1_000)),
        b"bytes=" + b",".join(b"%d-%d" % (number, number) for number in range(5_000)),
        b"bytes=9-0",
        b"bytes=-0",
        b"bytes=%d-" % 10**18,
        b"bytes=" + b"9" * 10_000 + b"-",
        b"bytes=\xb2-\xb3",
        b"bytes=0-1\r\nRange: bytes=2-3",
    ],
    ids=lambda asked: ascii(asked[:20]),
)
def test_a_range_makes_no_small_file_a_large_answer(wire, client, asked):
    """Many parts, parts that overlap, that run backwards, that begin behind the end."""
    ref = ref_with_file(client, "data.bin", b"0123456789" * 1_000)

    received = wire.send(wire.head("GET", f"/{ref}/files/data.bin", b"Range: " + asked))

    assert status_of(received) == 416
    assert len(received) < 2_000


# --- bodies that do not end


def test_a_body_of_a_hundred_megabytes_is_refused_before_it_is_sent(wire, task):
    """By its length: the answer is there though nothing of it has come."""
    with wire.connect() as connection:
        connection.sendall(wire.head("POST", f"/{task.ref}/cancel", b"Content-Length: 100000000"))
        assert connection.recv(65536).split(b" ", 2)[1] == b"413"
    assert is_untouched(task)


def test_a_body_whose_length_nobody_tells_is_not_waited_for(wire, task):
    """Nothing in it matters: the task is cancelled as if there were none, and nothing of it is kept."""
    with wire.connect() as connection:
        connection.sendall(wire.head("POST", f"/{task.ref}/cancel", b"Transfer-Encoding: chunked"))
        connection.sendall(b"%x\r\n" % len(MEGABYTE))
        assert connection.recv(65536).split(b" ", 2)[1] == b"200"


@pytest.mark.parametrize("unsent", [b"Content-Length: 5000", b"Transfer-Encoding: chunked"])
def test_bodies_that_trickle_hold_no_thread(wire, client, unsent):
    """Twenty that do: each was answered when its head had come, and has given back what it was answered with."""
    handles = [client.add("task") for _ in range(20)]
    before = set(threading.enumerate())
    connections = [wire.connect() for _ in handles]
    try:
        for connection, handle in zip(connections, handles, strict=True):
            connection.sendall(wire.head("POST", f"/{handle.ref}/cancel", unsent) + b"1")
            assert connection.recv(12).split(b" ")[1] == b"200"
        until(lambda: _for_requests(set(threading.enumerate()) - before), lambda held: len(held) == 0)
        assert wire.visitor.get(handles[0].ref).json()["state"] == "cancelled"
    finally:
        for connection in connections:
            connection.close()


def _for_requests(threads):
    """Return those that are not of the pool of an event loop, which keeps its few for whoever asks next."""
    return [each for each in threads if not each.name.startswith("asyncio_")]


@pytest.mark.parametrize("sent", [b"", b"POST /x HTTP/1.1\r\nHost: x\r\nX: "])
def test_heads_that_trickle_keep_nobody_from_the_pages(wire, task, sent):
    """Fifty connections whose request never ends: the pages never hear of them."""
    connections = [wire.connect() for _ in range(50)]
    try:
        for connection in connections:
            connection.sendall(sent)
        assert wire.visitor.get(task.ref).status_code == 200
    finally:
        for connection in connections:
            connection.close()
