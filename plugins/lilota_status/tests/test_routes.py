"""What each address answers, in every kind of server."""

from __future__ import annotations

import pytest
from attempts import Attempt
from servers import until
from watched_tasks import quick, wait_for

from lilota.models import TaskState

HTML = {"Accept": "text/html,application/xhtml+xml"}


def test_a_task_that_waits(visitor, client):
    """Nothing is known of its end, and it can be cancelled."""
    ref = client.add("draw_report").ref

    seen = visitor.get(ref)

    assert seen.status_code == 200
    assert seen.headers["Cache-Control"] == "no-store"
    assert seen.headers["X-Content-Type-Options"] == "nosniff"
    told = seen.json()
    assert (told["ref"], told["name"], told["title"], told["state"]) == (
        ref,
        "draw_report",
        "Draw report",
        "waiting",
    )
    assert (told["percentage"], told["message"], told["error"], told["has_result"]) == (None, None, None, False)
    assert told["actions"] == ["logs", "files", "cancel"]
    assert told["created_at"].endswith("Z")
    assert told["links"]["cancel"] == f"{visitor.base}/{ref}/cancel"


def test_a_task_that_waits_for_its_turn_is_told_its_place(some_visitor, runner, tmp_path):
    """And when about it starts, as far as others of its name have shown how long they take."""
    runner.add(quick.bind()).result(60)
    gate = tmp_path / "gate"
    runner.add(wait_for.bind(path=str(gate)))
    refs = [runner.add(quick.bind()).ref for _ in range(2)]

    # The last one is told by its place: what a runner has taken too early, and given back, goes behind the other.
    told = until(
        lambda: [some_visitor.get(ref).json() for ref in refs], lambda seen: 1 in {one["before"] for one in seen}
    )
    gate.write_text("open")

    assert [some_visitor.until(ref, "succeeded")["before"] for ref in refs] == [None, None]
    assert {one["state"] for one in told} <= {"waiting", "running"}  # a runner may have taken it already


def test_a_task_that_fails_tells_its_error_and_no_traceback(visitor, client):
    """Nor the type of the error, nor a path."""
    ref = client.add("task").ref
    Attempt(client).fail("The photo is broken")

    told = visitor.get(ref)

    assert (told.json()["state"], told.json()["error"]) == ("failed", "The photo is broken")
    assert "secret.py" not in told.text
    assert "ValueError" not in told.text


def test_a_browser_gets_a_page_that_works_without_a_script(visitor, client):
    """It loads itself again while the task goes on, and has a button to cancel."""
    ref = client.add("task", "A report").ref
    attempt = Attempt(client)
    attempt.tell(40, note='{"message": "Drawing"}')

    running = visitor.get(ref, headers=HTML)
    attempt.succeed()
    ended = visitor.get(ref, headers=HTML)

    assert running.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in running.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in running.headers["Content-Security-Policy"]
    assert '<noscript><meta http-equiv="refresh"' in running.text
    assert '<progress max="100" value="40.0"' in running.text
    assert "Drawing" in running.text
    assert f'<form method="post" action="{ref}/cancel">' in running.text
    assert "refresh" not in ended.text
    assert "<form" not in ended.text


def test_the_button_of_the_page_leads_back_to_it(visitor, client):
    """By an address of the server's own, whatever was asked for."""
    handle = client.add("task")

    answer = visitor.http.post(
        f"{visitor.base}/{handle.ref}/cancel?next=https://evil.example/",
        headers={**HTML, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"},
    )

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("../")
    assert "evil" not in answer.headers["Location"]
    assert handle.info().state is TaskState.CANCELLED
    assert visitor.http.get(answer.url.join(answer.headers["Location"])).json()["state"] == "cancelled"


def test_the_log_is_read_page_by_page(visitor, client):
    """With the number of each line."""
    ref = client.add("task").ref
    Attempt(client).tell(lines=[f"line {number}" for number in range(1, 701)])

    first = visitor.get(f"{ref}/logs").json()
    second = visitor.get(f"{ref}/logs", params={"after": first["next"]}).json()

    assert (len(first["lines"]), first["next"], first["more"]) == (500, 500, True)
    assert (len(second["lines"]), second["next"], second["more"]) == (200, 700, False)
    assert second["lines"][0] == {"number": 501, "at": "1970-01-01T00:00:00Z", "level": "INFO", "text": "line 501"}
    assert visitor.get(f"{ref}/logs?after=9999").json() == {"lines": [], "next": 9999, "more": False}


def test_a_log_has_the_lines_of_the_task_and_none_of_lilota(visitor, client):
    """Those name machines and paths of the server. The numbers tell that there are more, so that a page reads on."""
    ref = client.add("task").ref
    attempt = Attempt(client)
    attempt.tell(lines=["Runs on node-7, process 4711."], source="lilota")
    attempt.tell(lines=["printed"], source="output")
    attempt.tell(lines=["logged"])

    log = visitor.get(f"{ref}/logs").json()

    assert [(line["number"], line["text"]) for line in log["lines"]] == [(2, "printed"), (3, "logged")]
    assert log["next"] == 3


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "9" * 100, "%31%00", "%EF%BC%91"])
def test_a_broken_number_is_refused_with_a_sentence(some_visitor, client, after):
    """The name of the parameter is in it."""
    ref = client.add("task").ref

    answer = some_visitor.get(f"{ref}/logs?after={after}")

    assert answer.status_code == 400
    assert answer.json() == {"error": "'after' must be a whole number from 0 on."}


