"""What open pages say while the store is away, and what they show when it is back."""

from __future__ import annotations

import re

import psycopg
import pytest
from lilota_test_servers import PostgresServer
from lilota_test_servers.availability import available_or_skip
from playwright.sync_api import expect

_GOES_ON = "The page goes on when the store is back."


@pytest.fixture(scope="module")
def postgres():
    """A PostgreSQL server of this module's, which its tests stop and start again."""
    server = available_or_skip(PostgresServer)
    yield server
    server.close()


@pytest.fixture
def store_url(postgres):
    """A store in PostgreSQL, which is up before and after each test, and is not waited for as long as usual."""
    from lilota.client import TaskClient

    url = postgres.create_database() + "&timeout_seconds=4"
    with TaskClient(url):
        yield url
    postgres.start()


@pytest.fixture
def enter(enter, visitor):
    """As for the other tests; a browser complains of an answer that says that the store is away."""
    visitor.forgiven.append("the server responded with a status of 503")
    return enter


def note(page):
    """Return what an open page says of the store."""
    return page.locator("#trouble")


def test_open_pages_say_that_the_store_is_away_and_go_on_when_it_is_back(enter, visitor, client, postgres):
    """In words, and without a reload: what somebody has typed or unfolded stays."""
    task = client.add("endless")
    overview, one = enter("/"), enter(f"/tasks/{task.id}")
    for page in (overview, one):
        expect(page.locator("#live")).to_have_text("live")
        page.evaluate("window.stays = true")

    postgres.stop()
    for page in (overview, one):
        expect(note(page)).to_contain_text(_GOES_ON)
        expect(note(page)).to_contain_text(re.compile("PostgreSQL.*(connect|reach)"))
        assert visitor.grave_findings(page) == []
        visitor.photograph(page, f"store-away-{'overview' if page is overview else 'task'}")
    postgres.start()

    for page in (overview, one):
        expect(note(page)).to_be_hidden()
        expect(page.locator("#live")).to_have_text("live")
    client.get(task.id).cancel()
    expect(one.locator("#task .state").first).to_have_text("cancelled")
    expect(overview.locator("#overview")).to_contain_text("cancelled")
    assert all(page.evaluate("window.stays") for page in (overview, one))


def test_a_task_that_ended_while_the_store_was_away_is_shown_so(enter, runner, postgres, tmp_path):
    """The runner writes it when it can, and the open page shows it, with the whole log."""
    task = runner.add("steps", "Copy", {"folder": str(tmp_path), "title": "maps"})
    page = enter(f"/tasks/{task.id}")
    expect(page.locator("#task")).to_contain_text("Copying maps, part 1")

    postgres.stop()
    expect(note(page)).to_contain_text(_GOES_ON)
    for step in "123":
        tmp_path.joinpath(step).touch()
    postgres.start()

    expect(page.locator("#task .state").first).to_have_text("succeeded")
    expect(note(page)).to_be_hidden()
    expect(page.locator("#log li")).to_have_count(4)


def test_open_pages_name_the_newer_lilota_below_them_and_go_on_when_it_has_gone(enter, visitor, client, store_url):
    """As when a backup is restored. Nothing of a table or a column that is missing."""
    task = client.add("endless")
    pages = enter("/"), enter(f"/tasks/{task.id}")
    for page in pages:
        expect(page.locator("#live")).to_have_text("live")

    change(store_url, "UPDATE lilota_meta SET value = 999 WHERE key = 'min_reader'")
    for page in pages:
        expect(note(page)).to_contain_text("needs a lilota that knows at least version 999")
        expect(note(page)).to_contain_text("Upgrade lilota-postgres-store.")
    visitor.photograph(pages[0], "store-newer-overview")
    change(store_url, "UPDATE lilota_meta SET value = 4 WHERE key = 'min_reader'")

    for page in pages:
        expect(note(page)).to_be_hidden()
        expect(page.locator("#live")).to_have_text("live")


def test_open_pages_say_that_a_table_has_gone_and_go_on_when_it_is_back(enter, client, store_url):
    """Nobody makes one table alone again: that is not promised."""
    client.add("endless")
    page = enter("/")
    expect(page.locator("#live")).to_have_text("live")

    change(store_url, "ALTER TABLE lilota_lanes RENAME TO mislaid")
    expect(note(page)).to_contain_text("some were renamed, changed or dropped. Put them back")
    change(store_url, "ALTER TABLE mislaid RENAME TO lilota_lanes")

    expect(note(page)).to_be_hidden()


def change(store_url, statement):
    """Change the tables of a store behind its back."""
    with psycopg.connect(store_url.partition("&timeout_seconds")[0], autocommit=True) as connection:
        connection.execute(statement)


def test_pages_that_are_opened_while_the_store_is_away_are_a_sentence(enter, visitor, client, postgres):
    """It says what is wrong; nothing of Python's is on it."""
    client.add("endless")
    page = enter("/")
    start = page.url
    postgres.stop()

    for path in ("", "tasks", "tasks/1", "tasks/all?action=cancel&name=endless", "names", "store"):
        page.goto(start + path)
        expect(page.locator("main")).to_contain_text("can't be reached. Check that the server runs")
        assert "Traceback" not in page.content()
        assert visitor.grave_findings(page) == []
        visitor.photograph(page, f"store-away-at-{path.partition('?')[0].replace('/', '-') or 'overview'}")
