"""Event streams: one for any number of tasks, which goes on when the store or the connection was away."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import ExitStack
from itertools import pairwise
from urllib.parse import urlencode

import pytest
from attempts import Attempt
from lilota_status.asgi import status_app
from lilota_status.limits import Limits
from servers import AsgiServer, until

from lilota.client import TaskClient
from lilota.errors import StoreUnavailableError, StoreVersionError
from lilota.stores import MemoryTaskStore

pytestmark = pytest.mark.usefixtures("patient_streams")


class FragileStore(MemoryTaskStore):
    """A store in memory that goes away when a test says so, and counts what it is asked."""

    error: Exception | None = None
    asked = 0

    def find(self, query):
        self.asked += 1
        if self.error is not None:
            raise self.error
        return super().find(query)


@pytest.fixture
def fragile():
    """A client on such a store."""
    return TaskClient(FragileStore(), ref_keys=["a key that only the tests know"], accept_unknown_names=True)


def everything(_request, _task, _action):
    return True


def texts_in(events):
    return [line["text"] for _, data, _ in events for line in data.get("lines", ())]


def test_one_stream_tells_of_many_tasks(open_streams, client):
    """Each as it is, then what happens to any of them."""
    handles = [client.add("task") for _ in range(100)]
    refs = [handle.ref for handle in handles]

    with open_streams().events(refs) as events:
        first = [next(events) for _ in refs]
        Attempt(client).tell(70)
        told = [next(events)]
        while told[-1][1]["percentage"] is None:
            told.append(next(events))

    assert [data["ref"] for _, data, _ in first] == refs
    assert {data["ref"] for _, data, _ in told} == {refs[0]}
    assert told[-1][1]["percentage"] == 70


def test_tasks_that_wait_are_told_again_now_and_then(serve, client, monkeypatch):
    """What is before them changes, though they do not; of what has ended, nothing more is told."""
    monkeypatch.setattr("lilota_status.streams._HEARTBEAT_SECONDS", 0.1)
    ended, waits = client.add("task"), client.add("task")
    Attempt(client).succeed()

    with serve(status_app(client, allow=everything)).events([ended.ref, waits.ref]) as events:
        told = [next(events)[1]["state"] for _ in range(5)]

    assert told == ["succeeded", *["waiting"] * 4]


def test_more_than_a_hundred_are_refused(visitor, client):
    """A thousand would be one question for nobody; none is a mistake."""
    for number, sentence in ((1000, "Up to 100 tasks can be followed at once, not 1000."), (101, "Up to 100 tasks")):
        answer = visitor.get("events", params={"refs": ",".join(f"ref{each}" for each in range(number))})
        assert answer.status_code == 400
        assert answer.json()["error"].startswith(sentence)
    assert visitor.get("events").status_code == 400
    assert visitor.get("events?refs=,,,").status_code == 400


def test_a_query_without_end_is_not_read(some_visitor):
    """Neither a long one, nor one of very many parameters."""
    assert some_visitor.get(f"events?refs={'x' * 21_000}").status_code == 414
    assert some_visitor.get("events?refs=x&" + "a=1&" * 100).status_code == 400


def test_a_stream_goes_on_where_it_was(open_streams, client):
    """By the cursor of the last event: no line is told twice, none is left out, and no task that is as it was."""
    ref, other = client.add("task").ref, client.add("task").ref
    attempt = Attempt(client)
    attempt.tell(lines=["a", "b"])
    visitor = open_streams()

    with visitor.events([ref, other], logs=ref) as events:
        before = [next(events)]
        while not texts_in(before):
            before.append(next(events))
    attempt.tell(lines=["c"])
    with visitor.events([ref, other], after=before[-1][2], logs=ref) as events:
        after = [next(events)]

    assert texts_in(before) == ["a", "b"]
    assert texts_in(after) == ["c"]
    assert after[0][1]["lines"][0]["number"] == 3
    assert [data["ref"] for _, data, _ in after] == [ref]


def test_a_stream_that_goes_on_without_news_says_that_it_has_begun(open_streams, client):
    """Or a page would take it for held back; one of tasks that have ended is over at once."""
    ref = client.add("task").ref
    visitor = open_streams()
    with visitor.events([ref]) as events:
        first = next(events)

    with visitor.events([ref], after=first[2]) as events:
        ready = next(events)
        client.by_ref(ref).cancel()
        end, done = next(events), next(events)
    with visitor.events([ref], after=end[2]) as events:
        again = list(events)

    assert ready == ("ready", {}, first[2])
    assert (end[1]["state"], done[0]) == ("cancelled", "done")
    assert [kind for kind, *_ in again] == ["done"]


@pytest.mark.parametrize("cursor", ["x", ".", "~~~", "0" * 5000, "deadbeef0000~999999999", "\u00e9"])
def test_a_cursor_that_was_changed_does_no_harm(open_streams, client, cursor):
    """It is trusted with nothing."""
    ref = client.add("task").ref

    with open_streams().events([ref], after=cursor.encode("latin-1")) as events:
        assert next(events)[1]["ref"] == ref


def test_a_stream_has_the_lines_of_the_task_and_none_of_lilota(open_streams, client):
    """It goes on behind those, too."""
    ref = client.add("task").ref
    attempt = Attempt(client)
    attempt.tell(lines=["logged"])
    visitor = open_streams()

    with visitor.events([ref], logs=ref) as events:
        before = [next(events)]
        attempt.tell(lines=["Runs on node-7, process 4711."], source="lilota")
        before.append(next(events))
    attempt.tell(lines=["more"])
    with visitor.events([ref], after=before[-1][2], logs=ref) as events:
        after = [next(events)]

    assert texts_in(before) == ["logged"]
    assert texts_in(after) == ["more"]


def test_what_has_ended_while_nobody_looked_is_there(open_streams, client):
    """With its lines; then the stream is done."""
    ref = client.add("task").ref
    attempt = Attempt(client)
    attempt.tell(lines=[f"line {number}" for number in range(1200)])
    attempt.succeed()

    with open_streams().events([ref], logs=ref) as events:
        told = list(events)

    assert texts_in(told) == [f"line {number}" for number in range(1200)]
    assert (told[-2][1]["state"], told[-1][0]) == ("succeeded", "done")


def test_a_task_that_is_deleted_is_gone(open_streams, client):
    """The others go on."""
    lost, kept = client.add("task"), client.add("task")
    refs = [lost.ref, kept.ref]

    with open_streams().events(refs) as events:
        first = [next(events), next(events)]
        lost.cancel()
        cancelled = next(events)
        client.store.prune(0)
        Attempt(client).succeed()
        rest = list(events)

    assert [kind for kind, _, _ in first] == ["task", "task"]
    assert cancelled[1]["state"] == "cancelled"
    assert rest[-2][1]["state"] == "succeeded"
    assert rest[-1][0] == "done"


def test_two_references_of_one_task_are_told_both(open_streams, client):
    """A page may show a task twice."""
    handle = client.add("task")
    refs = [handle.ref, handle.ref]

    with open_streams().events(refs, logs=refs[1]) as events:
        Attempt(client).tell(lines=["a"], outcome=None)
        handle.cancel()
        told = [next(events) for _ in range(2)]

    assert {data["ref"] for _, data, _ in told} == set(refs)


@pytest.mark.parametrize("error", [StoreUnavailableError("postgresql://ann:hunter2@db/app is away"),
                                   StoreVersionError("The store /srv/app/tasks.db is newer")])  # fmt: skip
def test_a_store_that_goes_away_is_trouble_and_then_the_stream_goes_on(serve, fragile, error):
    """Once, in words that tell nothing of the server; when it is back, the page gets all as it is."""
    ref = fragile.add("task").ref
    visitor = serve(status_app(fragile, allow=everything))

    with visitor.events([ref]) as events:
        first = next(events)
        fragile.store.error = error
        trouble = next(events)
        fragile.store.error = None
        back = next(events)

    assert (first[0], trouble[0], back[0]) == ("task", "trouble", "task")
    assert back[1]["ref"] == ref
    assert trouble[1] == {"error": "The tasks can't be asked just now. This goes on by itself as soon as they can."}


def test_a_stream_can_be_opened_while_the_store_is_away(serve, fragile):
    """The page need not know when to come again."""
    ref = fragile.add("task").ref
    visitor = serve(status_app(fragile, allow=everything))
    fragile.store.error = StoreUnavailableError("away")

    with visitor.events([ref]) as events:
        trouble = next(events)
        fragile.store.error = None
        back = next(events)
        fragile.store.error = StoreUnavailableError("away once more")
        again = next(events)

    assert (trouble[0], back[0], again[0]) == ("trouble", "task", "trouble")


def test_a_page_that_is_loaded_while_the_store_is_away_says_so(serve, fragile, caplog):
    """With a status that says it will pass; the log of the server has the reason, the visitor has not."""
    handle = fragile.add("task")
    visitor = serve(status_app(fragile, allow=everything, owner=lambda _request: "me"))
    fragile.store.get = lambda _id: (_ for _ in ()).throw(StoreUnavailableError("postgresql://db/app is away"))
    fragile.store.error = StoreUnavailableError("postgresql://db/app is away")

    answers = [visitor.get(handle.ref), visitor.get("mine"), visitor.get("events", params={"refs": handle.ref})]

    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in answers] == [(503, "2")] * 3
    assert not any("postgresql" in answer.text for answer in answers)
    assert "postgresql" in caplog.text


def test_any_number_of_streams_is_one_question_each_time(serve, fragile):
    """Forty pages, each with a task of its own, ask as one does."""
    refs = [handle.ref for handle in fragile.add_many([{"name": "task"}] * 40)]
    visitor = serve(status_app(fragile, allow=everything, limits=Limits(streams_per_client=200)))
    turns = []
    wait = fragile.store.wait_for_change

    with ExitStack() as stack:
        streams = [stack.enter_context(visitor.events([ref])) for ref in refs]
        assert {next(events)[0] for events in streams} == {"task"}
        fragile.store.wait_for_change = lambda seconds: turns.append(fragile.store.asked) or wait(seconds)
        until(lambda: len(turns), lambda number: number >= 8)
        seen = turns[1:]

    assert {later - earlier for earlier, later in pairwise(seen)} == {1}


def test_a_stream_ends_after_a_while_so_that_permissions_are_asked_again(open_streams, client, monkeypatch):
    """Without a word: the browser comes again, and is refused if it may not any more."""
    monkeypatch.setattr("lilota_status.streams._HEARTBEAT_SECONDS", 0.1)
    ref = client.add("task").ref

    with open_streams(limits=Limits(stream_seconds=0.2)).events([ref]) as events:
        Attempt(client).tell(1)
        told = list(events)

    assert {kind for kind, _, _ in told} == {"task"}


def test_a_quiet_stream_shows_that_it_is_there(serve, client, monkeypatch):
    """By a comment, which is no event."""
    monkeypatch.setattr("lilota_status.streams._HEARTBEAT_SECONDS", 0.1)
    ref = client.add("task").ref
    visitor = serve(status_app(client, allow=everything))

    with visitor.http.stream("GET", "/events", params={"refs": ref}, headers={"Accept": "text/event-stream"}) as answer:
        lines = (line for line in answer.iter_lines() if line.startswith(":"))
        assert next(lines) == next(lines) == ": still here"


def test_one_client_has_only_so_many_streams(open_streams, client):
    """A page that opens them without end harms itself."""
    ref = client.add("task").ref
    visitor = open_streams(limits=Limits(streams_per_client=2))
    headers = {"Accept": "text/event-stream"}

    with visitor.events([ref]) as one, visitor.events([ref]) as two:
        assert (next(one)[0], next(two)[0]) == ("task", "task")
        refused = visitor.get("events", params={"refs": ref}, headers=headers)
        still = visitor.get(ref)

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    assert still.status_code == 200
    until(lambda: visitor.get("events", params={"refs": ref, "wait": 0}).status_code, lambda status: status == 200)


def test_pages_that_open_all_at_once_have_only_so_many_streams(open_streams, client, caplog):
    """Those that find their place taken since somebody looked are refused as others are, and no error is logged."""
    visitor = open_streams(limits=Limits(streams_per_client=2))
    address = f"{visitor.base}/events?refs={client.add('task').ref}"
    request = f"GET {address} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"
    place = (visitor.http.base_url.host, visitor.http.base_url.port)

    with ExitStack() as stack:
        pages = [stack.enter_context(socket.create_connection(place, timeout=60)) for _ in range(30)]
        for page in pages:
            page.sendall(request.encode())
        statuses = [page.recv(12)[-3:] for page in pages]

    assert sorted(statuses) == [b"200"] * 2 + [b"429"] * 28
    # Django itself warns of each 429.
    assert not [each for each in caplog.records if (each.name, each.levelname) != ("django.request", "WARNING")]


def test_each_owner_has_streams_of_his_own(open_streams, client):
    """Behind a proxy, all may have one address."""
    ref = client.add("task").ref
    name = iter(["ann", "ann", "bob", "bob"])
    visitor = open_streams(limits=Limits(streams_per_client=1), owner=lambda _request: next(name))

    with visitor.events([ref]) as one:
        next(one)
        refused = visitor.get("events", params={"refs": ref}, headers={"Accept": "text/event-stream"})
        with visitor.events([ref]) as two:
            assert next(two)[0] == "task"

    assert refused.status_code == 429


def test_all_together_have_only_so_many_streams(open_streams, client):
    """Who comes then is asked to come again."""
    ref = client.add("task").ref
    visitor = open_streams(limits=Limits(streams=1))

    with visitor.events([ref]) as one:
        next(one)
        assert visitor.get("events", params={"refs": ref}).status_code == 503


def test_a_page_goes_on_after_the_server_was_started_anew(client):
    """With what it knew; a server keeps nothing in its memory."""
    ref = client.add("task").ref
    attempt = Attempt(client)
    attempt.tell(lines=["a"])
    first, second = (AsgiServer(status_app(client, allow=everything)) for _ in range(2))
    with first.visitor().events([ref], logs=ref) as events:
        told = [next(events)]
        while not texts_in(told):
            told.append(next(events))
    first.stop()
    attempt.tell(lines=["b"])

    with second.visitor().events([ref], after=told[-1][2], logs=ref) as events:
        after = next(events)
    second.stop()

    assert texts_in([after]) == ["b"]


def test_a_page_that_takes_nothing_gets_the_newest_state_when_it_does(client):
    """What it has missed does not pile up for it in the server; of its log, nothing is missing."""
    ref = client.add("task").ref
    attempt = Attempt(client)
    app = status_app(client, allow=everything)
    received = asyncio.run(_slowly(app, ref, attempt))
    events = [line for line in b"".join(received).split(b"\n") if line.startswith(b"data: ")]
    told = [json.loads(line.removeprefix(b"data: ")) for line in events]

    assert len(told) <= 4  # as it was, one that was on its way, as it is, and that it is done
    assert told[-2]["state"] == "succeeded"
    assert [line["text"] for data in told[:-1] for line in data["lines"]] == [f"line {n}" for n in range(1, 31)]


async def _slowly(app, ref, attempt):
    """Take the first event, nothing while the task tells thirty things, and then all there is."""
    received, is_stuck, goes_on = [], asyncio.Event(), asyncio.Event()

    async def send(message):
        received.append(message.get("body", b""))
        if b"event: task" in received[-1]:
            is_stuck.set()
            await goes_on.wait()

    async def receive():
        await asyncio.Event().wait()

    query = urlencode({"refs": ref, "logs": ref}).encode()
    headers = [(b"accept", b"text/event-stream")]
    scope = {"type": "http", "method": "GET", "path": "/events", "query_string": query, "headers": headers}
    page = asyncio.create_task(app(scope, receive, send))
    await is_stuck.wait()
    for number in range(1, 31):
        await asyncio.to_thread(attempt.tell, number, lines=[f"line {number}"])
    await asyncio.to_thread(attempt.succeed)
    goes_on.set()
    await asyncio.wait_for(page, 60)
    return received


def test_streams_of_visitors_who_have_left_are_given_back(open_streams, client):
    """Their places, and the thread that looks for all of them when nobody is left."""
    ref = client.add("task").ref
    visitor = open_streams(limits=Limits(streams=3))

    for _ in range(10):
        with visitor.events([ref]) as events:
            next(events)
        until(lambda: visitor.get("events", params={"refs": ref, "wait": 0}).status_code, lambda status: status == 200)

    until(lambda: [each.name for each in threading.enumerate()], lambda names: "lilota-news" not in names)
