"""What the elements say while the store is away, and what they show when it is back."""

from __future__ import annotations

import pytest
import shown_tasks
from lilota_test_servers import PostgresServer
from lilota_test_servers.availability import available_or_skip
from looking import part

from lilota import TaskRunner

expect = pytest.importorskip("playwright.sync_api").expect

_AWAY = "No connection. Trying again…"
_SENTENCE = "The tasks can't be asked just now. This goes on by itself as soon as they can."


@pytest.fixture(scope="module")
def postgres():
    """A PostgreSQL server of this module's, which its tests stop and start again."""
    server = available_or_skip(PostgresServer)
    yield server
    server.close()


@pytest.fixture(scope="module")
def runner(postgres, tmp_path_factory):
    """A runner on that server, with the tasks that are looked at."""
    files = tmp_path_factory.mktemp("files").as_uri()
    runner = TaskRunner(postgres.create_database(), ref_keys=["k" * 32], number_of_processes=2, files=files)
    for task in shown_tasks.ALL:
        runner.register(task)
    with runner:
        yield runner


@pytest.fixture(autouse=True)
def _up_again(postgres, add):
    """The server runs after each test, before its tasks are cancelled."""
    yield
    postgres.start()


def test_elements_say_that_the_store_is_away_and_show_the_end_that_they_missed(visitor, see, add, go_on, postgres):
    """In words, and by themselves: the runner goes on meanwhile, and writes what it has done as soon as it can."""
    page = see(add(shown_tasks.thumbnails), add(shown_tasks.report))
    go_on(1)
    message, trouble = part(page, "message"), part(page, "trouble")
    expect(message).to_have_text(["photograph 1", "Reading the ledger"])

    postgres.stop()
    expect(trouble).to_have_text([_AWAY, _AWAY])
    assert visitor.grave_findings(page) == []
    visitor.photograph(page, "elements-store-away")
    go_on(2, 3, 4)
    postgres.start()

    expect(part(page, "state")).to_have_text(["Done", "Running"])
    expect(trouble.first).to_be_hidden()
    expect(trouble.last).to_be_hidden()
    expect(part(page, "files").get_by_role("link")).to_have_text(["thumbnails.zip"])


def test_elements_of_a_page_that_is_opened_while_the_store_is_away_come_when_it_is_back(see, add, postgres):
    """Until then they say that they can't be asked."""
    handle = add(shown_tasks.report)
    postgres.stop()
    page = see(handle)
    expect(part(page, "trouble")).to_have_text(_AWAY)

    postgres.start()

    expect(part(page, "message")).to_have_text("Reading the ledger")
    expect(part(page, "trouble")).to_be_hidden()


def test_the_page_of_a_task_is_a_sentence_while_the_store_is_away(visitor, site, add, postgres):
    """It tells nothing of the server."""
    visitor.forgiven.append("the server responded with a status of 503")
    handle = add(shown_tasks.report)
    postgres.stop()

    page = visitor.open(f"{site.url}/tasks/{handle.ref}")

    expect(page.locator("main")).to_contain_text(_SENTENCE)
    assert "PostgreSQL" not in page.content()
    assert visitor.grave_findings(page) == []
