"""Long polls, for servers where each page that waits would hold a thread."""

from __future__ import annotations

import threading

from attempts import Attempt
from lilota_status.limits import Limits


def test_a_poll_goes_on_where_the_last_one_was(visitor, client):
    """What happens is told once, with all lines, and at last that all is done."""
    ref = client.add("task").ref
    first = visitor.poll([ref], logs=ref)
    attempt = Attempt(client)
    attempt.tell(50, lines=["a"])
    told, after = [], first["after"]
    while not any(line["text"] == "b" for data in told for line in data["lines"]):
        answer = visitor.poll([ref], logs=ref, after=after)
        told += [event["data"] for event in answer["events"]]
        after = answer["after"]
        if len(told) == 1:
            attempt.tell(60, lines=["b"])
    attempt.succeed()
    answer = visitor.poll([ref], logs=ref, after=after)
    while not answer["done"]:
        answer = visitor.poll([ref], logs=ref, after=answer["after"])

    assert (first["done"], first["again_in"]) == (False, 0)
    assert first["events"][0]["data"]["state"] == "waiting"
    assert [line["text"] for data in told for line in data["lines"]] == ["a", "b"]


def test_a_poll_that_need_not_wait_does_not(visitor, client):
    """And one that has no cursor gets all at once."""
    ref = client.add("task").ref
    first = visitor.poll([ref], wait=0)
    second = visitor.poll([ref], wait=0, after=first["after"])

    assert [event["event"] for event in first["events"]] == ["task"]
    assert second == {"events": [], "after": first["after"], "done": False, "again_in": 0}


def test_a_poll_is_answered_when_something_happens(visitor, client):
    """Within its time, and not at the end of it."""
    ref = client.add("task").ref
    cursor = visitor.poll([ref])["after"]
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(visitor.poll([ref], after=cursor, wait=25)))
    waiting.start()
    Attempt(client).tell(30)
    while not answers or not answers[-1]["events"]:
        waiting.join(60)
        answers.append(visitor.poll([ref], after=cursor))

    assert answers[-1]["events"][0]["data"]["state"] == "running"


def test_a_task_that_waits_is_told_again_with_the_poll_behind_one_without_news(visitor, client):
    """What is before it changes, though it does not."""
    ref = client.add("task").ref
    without_news = visitor.poll([ref], after=visitor.poll([ref])["after"], wait=1)
    again = visitor.poll([ref], after=without_news["after"], wait=25)

    assert without_news["events"] == []
    assert [event["data"]["state"] for event in again["events"]] == ["waiting"]


def test_a_broken_time_is_refused(some_visitor, client):
    """And a longer one is the longest."""
    ref = client.add("task").ref

    assert some_visitor.get("events", params={"refs": ref, "wait": "soon"}).status_code == 400
    assert some_visitor.get("events", params={"refs": ref, "wait": 10**9}).status_code == 200


def test_a_page_that_asks_for_a_stream_is_told_to_poll(open_polls, client):
    """It would hold a thread for as long as it is open."""
    ref = client.add("task").ref

    answer = open_polls().get("events", params={"refs": ref}, headers={"Accept": "text/event-stream"})

    assert (answer.status_code, answer.json()["poll"]) == (406, True)


def test_pages_that_wait_leave_threads_for_others(open_polls, client):
    """A page that gets no thread to wait in gets its answer at once, and is told when to come again."""
    ref = client.add("task").ref
    visitor = open_polls(limits=Limits(waiting_threads=0))
    cursor = visitor.poll([ref])["after"]

    answer = visitor.poll([ref], after=cursor)

    assert answer == {"events": [], "after": cursor, "done": False, "again_in": 2.0}


def test_a_server_with_one_thread_holds_no_poll(client):
    """It would answer nobody else."""
    from lilota_status.wsgi import status_wsgi

    app = status_wsgi(client, allow=lambda _request, _task, _action: True)
    ref = client.add("task").ref
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/events", "wsgi.multithread": False}

    def poll(after):
        pieces = app({**environ, "QUERY_STRING": f"refs={ref}&after={after}"}, lambda *_arguments: None)
        return b"".join(pieces)

    import json

    cursor = json.loads(poll(""))["after"]

    assert json.loads(poll(cursor))["again_in"] == 2.0
