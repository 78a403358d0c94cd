"""<lilota-tasks> in a real browser: the tasks of who looks, or some that are named."""

from __future__ import annotations

import pytest
import shown_tasks
from looking import button, part

expect = pytest.importorskip("playwright.sync_api").expect


@pytest.fixture
def owner(request):
    """Somebody who has no other tasks; the runner is that of all tests of the module."""
    return f"Bob of {request.node.name}"


@pytest.fixture
def site(runner, owner):
    from lilota_status.asgi import status_app
    from sites import Site

    site = Site(status_app(runner.client, allow=lambda *_: True, owner=lambda _request: owner))
    yield site
    site.close()


@pytest.fixture
def visitor(site, visitor):
    """As elsewhere; it leaves before the site ends, which else would cut its stream."""
    return visitor


@pytest.fixture
def page(visitor, site):
    return visitor.open(site.with_page("<lilota-tasks></lilota-tasks>"))


def test_who_has_no_tasks_is_told(page):
    """The place is not just empty."""
    expect(page.get_by_text("No tasks yet.")).to_be_visible()


def test_the_tasks_of_an_owner_are_listed_and_live(visitor, page, add, go_on, owner):
    """The newest first; others' are not there. The page looks again when its code says so."""
    handles = [add(shown_tasks.invoice, owner=owner), add(shown_tasks.thumbnails, owner=owner)]
    add(shown_tasks.report, owner="Carol")
    visitor.until(page, lambda: handles[0].info().state == "failed", "the invoice fails")
    page.locator("lilota-tasks").evaluate("tasks => tasks.refresh()")
    expect(part(page, "title")).to_have_text(["Thumbnails of your photographs", "Invoice 20931"])

    go_on(1, 2, 3, 4)

    expect(part(page, "state")).to_have_text(["Done", "Failed"])
    assert visitor.count_requests("/events?") == 1


def test_a_look_for_new_tasks_leaves_the_others_as_they_are(page, add, owner):
    """Who reads a log goes on reading, and the focus stays; the new task is above it."""
    add(shown_tasks.invoice, owner=owner)
    page.reload()
    expect(part(page, "state")).to_have_text("Failed")
    button(page, "Log").focus()
    page.keyboard.press("Enter")
    expect(part(page, "log")).not_to_be_empty()
    page.locator("lilota-task").evaluate("element => { element.mark = 'the same' }")
    add(shown_tasks.thumbnails, owner=owner)

    page.locator("lilota-tasks").evaluate("tasks => tasks.refresh()")

    expect(part(page, "title")).to_have_text(["Thumbnails of your photographs", "Invoice 20931"])
    expect(part(page, "log").last).to_be_visible()
    assert page.locator("lilota-task").last.evaluate("element => element.mark") == "the same"
    page.keyboard.press("Enter")
    expect(part(page, "log").last).to_be_hidden()


def test_of_two_that_are_alike_each_keeps_its_element(page, runner, owner):
    """Added at once and called the same: a list has other references of them each time, and the same keys."""
    two = [{"name": shown_tasks.invoice.bind(), "owner": owner, "delay_seconds": 3600} for _ in range(2)]
    handles = runner.client.add_many(two)
    page.reload()
    tasks = page.locator("lilota-task")
    expect(part(page, "title")).to_have_text(["Invoice 20931"] * 2)
    tasks.evaluate_all("ones => ones.forEach((one, place) => { one.mark = place })")
    handles[1].cancel()

    page.locator("lilota-tasks").evaluate("tasks => tasks.refresh()")

    expect(part(page, "state")).to_have_text(["Cancelled", "Waiting"])
    assert tasks.evaluate_all("ones => ones.map(one => one.mark)") == [0, 1]
    handles[0].cancel()


def test_more_are_shown_on_demand(page, runner, owner):
    """Twenty at a time."""
    runner.client.add_many([{"name": shown_tasks.talk.bind(1), "owner": owner} for _ in range(25)])
    page.reload()
    expect(page.locator("lilota-task")).to_have_count(20)

    button(page, "More").click()

    expect(page.locator("lilota-task").nth(24)).to_be_attached()
    expect(button(page, "More")).to_have_count(0)


def test_tasks_can_be_named(visitor, site, add):
    """By their references, with spaces between them."""
    refs = " ".join(add(shown_tasks.report).ref for _ in range(3))

    page = visitor.open(site.with_page(f'<lilota-tasks refs="{refs}"></lilota-tasks>'))

    expect(part(page, "title")).to_have_text(["Yearly report"] * 3)
    assert visitor.count_requests("/events?") == 1


def test_none_that_are_named_are_none(visitor, site, add, owner):
    """An empty list of references does not stand for all tasks of the visitor."""
    add(shown_tasks.invoice, owner=owner)
    page = visitor.open(site.with_page('<lilota-tasks refs=""></lilota-tasks>'))

    expect(page.get_by_text("No tasks yet.")).to_be_visible()
    expect(page.locator("lilota-task")).to_have_count(0)


def test_axe_finds_nothing_grave(visitor, page, add, owner):
    """In a list of tasks."""
    add(shown_tasks.invoice, owner=owner)
    page.reload()
    expect(part(page, "title").first).to_be_visible()

    assert visitor.grave_findings(page) == []
