"""Hearing of changes: in other threads and processes, with notifications and without."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import psycopg
import pytest
from lilota_postgres_store.adding import MANY
from lilota_postgres_store.database import Database
from lilota_postgres_store.news import announcements, watch
from lilota_postgres_store.news.changes import Changes
from msgspec.structs import replace
from postgres_waiting import wait_until, wait_until_quiet

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import StoreUnavailableError
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState

TASK = NewTask(name="task")
LONG = 60.0  # a wait that is not woken fails the test by its time limit

LISTEN = """
import sys
from lilota_postgres_store.plugin import open_postgres_store
store = open_postgres_store(sys.argv[1])
while not store.wait_for_change(60):
    pass
while store.wait_for_change(0.3):
    pass
print("listening", flush=True)
while True:
    print(store.wait_for_change(60), flush=True)
"""


@pytest.fixture(params=["on", "off"])
def url(request, new_schema):
    return f"{new_schema()}&listen={request.param}"


@pytest.fixture
def listener(store, url):
    """A process that waits for changes, and prints a line for each."""
    with subprocess.Popen([sys.executable, "-c", LISTEN, url], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "listening\n"
        yield process
        process.kill()


def end(store, claim, request=None):
    outcome = Outcome(state=TaskState.SUCCEEDED)
    store.commit([AttemptUpdate(id=claim.id, token=claim.token, outcome=outcome)], request)


def lose_and_rescue(store, request):
    """Let a runner claim, lose its lease, and others take back what it held."""
    store.heartbeat(RunnerInfo(id="runner"))
    store.claim(request)
    store.heartbeat(RunnerInfo(id="runner", lease_seconds=0))
    store.rescue()


def test_other_process_is_woken_by_what_it_should_know(store, listener):
    """Adding, ending, cancelling, retrying, giving back and rescuing: each wakes those who wait."""
    request = ClaimRequest(runner_id="runner", names=("task",))
    store.heartbeat(RunnerInfo(id="runner"))
    _, second = store.add([TASK] * 2)
    assert listener.stdout.readline() == "True\n"
    (claim,) = store.claim(request).claims

    for change in (
        lambda: end(store, claim),
        lambda: store.cancel(second),
        lambda: store.retry(second),
        lambda: store.claim(request) and store.release("runner"),
        lambda: lose_and_rescue(store, request),
    ):
        change()
        assert listener.stdout.readline() == "True\n"


def test_runner_is_not_woken_by_the_outcomes_that_it_commits(store):
    """Its claim in the same transaction has seen what they made ready."""
    request = ClaimRequest(runner_id="runner", names=("task",))
    store.heartbeat(RunnerInfo(id="runner"))
    store.add([TASK] * MANY)
    claims = list(store.claim(replace(request, limit=MANY)).claims)
    wait_until_quiet(store)

    def ends_unheard():
        end(store, claims.pop(), request)
        return not store.wait_for_change(0)

    # News of the beginning may be late; but those of each end would come each time.
    wait_until(ends_unheard)


def test_nothing_is_announced_where_nothing_changed_for_others(store, url, open_store):
    """Progress, heartbeats, claims and looks that find nothing are no news."""
    other = open_store(url)
    request = ClaimRequest(runner_id="runner", names=("task",), limit=1)
    store.add([TASK] * MANY)
    store.heartbeat(RunnerInfo(id="runner"))
    wait_until_quiet(other)

    def all_is_unheard():
        (claim,) = store.claim(request).claims
        progress = AttemptUpdate(id=claim.id, token=claim.token, progress=5.0)
        store.commit([progress], replace(request, names=("other",)))
        store.heartbeat(RunnerInfo(id="runner"))
        store.rescue()
        return not other.wait_for_change(0.5)

    # News of the addition may be late; but those of this would come each time.
    wait_until(all_is_unheard)


def test_last_of_many_additions_in_a_row_is_heard(store, url, open_store):
    """Not each of them is announced. Whoever looks when it is woken finds all of them, and never waits in vain."""
    other = open_store(url)
    wait_until_quiet(other)

    for turn in range(1, 6):
        adder = threading.Thread(target=lambda: [store.add([TASK] * MANY) for _ in range(3)])
        adder.start()
        while sum(row.count for row in other.counts()) < turn * 3 * MANY:
            assert other.wait_for_change(LONG) is True
        adder.join()


def test_addition_that_takes_long_is_announced(store, url, open_store, database_url, monkeypatch):
    """The announcement of an earlier one does not speak for it any more."""
    other = open_store(url)
    monkeypatch.setattr(announcements, "SPAN_SECONDS", 0.5)
    adder = threading.Thread(target=store.add, args=[[TASK] * MANY])
    store.add([TASK] * MANY)
    with psycopg.connect(database_url) as connection:
        connection.execute(f"LOCK TABLE {store._database.statements.quoted_schema}.lilota_bundles IN SHARE MODE")
        adder.start()
        while store._database._span.covers_now():
            time.sleep(0.01)
        wait_until_quiet(other)

        connection.commit()

    assert other.wait_for_change(LONG) is True
    adder.join()


def test_what_was_written_does_not_look_failed_when_others_can_not_be_told(store, monkeypatch, caplog):
    """The server ends the session between the commit and the announcement: the caller must not add a second time."""
    write = Database.write
    speaks_now = [True, False]
    monkeypatch.setattr(store._database._span, "covers_now", lambda: speaks_now.pop(0))

    def lost(self, *steps, announce=False, payload=""):
        if announce and not steps:
            raise StoreUnavailableError("the server has closed the connection")
        return write(self, *steps, announce=announce, payload=payload)

    monkeypatch.setattr(Database, "write", lost)

    assert len(store.add([TASK] * MANY)) == MANY
    assert "Others notice late what was added" in caplog.text


def test_thread_that_watches_ends_when_nobody_waits_any_more(store, monkeypatch):
    """A program that waited once does not keep a connection for ever; the next wait begins anew."""
    monkeypatch.setattr(watch, "LINGER_SECONDS", 0.05)
    monkeypatch.setattr(watch, "PROBE_SECONDS", 0.05)
    store.wait_for_change(0.2)
    first = store._watch._listener

    wait_until(lambda: not first.is_alive())

    adder = threading.Timer(0.1, store.add, [[TASK]])
    adder.start()
    assert store.wait_for_change(LONG) is True
    adder.join()
    assert store._watch._listener is not first


def test_a_thread_hears_only_of_what_it_has_not_heard_yet():
    """Each counts for itself; what was before its first question is not news."""
    changes = Changes()
    changes.announce()

    before = changes.wait(0)
    changes.announce()

    assert [before, changes.wait(0), changes.wait(0)] == [False, True, False]


def test_change_that_the_caller_has_seen_wakes_only_others():
    """Unless something else had happened before, which it has not seen."""
    changes = Changes()
    changes.wait(0)
    changes.announce(seen_by_caller=True)
    seen = changes.wait(0)
    changes.announce()
    changes.announce(seen_by_caller=True)

    assert [seen, changes.wait(0)] == [False, True]
