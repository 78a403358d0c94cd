"""Two people who act at once, and clocks and time zones that differ from those of the server."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect


def test_who_cancels_a_task_that_another_has_cancelled_gets_a_true_sentence(enter, new_visitor, client):
    """Both have the button before them; the second is told what the task is, and nothing is done twice."""
    task = client.add("endless")
    other = new_visitor()
    other.forgiven.append("the server responded with a status of 409")
    first, second = enter(f"/tasks/{task.id}"), enter(f"/tasks/{task.id}", other)
    # Nothing tells the second page: its stream is cut.
    second.route("**/events/**", lambda route: route.abort())
    other.forgiven.append("net::ERR_FAILED")
    second.reload()
    first.get_by_role("button", name="Cancel").click()
    expect(first.locator("#task .state").first).to_have_text("cancelled")

    second.get_by_role("button", name="Cancel").click()

    expect(second.locator("main")).to_contain_text("cancelled")
    assert client.get(task.id).info().state.value == "cancelled"


@pytest.mark.parametrize("hours", [-1, 1])
def test_ages_are_right_in_a_browser_whose_clock_is_wrong(enter, visitor, client, hours):
    """The page tells what time it is at the server."""
    task = client.add("endless")
    visitor.context.clock.install(time=datetime.now(UTC) + timedelta(hours=hours))
    page = enter(f"/tasks/{task.id}")
    visitor.context.clock.run_for(5000)

    # Seconds or minutes, however slow the machine: not an hour.
    expect(page.locator("#task dd time").first).to_have_text(re.compile(r"^(just now|\d+ s ago|\d+ min ago)$"))
