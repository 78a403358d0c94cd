"""Pages that last, in a Django project under ASGI: a thread and a connection for each would soon be too many.

The project asks its database whom to let in, and has a transaction for each request, in which Django runs no coroutine.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack

import psycopg
import pytest
from servers import until
from web_programs import Program, printed_by
from wire import Wire

STREAMS, POLLS, DOWNLOADS = 60, 20, 60
#: Those of the pool of an event loop, 32 at most, the one that looks at the tasks, and the main thread.
FEW = 34


@pytest.fixture(scope="module")
def project(postgres_server, tmp_path_factory):
    """Such a project behind uvicorn, references of a task that has a file and of one that waits, and its database."""
    url = postgres_server.create_database()
    files = tmp_path_factory.mktemp("files").as_uri() + "?shared=1"
    variables = {"LILOTA_TEST_DJANGO_DATABASE": url, "LILOTA_FILES": files}
    refs = printed_by("import django_project; print(django_project.new_refs())", **variables)
    command = "uvicorn --uds {socket} --log-level warning django_project:application"
    with Program(command, "/my/tasks", **variables) as program:
        yield program, refs.split(), url


def held_by(program, url):
    """Return how many threads a program has, and how many connections."""
    with psycopg.connect(url) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'django_project'"
        (connections,) = connection.execute(query).fetchone()
    return len(os.listdir(f"/proc/{program.process.pid}/task")), connections


def change_of(events):
    """Return the next state; a stream tells again of a task that waits, now and then."""
    return next(data["state"] for _, data, _ in events if data["state"] != "waiting")


def test_files_that_nobody_takes_hold_neither_threads_nor_connections(project):
    """Each has begun, and waits for a visitor who reads no further."""
    program, (ref, _), url = project
    wire = Wire(program.visitor)
    with ExitStack() as stack:
        for connection in [stack.enter_context(wire.connect()) for _ in range(DOWNLOADS)]:
            connection.sendall(wire.head("GET", f"/my/tasks/{ref}/files/large.bin"))
            assert connection.recv(12) == b"HTTP/1.1 200"

        until(lambda: held_by(program, url), lambda held: max(held) <= FEW)

    assert len(program.visitor.get(f"{ref}/files/large.bin").content) == 5_000_000


def test_pages_that_wait_hold_neither_threads_nor_connections(project):
    """Streams and polls together: all of them hear of the end."""
    program, (_, ref), url = project
    wire, visitor = Wire(program.visitor), program.visitor
    cursor = visitor.poll([ref])["after"]
    poll = wire.head("GET", f"/my/tasks/events?refs={ref}&after={cursor}")
    with ExitStack() as stack:
        streams = [stack.enter_context(visitor.events([ref])) for _ in range(STREAMS)]
        assert {next(events)[1]["state"] for events in streams} == {"waiting"}
        polls = [stack.enter_context(wire.connect()) for _ in range(POLLS)]  # last, as a poll waits for 25 s only
        for connection in polls:
            connection.sendall(poll)

        until(lambda: held_by(program, url), lambda held: max(held) <= FEW)

        assert visitor.post(f"{ref}/cancel").status_code == 200
        told = [json.loads(wire.rest_of(connection).partition(b"\r\n\r\n")[2]) for connection in polls]
        assert [answer["events"][0]["data"]["state"] for answer in told] == ["cancelled"] * POLLS
        assert [change_of(events) for events in streams] == ["cancelled"] * STREAMS
        assert [next(events)[0] for events in streams] == ["done"] * STREAMS
    until(lambda: held_by(program, url), lambda held: max(held) <= FEW)
