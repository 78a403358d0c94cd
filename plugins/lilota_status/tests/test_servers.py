"""The pages in the servers that people use, each as a program. Most other tests are under uvicorn with h11."""

from __future__ import annotations

from contextlib import ExitStack
from importlib.util import find_spec

import pytest
from attempts import Attempt, ref_with_file
from servers import KEYS, until
from web_programs import Program
from wire import LENGTHS, REFUSED, Wire, status_of

from lilota.client import TaskClient
from lilota.config import Settings
from lilota.models import TaskState

GUNICORN = "gunicorn --no-control-socket --bind unix:{socket}"
STREAMING = {
    "uvicorn-httptools": "uvicorn --http httptools --uds {socket} served_site:asgi",
    "hypercorn": "hypercorn --bind unix:{socket} served_site:asgi",
    "gunicorn-uvicorn": f"{GUNICORN} -k uvicorn_worker.UvicornWorker served_site:asgi",
    "gunicorn-asgi": f"{GUNICORN} -k asgi served_site:asgi",
    "granian": "granian --interface asgi --uds {socket} served_site:asgi",
}
POLLING = {
    "gunicorn-sync": f"{GUNICORN} served_site:wsgi",
    "gunicorn-gthread": f"{GUNICORN} -k gthread --threads 4 served_site:wsgi",
    "waitress": "waitress --unix-socket={socket} served_site:wsgi",
    "granian-wsgi": "granian --interface wsgi --blocking-threads 4 --uds {socket} served_site:wsgi",
}
ALL = {**STREAMING, **POLLING}
#: waitress reads a whole body before the pages hear of it. Of two lengths it takes the chunks, and tells of none.
READS_BODIES = {"waitress"}
BODIES = {
    b"Content-Length: 5000": b"200",
    b"Transfer-Encoding: chunked": b"200",
    b"Content-Length: 100000000": b"413",
}
CONTENT = b"0123456789" * 50_000

_INSTALLED = ("granian", "gunicorn", "httptools", "hypercorn", "uvicorn_worker", "waitress")
pytestmark = pytest.mark.skipif(not all(map(find_spec, _INSTALLED)), reason="these servers are in the extra `test`")


class Served:
    """The pages in one server, and a client of the same store."""

    def __init__(self, name: str, program: Program, client: TaskClient) -> None:
        self.name = name
        self.client = client
        self.visitor = program.visitor
        self.wire = Wire(program.visitor)


@pytest.fixture(scope="module", params=ALL)
def served(request, tmp_path_factory):
    """The pages in one of the servers."""
    name = request.param
    url = f"sqlite:///{tmp_path_factory.mktemp(name)}/tasks.db"
    with (
        Program(ALL[name], LILOTA_STORE=url, LILOTA_REF_KEYS=KEYS[0]) as program,
        TaskClient(url, settings=Settings(ref_keys=KEYS), accept_unknown_names=True) as client,
    ):
        yield Served(name, program, client)


STREAMS = pytest.mark.parametrize("served", STREAMING, indirect=True, scope="module")
POLLS = pytest.mark.parametrize("served", POLLING, indirect=True, scope="module")


@STREAMS
def test_a_task_is_watched_to_its_end_by_a_stream(served):
    """What it tells comes at once, not with the end."""
    ref = served.client.add("streamed").ref

    with served.visitor.events([ref], logs=ref) as events:
        told = [next(events)]
        attempt = Attempt(served.client, "streamed")
        attempt.tell(25, ["a line"])
        while not told[-1][1].get("lines"):
            told.append(next(events))
        attempt.succeed()
        told.extend(events)

    assert [kind for kind, _, _ in told][-1] == "done"
    assert told[0][1]["state"] == "waiting"
    assert told[-2][1]["state"] == "succeeded"


@STREAMS
def test_a_stream_that_is_left_makes_place_for_another(served):
    """The server tells the pages that nobody listens any more."""
    ref = served.client.add("left").ref
    query = {"refs": ref}
    headers = {"Accept": "text/event-stream"}

    with ExitStack() as stack:
        streams = [stack.enter_context(served.visitor.events([ref])) for _ in range(3)]
        assert [next(events)[0] for events in streams] == ["task"] * 3
        assert served.visitor.get("events", params=query, headers=headers).status_code == 429

    def opened():
        with served.visitor.http.stream("GET", "/events", params=query, headers=headers) as response:
            return response.status_code

    until(opened, lambda status: status == 200)


