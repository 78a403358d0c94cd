"""What visitors are told of a store that a newer lilota has written."""

from __future__ import annotations

import sqlite3
from contextlib import closing


def test_a_store_that_has_become_newer_is_trouble_and_its_remedy_is_in_the_log(visitor, client, url, caplog):
    """A visitor can't upgrade anything, and is told nothing of the server."""
    ref = client.add("task").ref
    client.store.close()  # as when it connects again
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE meta SET value = 999 WHERE key = 'min_reader'")
        connection.commit()

    told, page = visitor.get(ref), visitor.get(ref, headers={"Accept": "text/html"})

    sentence = "The tasks can't be asked just now. This goes on by itself as soon as they can."
    assert (told.status_code, told.json()) == (503, {"error": sentence})
    assert page.status_code == 503
    assert all(text not in page.text for text in (url, "Upgrade", "Traceback"))
    assert "Upgrade lilota-sqlite-store." in caplog.text
