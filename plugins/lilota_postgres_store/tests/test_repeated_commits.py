"""A batch that is sent again, because nobody knows what has become of it, doubles nothing."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest
from lilota_postgres_store.attempts import Batch
from lilota_postgres_store.statements import Statements
from postgres_waiting import wait_until_blocked

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import StoreUnavailableError
from lilota.models import AttemptUpdate, LogLine, NewTask

LINES = (LogLine(at=1.0, text="a"), LogLine(at=2.0, text="b"))


@pytest.fixture
def update(store):
    """What the holder of a running task has to write."""
    store.add([NewTask(name="task")])
    store.heartbeat(RunnerInfo(id="runner"))
    (claim,) = store.claim(ClaimRequest(runner_id="runner", names=("task",))).claims
    return AttemptUpdate(id=claim.id, token=claim.token, log_lines=LINES, log_offset=0)


def test_a_batch_that_comes_again_while_the_first_is_still_ending(store, update, connection):
    """Its connection was given up, but the server was not done: the second waits for it, and finds its lines."""
    ((statement, parameters),) = Batch([update]).steps()
    connection.execute(Statements(store.address.schema, store.address.table_prefix)[statement], parameters)
    second = threading.Thread(target=commit_or_fail, args=(store, update))
    second.start()
    wait_until_blocked(connection)
    connection.commit()
    second.join()

    store.commit([update])

    assert store.logs(update.id) == list(LINES)


def commit_or_fail(store, update):
    """Commit as a runner does: where that fails, it tries again."""
    with suppress(StoreUnavailableError):
        store.commit([update])