def test_a_result_is_there_when_the_task_has_succeeded(visitor, client):
    """Before, it is a conflict, and so it is when the task has failed. Secrets are masked."""
    ref, failing = client.add("task").ref, client.add("task").ref
    attempt = Attempt(client)
    early = visitor.get(f"{ref}/result")
    attempt.succeed('{"pages": 12, "api_key": "abc"}')
    Attempt(client).fail("No paper")

    assert (early.status_code, early.json()["error"]) == (409, "There is no result: the task is running.")
    assert visitor.get(f"{ref}/result").json() == {"result": {"pages": 12, "api_key": "***"}}
    failed = visitor.get(f"{failing}/result")
    assert (failed.status_code, failed.json()["error"]) == (409, "No paper")
    assert visitor.get(ref).json()["has_result"] is True
    assert "result" in visitor.get(ref).json()["actions"]


def test_a_running_task_is_asked_to_end(visitor, client):
    """The answer is the task as it is then."""
    ref = client.add("task").ref
    Attempt(client)

    told = visitor.post(f"{ref}/cancel").json()

    assert (told["state"], told["cancel_requested"], "cancel" in told["actions"]) == ("running", True, False)


def test_cancelling_a_task_that_has_just_ended_changes_nothing(visitor, client):
    """Two people may act at once, and the task may be quicker than both."""
    ref = client.add("task").ref
    Attempt(client).succeed()

    answers = [visitor.post(f"{ref}/cancel") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert {answer.json()["state"] for answer in answers} == {"succeeded"}


def test_the_script_and_the_stylesheet_are_kept_by_browsers(visitor):
    """By their hash."""
    for name, media_type in (("lilota.js", "text/javascript"), ("lilota.css", "text/css")):
        answer = visitor.get(name)
        again = visitor.get(name, headers={"If-None-Match": answer.headers["ETag"]})

        assert answer.headers["Content-Type"].startswith(media_type)
        assert answer.headers["Cache-Control"] == "max-age=300"
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("DELETE", "{ref}", "GET, HEAD"), ("POST", "{ref}/logs", "GET, HEAD"), ("GET", "{ref}/cancel", "POST"),
     ("OPTIONS", "{ref}/cancel", "POST"), ("PUT", "lilota.js", "GET, HEAD")],
)  # fmt: skip
def test_other_methods_are_refused(some_visitor, client, method, path, allowed):
    """A GET never changes anything, and a preflight from elsewhere gets no permission."""
    handle = client.add("task")

    answer = some_visitor.http.request(
        method, f"{some_visitor.base}/{path.format(ref=handle.ref)}", headers={"Origin": "https://evil.example"}
    )

    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert handle.info().state is TaskState.PENDING


def test_a_head_has_no_body(visitor, client):
    """But all that a GET says of it."""
    ref = client.add("task").ref

    answer = visitor.http.head(f"{visitor.base}/{ref}")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", ["", "x", "x/y", "x/y/z/1", "events/x", "mine/x", "static/lilota.js", "%2e%2e/x"])
def test_other_addresses_lead_nowhere(some_visitor, path):
    """Nothing of the server is told."""
    answer = some_visitor.get(path)

    assert answer.status_code in {404, 301}
    assert "Traceback" not in answer.text
