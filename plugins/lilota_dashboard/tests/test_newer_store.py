"""What is said of a store that a newer lilota has written."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

import pytest
from lilota_dashboard import dashboard_app
from running import RunningDashboard, serving

_SENTENCE = "needs a lilota that knows at least version 999"
_REMEDY = "Upgrade lilota-sqlite-store."


#: How long a process that has the store open may take to notice.
_PATIENCE_SECONDS = 60


def make_newer(url):
    """Have a store say that only a newer lilota can read it."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE meta SET value = 999 WHERE key IN ('schema_version', 'min_reader')")
        connection.commit()


def wait_for_trouble(site):
    """Open a page again and again, until it says that the store can't be used."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while site.get("/").status != 503:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_dashboard_does_not_start_on_a_newer_store(store_url, tmp_path):
    """It says so in one line, with the remedy."""
    make_newer(store_url)

    with pytest.raises(AssertionError, match=_SENTENCE) as refused:
        RunningDashboard(store_url, tmp_path)

    said = str(refused.value).partition("Error: ")[2].strip()
    assert said.endswith(_REMEDY)
    assert "\n" not in said


def test_a_mounted_dashboard_says_that_its_store_has_become_newer(client, store_url):
    """Each page is that sentence; the application goes on."""
    client.add("endless")
    app = dashboard_app(client, authorize=lambda _request: True)

    with serving(app) as site:
        assert site.get("/").status == 200
        make_newer(store_url)
        wait_for_trouble(site)
        answers = [site.get(path) for path in ("/", "/tasks", "/tasks/1", "/names", "/store")]

    assert [answer.status for answer in answers] == [503] * 5
    assert all(_SENTENCE in answer.text and _REMEDY in answer.text for answer in answers)
