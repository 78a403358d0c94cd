"""Acting on many tasks takes several requests: one click is enough, or one for each where no script runs."""

from __future__ import annotations

import pytest
from lilota_dashboard import dashboard_app
from playwright.sync_api import expect
from running import serving

#: Two steps and a half.
NUMBER = 250


@pytest.fixture
def site(client, monkeypatch):
    """An application with the dashboard and that many tasks, in which each request does one step."""
    monkeypatch.setattr("lilota_dashboard.pages.bulk._REQUEST_SECONDS", 0)
    client.add_many([{"name": "endless"}] * NUMBER)
    with serving(dashboard_app(client, authorize=lambda _request: True, allow_actions=True)) as site:
        yield site


def cancel_all(visitor, site):
    page = visitor.open(f"http://127.0.0.1:{site.port}/tasks/all?action=cancel&state=pending")
    page.get_by_role("button", name=f"Cancel {NUMBER}").click()
    return page


def test_one_click_is_enough(site, visitor, client):
    """The page asks for the next step by itself, and counts on."""
    page = cancel_all(visitor, site)

    expect(page.get_by_role("heading", name=f"Cancelled {NUMBER} tasks", exact=True)).to_be_visible()
    assert {row.state: row.count for row in client.counts()} == {"cancelled": NUMBER}


def test_without_a_script_each_step_has_a_button(site, new_visitor):
    """And says how many tasks were dealt with so far."""
    page = cancel_all(new_visitor(java_script_enabled=False), site)

    expect(page.get_by_role("heading", name="Cancelled 100 tasks so far")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Cancelled 200 tasks so far")).to_be_visible()
