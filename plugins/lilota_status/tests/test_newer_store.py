"""What visitors are told of a store that a newer lilota has written."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

import pytest
from lilota_status.asgi import status_app

#: How long a process that has the store open may take to notice.
_PATIENCE_SECONDS = 60


def set_min_reader(url, version):
    """Have a store say which lilota can read it."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'min_reader'", (version,))
        connection.commit()


def wait_for_trouble(visitor, ref):
    """Ask again and again, until it is said that tasks can't be asked."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while visitor.get(ref).status_code != 503:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_store_that_has_become_newer_is_trouble_and_its_remedy_is_in_the_log(visitor, client, url, caplog):
    """A visitor can't upgrade anything, and is told nothing of the server."""
    ref = client.add("task").ref
    set_min_reader(url, 999)
    wait_for_trouble(visitor, ref)

    told, page = visitor.get(ref), visitor.get(ref, headers={"Accept": "text/html"})

    sentence = "The tasks can't be asked just now. This goes on by itself as soon as they can."
    assert (told.status_code, told.json()) == (503, {"error": sentence})
    assert page.status_code == 503
    assert all(text not in page.text for text in (url, "Upgrade", "Traceback"))
    assert "Upgrade lilota-sqlite-store." in caplog.text


@pytest.mark.usefixtures("patient_streams")
def test_a_page_that_waits_for_news_goes_on_when_the_store_is_one_that_is_known_again(serve, client, url, caplog):
    """Meanwhile it is told of trouble, and the log of the server of the remedy; once, however often it is asked."""
    ref = client.add("task").ref
    visitor = serve(status_app(client, allow=lambda _request, _task, _action: True))

    with visitor.events([ref]) as events:
        first = next(events)
        set_min_reader(url, 999)
        trouble = next(events)
        set_min_reader(url, 4)
        back = next(events)

    assert [kind for kind, *_rest in (first, trouble, back)] == ["task", "trouble", "task"]
    assert "Upgrade" not in str(trouble)
    told = [record.getMessage() for record in caplog.records if "wait for news" in record.getMessage()]
    assert len(told) == 1
    assert told[0].endswith("Upgrade lilota-sqlite-store.")
