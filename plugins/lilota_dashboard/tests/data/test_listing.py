"""Filters from the query of a URL: what they mean, what is refused, and pages that end in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from lilota_dashboard.data import listing
from stored import add_task, fail, keep_runner, start_task

from lilota.contract import TaskQuery
from lilota.contract.forwarding import ForwardingStore
from lilota.errors import ConfigurationError
from lilota.models import NewTask, TaskState

NOW = datetime(2030, 5, 17, 12, 0, tzinfo=UTC)


def asked(*parameters, now=None):
    return listing.asked(parameters, now)


def ids(page):
    return [row.id for row in page.rows]


def test_an_empty_query_means_all(client):
    """A form sends its empty fields, too; the newest task comes first."""
    added = client.store.add([NewTask(name="x")] * 3)

    wanted = asked(("q", ""), ("name", " "), ("since", ""))

    assert wanted.is_empty
    assert ids(listing.page_of_tasks(client, wanted)) == added[::-1]


def test_conditions_hold_together(client):
    """As in the command line."""
    failed = fail(client.store, "resize", "no route", queue="photos", owner="user-17")
    add_task(client.store, "resize", queue="photos", owner="user-17")
    fail(client.store, "resize", "no route", queue="photos", owner="user-18")

    wanted = asked(
        ("state", "failed"), ("name", "resize"), ("queue", "photos"), ("owner", "user-17"), ("error", "ROUTE")
    )

    assert ids(listing.page_of_tasks(client, wanted)) == [failed]


def test_a_filter_can_be_written_into_a_url_again():
    """So that the next page, a bulk action and a bookmark mean the same."""
    given = [("state", "failed"), ("state", "running"), ("name", "a b"), ("since", "2h"), ("error", "&"), ("q", "%")]

    assert asked(*given, ("after", "17"), now=NOW).parameters() == given


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("limit", "1000000"), "'limit' must be a whole number from 1 to 200"),
        (("limit", "0"), "'limit' must be a whole number"),
        (("limit", "-1"), "'limit' must be a whole number"),
        (("limit", "9" * 150), "'limit' must be a whole number"),
        (("after", "-5"), "'after' must be a whole number"),
        (("after", "1e9"), "'after' must be a whole number"),
        (("after", "9223372036854775808"), "'after' must be a whole number"),
        (("after", "١٢"), "'after' must be a whole number"),
        (("since", "2026-13-45"), "'since': '2026-13-45' is not an instant"),
        (("since", "0001-01-01T00:00:00+23:59"), "'since': "),
        (("before", "999999999999d"), "'before': "),
        (("before", "yesterdayish"), "'before': 'yesterdayish' is not an instant"),
        (("state", "broken"), "'broken' is no state of a task. There are: waiting, pending"),
        (("name", "a\x1b[2J"), "'name' has a character that can't be printed"),
        (("q", "a\x00b"), "'q' has a character that can't be printed"),
        (("q", "x" * 201), "'q' is too long: 201 characters"),
    ],
    ids=lambda given: str(given)[:30].encode("ascii", "replace").decode(),
)
def test_what_can_not_be_used_is_said_in_one_sentence(given, said):
    """It names the field, and what to write instead; nothing of it can move a cursor."""
    with pytest.raises(ConfigurationError) as refused:
        asked(given)

    assert said in str(refused.value)
    assert str(refused.value).isprintable()


def test_a_field_that_comes_too_often_is_refused():
    """A URL of a megabyte of names is no question to a store."""
    with pytest.raises(ConfigurationError, match="'name' is given 51 times"):
        asked(*[("name", f"n{number}") for number in range(51)])
    with pytest.raises(ConfigurationError, match="'owner' is given 2 times"):
        asked(("owner", "a"), ("owner", "b"))


def test_a_span_that_holds_nothing_is_said_to_be():
    """Rather than to look through everything for it."""
    with pytest.raises(ConfigurationError, match=r"'since' \(1h\) is not before 'before' \(2h\)"):
        asked(("since", "1h"), ("before", "2h"), now=NOW)


def test_parameters_of_others_are_left_alone():
    """A page has parameters of its own."""
    assert asked(("theme", "dark"), ("STATE", "x")).is_empty


def test_after_10_to_the_9_there_is_nothing_new(client):
    """A cursor is an id, and may be any."""
    added = add_task(client.store)

    assert ids(listing.page_of_tasks(client, asked(("after", str(10**9))))) == [added]
    assert ids(listing.page_of_tasks(client, asked(("after", "1")))) == []


class Counting(ForwardingStore):
    """Counts the tasks that are read."""

    read = 0

    def find(self, query: TaskQuery):
        found = super().find(query)
        self.read += len(found)
        return found


def test_a_text_that_nothing_has_is_looked_for_in_so_many_tasks_and_then_goes_on(sqlite_client):
    """The page says that it is short, and where it goes on; the store is not read from end to end."""
    store = Counting(sqlite_client.store)
    sqlite_client.store = store
    needle = add_task(store, "needle")
    store.add([NewTask(name="hay")] * (listing.LOOKED_AT + 10))

    first = listing.page_of_tasks(sqlite_client, asked(("q", "needle")))

    assert (first.rows, first.is_short, first.looked_at) == ((), True, listing.LOOKED_AT)
    assert store.read == listing.LOOKED_AT
    second = listing.page_of_tasks(sqlite_client, asked(("q", "needle"), ("after", str(first.next_after_id))))
    assert (ids(second), second.is_short, second.next_after_id) == ([needle], False, None)


def test_an_id_that_is_typed_is_found_at_once_however_old_its_task_is(sqlite_client):
    """Who has an id from a log looks for nothing else."""
    oldest = add_task(sqlite_client.store, "first")
    sqlite_client.store.add([NewTask(name="hay")] * (listing.LOOKED_AT + 10))

    assert ids(listing.page_of_tasks(sqlite_client, asked(("q", str(oldest)))))[0] == oldest
    assert ids(listing.page_of_tasks(sqlite_client, asked(("q", "9" * 30)))) == []


def test_pages_have_every_task_once(client):
    """From the first to the last, by the cursor of each."""
    added = client.store.add([NewTask(name="x")] * 5)
    read, after = [], []
    while True:
        page = listing.page_of_tasks(client, asked(("limit", "2"), *after))
        read += ids(page)
        if page.next_after_id is None:
            break
        after = [("after", str(page.next_after_id))]

    assert read == added[::-1]


def test_a_row_says_what_nobody_serves(client):
    """And a task that runs is served, whatever its runner tells."""
    keep_runner(client.store, names=["mail"])
    vain, served = add_task(client.store, "resize"), add_task(client.store, "mail")
    running = start_task(client.store, "mail")

    rows = {row.id: row.is_served for row in listing.page_of_tasks(client, asked()).rows}

    assert rows[vain] is False
    assert rows[running.id] is None
    assert served in rows


def test_lately_means_the_end_of_what_has_ended(client):
    """As in the command line, and read by the index of ends."""
    failed = fail(client.store)

    assert ids(listing.page_of_tasks(client, asked(("since", "1h"), ("state", "failed")))) == [failed]
    assert ids(listing.page_of_tasks(client, asked(("before", "1h"), ("state", "failed")))) == []
    assert asked(("since", "1h"), now=NOW).since_at == NOW - timedelta(hours=1)
    assert asked(("state", "failed")).states == (TaskState.FAILED,)
