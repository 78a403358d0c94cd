"""Two people who act at once, and clocks and time zones that differ from those of the server."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect


@pytest.fixture
def enter_twice(enter, new_visitor):
    """Return what opens a page for two people; nothing tells the second what the first one does."""

    def go(path):
        other = new_visitor()
        other.forgiven.append("net::ERR_FAILED")
        first, second = enter(path), enter(path, other)
        second.route("**/events/**", lambda route: route.abort())
        second.reload()
        return first, second, other

    return go


def test_who_cancels_a_task_that_another_has_cancelled_sees_that_it_is_cancelled(enter_twice, client):
    """Both have the button before them; the second has what they wanted, and nothing is done twice."""
    task = client.add("endless")
    first, second, _other = enter_twice(f"/tasks/{task.id}")
    first.get_by_role("button", name="Cancel").click()
    expect(first.locator("#task .state").first).to_have_text("cancelled")

    second.get_by_role("button", name="Cancel").click()

    expect(second.locator("#task .state").first).to_have_text("cancelled")
    expect(second.get_by_role("button", name="Cancel")).to_have_count(0)
    assert client.get(task.id).info().state.value == "cancelled"


def test_who_retries_a_task_that_another_has_retried_is_told_why_it_is_not(enter_twice, client):
    """The second gets a sentence; the task runs again once."""
    task = client.add("endless")
    task.cancel()
    first, second, other = enter_twice(f"/tasks/{task.id}")
    other.forgiven.append("the server responded with a status of 409")
    first.get_by_role("button", name="Retry").click()
    expect(first.locator("#task .state").first).to_have_text("waiting")

    second.get_by_role("button", name="Retry").click()

    said = f"The task {task.id} has not ended; only a failed or cancelled task can be retried."
    expect(second.locator("main").get_by_text(said)).to_be_visible()
    assert client.get(task.id).info().state.value == "pending"


@pytest.mark.parametrize("hours", [-1, 1])
def test_ages_are_right_in_a_browser_whose_clock_is_wrong(enter, visitor, client, hours):
    """The page tells what time it is at the server."""
    task = client.add("endless")
    visitor.context.clock.install(time=datetime.now(UTC) + timedelta(hours=hours))
    page = enter(f"/tasks/{task.id}")
    visitor.context.clock.run_for(5000)

    # Seconds or minutes, however slow the machine: not an hour.
    expect(page.locator("#task dd time").first).to_have_text(re.compile(r"^(just now|\d+ s ago|\d+ min ago)$"))
