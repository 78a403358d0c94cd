"""The elements where each request holds a thread: they poll by themselves, and show the same."""

from __future__ import annotations

import pytest
import shown_tasks
from lilota_status.wsgi import status_wsgi
from looking import button, events_of, part
from sites import WsgiSite

expect = pytest.importorskip("playwright.sync_api").expect

#: That there are no streams, the browser writes into its console.
_NO_STREAMS = "status of 406"


@pytest.fixture(scope="module")
def site(runner):
    site = WsgiSite(status_wsgi(runner.client, allow=lambda *_: True, owner=lambda _environ: "Ann"))
    yield site
    site.stop()


@pytest.fixture(autouse=True)
def _forgive(visitor):
    visitor.forgiven.append(_NO_STREAMS)


def test_a_task_is_seen_from_its_start_to_its_end(visitor, see, add, go_on):
    """After one stream that was refused, there are long polls."""
    page = see(add(shown_tasks.thumbnails))
    button(page, "Log").click()
    for step in range(1, 4):
        go_on(step)
        expect(part(page, "message")).to_have_text(f"photograph {step}")
    go_on(4)

    expect(part(page, "state")).to_have_text("Done")
    expect(part(page, "log").locator("div")).to_have_text([f"photograph {step} of 4" for step in range(1, 5)])
    expect(part(page, "trouble")).to_be_hidden()
    assert visitor.count_requests("&wait=25") >= 2


def test_a_running_task_is_cancelled(see, add):
    """As by a stream."""
    page = see(add(shown_tasks.report))
    expect(part(page, "state")).to_have_text("Running")

    button(page, "Cancel").click()

    expect(part(page, "state")).to_have_text("Cancelled")


def _answer_next_polls(page, *, by, number=1):
    """Have the next polls answered by a function instead of the server, and return what tells how many it was."""
    answered = []

    def answer(route):
        if len(answered) < number:
            answered.append(route.request.url)
            by(route)
        else:
            route.continue_()

    page.route("**/events?*&wait=*", answer)
    return lambda: len(answered)


def test_a_poll_that_is_refused_is_trouble_at_once_and_over_with_the_next(visitor, see, add):
    """Though the task has no news."""
    visitor.forgiven.append("status of 503")
    page = see(add(shown_tasks.report))
    expect(part(page, "message")).to_have_text("Reading the ledger")
    heard = events_of(page, "lilota-trouble")

    refused = _answer_next_polls(page, by=lambda route: route.fulfill(status=503, json={"error": "Away."}))
    _let_polls_go_on(page)
    visitor.until(page, heard, "the trouble")

    expect(part(page, "trouble")).to_be_hidden()
    assert refused() == len(heard()) == 1


def test_a_poll_without_an_answer_is_trouble_when_it_is_not_the_only_one(visitor, see, add, go_on):
    """A browser ends the polls of a page that is being left, and such a page says nothing any more."""
    visitor.forgiven.append("ERR_FAILED")
    page = see(add(shown_tasks.thumbnails))
    go_on(1)
    expect(part(page, "message")).to_have_text("photograph 1")
    heard = events_of(page, "lilota-trouble")

    failed = _answer_next_polls(page, by=lambda route: route.abort())
    _let_polls_go_on(page)
    visitor.until(page, failed, "the poll")
    go_on(2)
    expect(part(page, "message")).to_have_text("photograph 2")
    assert heard() == []

    _answer_next_polls(page, by=lambda route: route.abort(), number=2)
    _let_polls_go_on(page)
    visitor.until(page, heard, "the trouble")
    expect(part(page, "trouble")).to_be_hidden()


def _let_polls_go_on(page):
    """Have the element ask anew, as after a moment in which nobody saw the page."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_two_elements_share_one_poll(visitor, see, add, go_on):
    """However many there are on a page."""
    page = see(*(add(shown_tasks.thumbnails) for _ in range(2)))
    go_on(1)
    expect(part(page, "message")).to_have_text(["photograph 1", "photograph 1"])

    polls = [request for request in visitor.requests if "&wait=" in request]
    assert all(request.count("%2C") == 1 for request in polls)
