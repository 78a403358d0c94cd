"""What the elements do when the server is away, when no stream comes through, and when nobody looks."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import shown_tasks
from looking import bar, button, events_of, part

expect = pytest.importorskip("playwright.sync_api").expect

_NO_CONNECTION = "No connection. Trying again…"
#: What a browser says when a server ends depends on how far it was with a connection.
_NO_ANSWER = "net::ERR_"


def test_an_element_goes_on_after_the_server_was_away(visitor, site, see, add, go_on):
    """Meanwhile it says so, to people and to the page; then it shows what has happened since."""
    visitor.forgiven.append(_NO_ANSWER)
    page = see(add(shown_tasks.thumbnails))
    heard = events_of(page, "lilota-trouble")
    go_on(1)
    expect(part(page, "message")).to_have_text("photograph 1")

    site.stop()
    expect(part(page, "trouble")).to_have_text(_NO_CONNECTION)
    go_on(2)
    site.start()

    expect(part(page, "message")).to_have_text("photograph 2")
    expect(part(page, "trouble")).to_be_hidden()
    assert heard()[0][0] == "lilota-trouble"


def test_the_trouble_is_over_when_the_server_is_back_though_there_is_no_news(visitor, site, see, add):
    """A task may say nothing for hours; the page has a stream again."""
    visitor.forgiven.append(_NO_ANSWER)
    page = see(add(shown_tasks.report))
    expect(part(page, "message")).to_have_text("Reading the ledger")

    site.stop()
    expect(part(page, "trouble")).to_have_text(_NO_CONNECTION)
    site.start()

    expect(part(page, "trouble")).to_be_hidden()
    assert visitor.count_requests("&wait=") == 0


def test_lines_of_a_log_are_there_once_after_the_server_was_away(visitor, site, see, add, go_on):
    """Those that were missed come, and none comes twice."""
    visitor.forgiven.append(_NO_ANSWER)
    page = see(add(shown_tasks.thumbnails))
    button(page, "Log").click()
    go_on(1)
    expect(part(page, "log").locator("div")).to_have_count(1)

    site.stop()
    expect(part(page, "trouble")).to_have_text(_NO_CONNECTION)
    go_on(2, 3)
    site.start()

    lines = [f"photograph {step} of 4" for step in (1, 2, 3)]
    expect(part(page, "log").locator("div")).to_have_text(lines)


def test_where_a_stream_is_held_back_the_element_polls(new_visitor, site, add, go_on):
    """A proxy that waits for the end of an answer never gets one."""
    visitor = new_visitor()
    handle = add(shown_tasks.thumbnails)
    visitor.context.route(
        "**/events?*",
        lambda route: None if "event-stream" in route.request.headers["accept"] else route.continue_(),
    )
    page = visitor.open(site.with_page(f'<lilota-task ref="{handle.ref}"></lilota-task>'))
    go_on(1)
    expect(part(page, "message")).to_have_text("photograph 1")
    go_on(2)

    expect(part(page, "message")).to_have_text("photograph 2")
    assert visitor.count_requests("&wait=") >= 2


def test_a_hidden_page_asks_nothing_and_catches_up(visitor, see, add, go_on):
    """Nobody looks at it."""
    handle = add(shown_tasks.thumbnails)
    page = see(handle)
    go_on(1)
    expect(part(page, "message")).to_have_text("photograph 1")

    _set_hidden(page, "true")
    # Timers run in their order: then that of the element has run, too.
    page.evaluate("new Promise(resolve => setTimeout(resolve, 200))")
    go_on(2)
    visitor.until(page, lambda: handle.info().progress.message == "photograph 2", "the second photograph")
    page.evaluate("fetch('/tasks/mine').then(answer => answer.text())")

    assert part(page, "message").text_content() == "photograph 1"
    _set_hidden(page, "false")
    expect(part(page, "message")).to_have_text("photograph 2")


def _set_hidden(page, value):
    page.evaluate(
        f"""Object.defineProperty(document, "hidden", {{value: {value}, configurable: true}});
            document.dispatchEvent(new Event("visibilitychange"))"""
    )


def test_the_clock_of_the_browser_may_be_wrong(visitor, see, add, go_on):
    """It is a day behind; what is said to be left is seconds or minutes, as the server sees it."""
    visitor.context.clock.set_fixed_time(datetime.now(UTC) - timedelta(days=1))
    handle = add(shown_tasks.thumbnails, 10_000)
    page = see(handle)
    for step in range(1, 30):
        go_on(step)
        visitor.until(page, lambda step=step: handle.info().progress.step == step, "a step")

    expect(part(page, "details")).to_have_text(re.compile("about .* left"))
    assert "day" not in part(page, "details").text_content()
    expect(bar(page)).to_have_attribute("aria-valuetext", re.compile("left"))


def test_more_elements_than_a_stream_takes_have_two(visitor, site, runner):
    """A stream is for a hundred tasks at most."""
    handles = runner.client.add_many([{"name": shown_tasks.invoice.bind(), "delay_seconds": 3600} for _ in range(101)])
    page = visitor.open(site.with_page("".join(f'<lilota-task ref="{one.ref}"></lilota-task>' for one in handles)))

    expect(part(page, "state")).to_have_text(["Waiting"] * 101)
    assert visitor.count_requests("/events?") == 2
    for handle in handles:
        handle.cancel()
