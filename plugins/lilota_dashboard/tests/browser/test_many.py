"""Filters over 200,000 tasks, in a real browser: what is shown, how far the page has looked, and what is acted on."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from filled import fill
from msgspec.structs import replace
from playwright.sync_api import expect

from lilota.client import TaskClient
from lilota.contract import StoredTask
from lilota.models import TaskState

#: So many tasks wait, and as many have ended.
NUMBER = 100_000
GUESTS = 400
NOT_BEGUN = {
    "started_at": None,
    "finished_at": None,
    "attempt": 0,
    "token": 0,
    "output_json": None,
    "error": None,
    "reported_progress": 0.0,
}
OLDEST = {"description": "The oldest of all", "state": TaskState.FAILED, "output_json": None}


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A store with the tasks; the oldest of them all has failed, alone with its description; others wait."""
    url = f"sqlite:///{tmp_path_factory.mktemp('many')}/lilota.db"
    with TaskClient(url, accept_unknown_names=True) as client:
        fill(client.store, NUMBER, first_id=NUMBER + 2)
        ended = client.get(NUMBER + 2).info()
        client.store.restore([StoredTask(info=replace(ended, id=1, token=1, **OLDEST))])
        waiting = replace(ended, name="resize", description="", state=TaskState.PENDING, queue="albums", **NOT_BEGUN)
        client.store.restore(
            [
                StoredTask(info=replace(waiting, id=number + 2, owner=f"guest-{number % GUESTS}"))
                for number in range(NUMBER)
            ]
        )
    return url


@pytest.fixture
def store_url(many):
    """That of the module, for the fixtures that start a dashboard."""
    return many


def rows(page):
    return page.locator("#results tbody tr")


@pytest.mark.parametrize(
    ("query", "column"),
    [
        ("state=cancelled", "cancelled"),
        ("name=send_emails", "send_emails"),
        ("queue=mail", "mail"),
        ("owner=user-7", "user-7"),
        ("since=3h", "ago"),
        ("error=SMTPServer", "SMTPServerDisconnected"),
        ("q=newsletter+7", "Newsletter 7"),
        ("state=failed&name=import_orders&owner=user-7&error=amount", "OrderError"),
    ],
)
def test_each_filter_shows_what_matches_and_nothing_else(enter, query, column):
    """In every row."""
    page = enter(f"/tasks?{query}&limit=10")

    expect(rows(page).first).to_be_visible()
    expect(rows(page)).to_have_count(rows(page).filter(has_text=column).count())


def test_pages_go_on_by_key_and_back(enter):
    """No task is shown twice, and none is left out."""
    page = enter("/tasks?limit=50&queue=mail")
    ids = rows(page).locator("td:first-child")
    first = ids.all_inner_texts()
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile(rf"after={first[-1]}"))
    page.wait_for_load_state()  # before, the page may have no rows, and knows no keys
    second = ids.all_inner_texts()
    page.keyboard.press("p")
    expect(page).not_to_have_url(re.compile("after="))

    expect(ids).to_have_text(first)
    assert not set(first) & set(second)
    assert max(map(int, second)) < min(map(int, first))


def test_a_page_says_how_far_it_looked_and_goes_on(enter):
    """Where no index answers a filter, nobody waits, and "nothing" is not said of what was not looked at."""
    page = enter("/tasks?q=the+oldest+of+all")

    expect(page.locator("#results")).to_contain_text("Nothing matches so far")
    expect(page.locator("#results")).to_contain_text("Looked at 1,000 tasks.")
    page.get_by_role("link", name="Go on").click()
    expect(page).to_have_url(re.compile("after="))


def test_what_matches_far_behind_is_retried_too(enter, many):
    """The preview has seen only the newest tasks: it says so, and does not say that there are none."""
    page = enter("/tasks/all?action=retry&q=the+oldest+of+all")
    expect(page.get_by_role("heading", name="Retry all tasks that match?")).to_be_visible()
    page.get_by_role("button", name="Retry all that match").click()

    expect(page.get_by_role("heading", name="Retried 1 task", exact=True)).to_be_visible()
    with TaskClient(many) as client:
        assert client.get(1).info().state is TaskState.PENDING


def test_of_many_that_wait_those_are_cancelled_that_match(enter, many):
    """The preview says how many, the page then what became of them, and the others wait as before."""
    number = NUMBER // GUESTS
    with TaskClient(many) as client:
        before = counted(client)
        page = enter("/tasks?queue=albums&owner=guest-7")
        page.get_by_role("link", name="Cancel all of these").click()
        expect(page.get_by_role("heading", name=f"Cancel {number} tasks?")).to_be_visible()
        assert counted(client) == before

        page.get_by_role("button", name=f"Cancel {number}").click()
        expect(page.get_by_role("heading", name=f"Cancelled {number} tasks")).to_be_visible()

        after = counted(client)
        assert after - before == {("albums", "cancelled"): number}
        assert before - after == {("albums", "pending"): number}
    page.get_by_role("link", name="Back to the list").click()
    expect(page.locator("#results .state")).to_have_text(["cancelled"] * 50)


def counted(client):
    """Return how many tasks there are in each queue and state."""
    found = Counter()
    for row in client.store.counts():
        found[row.queue, row.state.value] += row.count
    return found
