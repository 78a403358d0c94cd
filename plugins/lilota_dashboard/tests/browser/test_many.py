"""Filters over 100,000 tasks, in a real browser: what is shown, how far the page has looked, and what is acted on."""

from __future__ import annotations

import re

import pytest
from filled import fill
from msgspec.structs import replace
from playwright.sync_api import expect

from lilota.client import TaskClient
from lilota.contract import StoredTask
from lilota.models import TaskState

NUMBER = 100_000
OLDEST = {"description": "The oldest of all", "state": TaskState.FAILED, "output_json": None}


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A store with the tasks; the oldest of them all has failed, alone with its description."""
    url = f"sqlite:///{tmp_path_factory.mktemp('many')}/lilota.db"
    with TaskClient(url, accept_unknown_names=True) as client:
        fill(client.store, NUMBER, first_id=2)
        client.store.restore([StoredTask(info=replace(client.get(2).info(), id=1, token=1, **OLDEST))])
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
    first = rows(page).locator("td:first-child").all_inner_texts()
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile(rf"after={first[-1]}"))
    second = rows(page).locator("td:first-child").all_inner_texts()
    page.keyboard.press("p")
    expect(page).not_to_have_url(re.compile("after="))

    assert rows(page).locator("td:first-child").all_inner_texts() == first
    assert not set(first) & set(second)
    assert max(map(int, second)) < min(map(int, first))


def test_a_page_says_how_far_it_looked_and_goes_on(enter):
    """Where no index answers a filter, nobody waits, and "nothing" is not said of what was not looked at."""
    page = enter("/tasks?q=the+oldest+of+all")

    expect(page.locator("#results")).to_contain_text("Nothing matches so far")
    expect(page.locator("#results")).to_contain_text("Looked at 2,000 tasks.")
    page.get_by_role("link", name="Go on").click()
    expect(page).to_have_url(re.compile("after="))


def test_what_matches_far_behind_is_retried_too(enter, many):
    """The preview has seen only the newest tasks: it says so, and does not say that there are none."""
    page = enter("/tasks/all?action=retry&q=the+oldest+of+all")
    expect(page.get_by_role("heading", name="Retry all tasks that match?")).to_be_visible()
    with page.expect_navigation():
        page.get_by_role("button", name="Retry all that match").click()
    with TaskClient(many) as client:
        while client.get(1).info().state.is_terminal:
            with page.expect_navigation():
                page.get_by_role("button", name="Go on").click()

        assert client.get(1).info().state is TaskState.PENDING