def test_a_task_is_watched_to_its_end_by_polls(served):
    """From any server; where there is one thread alone, no poll waits in it."""
    ref = served.client.add("polled").ref
    attempt = Attempt(served.client, "polled")

    first = served.visitor.poll([ref])
    attempt.tell(50)
    second = until(lambda: served.visitor.poll([ref], after=first["after"], wait=1), lambda told: told["events"])
    attempt.succeed()
    last = until(lambda: served.visitor.poll([ref], after=second["after"], wait=1), lambda told: told["events"])

    assert first["events"][0]["data"]["state"] == "running"
    assert second["events"][0]["data"]["percentage"] == 50
    assert last["done"]


@POLLS
def test_who_asks_for_a_stream_in_vain_is_told_to_poll(served):
    """As the script does by itself; and no page holds the only thread."""
    ref = served.client.add("asked").ref
    cursor = served.visitor.poll([ref])["after"]

    answer = served.visitor.get("events", params={"refs": ref}, headers={"Accept": "text/event-stream"})

    assert (answer.status_code, answer.json()["poll"]) == (406, True)
    if served.name == "gunicorn-sync":
        assert served.visitor.poll([ref], after=cursor)["again_in"] == 2.0


def test_a_page_of_the_same_origin_cancels_and_no_other(served):
    """By `Origin` too, where the host is the one that was asked."""
    handle = served.client.add("cancelled")

    refused = served.visitor.post(f"{handle.ref}/cancel", Origin="http://evil.example")
    done = served.visitor.post(f"{handle.ref}/cancel", Origin="http://site.example")

    assert (refused.status_code, done.status_code) == (403, 200)
    assert done.json()["state"] == "cancelled"


def test_a_file_is_taken_whole_in_part_or_not_again(served):
    """With its length, for HEAD as well, and with the connection kept for the next request."""
    path = f"{ref_with_file(served.client, 'data.bin', CONTENT)}/files/data.bin"

    whole = served.visitor.get(path)
    part = served.visitor.get(path, headers={"Range": "bytes=100000-100009"})
    none = served.visitor.get(path, headers={"Range": "bytes=9-0"})
    known = served.visitor.get(path, headers={"If-None-Match": whole.headers["etag"]})
    head = served.visitor.http.head(f"/{path}")

    assert (whole.content, part.content) == (CONTENT, CONTENT[100_000:100_010])
    assert [answer.status_code for answer in (whole, part, none, known, head)] == [200, 206, 416, 304, 200]
    assert part.headers["content-range"] == f"bytes 100000-100009/{len(CONTENT)}"
    assert {whole.headers["content-length"], head.headers["content-length"]} == {str(len(CONTENT))}
    assert not known.content + head.content


def test_no_request_hides_in_the_body_of_another(served):
    """Two lengths, or one that is none: by the server, or by the pages."""
    for lengths in LENGTHS[2:] if served.name in READS_BODIES else LENGTHS:
        handle = served.client.add("attacked")
        hidden = served.wire.head("POST", f"/{handle.ref}/cancel")
        outer = served.wire.head("GET", "/nothing", lengths).replace(b"Connection: close\r\n", b"")

        received = served.wire.send(outer + b"0\r\n\r\n" + hidden)

        assert status_of(received) in REFUSED, lengths
        assert received.count(b"HTTP/1.") <= 1, lengths
        info = handle.info()
        assert (info.state, info.cancel_requested) == (TaskState.PENDING, False), lengths


@pytest.mark.parametrize("served", sorted(ALL.keys() - READS_BODIES), indirect=True, scope="module")
def test_a_body_that_does_not_come_is_not_waited_for(served):
    """Neither a short one nor one of an unknown length; a long one is refused before it is there."""
    for length, status in BODIES.items():
        handle = served.client.add("cancelled")
        with served.wire.connect() as connection:
            connection.sendall(served.wire.head("POST", f"/{handle.ref}/cancel", length) + b"1")
            assert connection.recv(12).split(b" ")[1] == status, length
