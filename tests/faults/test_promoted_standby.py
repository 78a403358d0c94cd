"""The primary dies and its standby takes its place: what was acknowledged is there, and all go on by themselves."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest
from history.recorder import CallFailed
from sites.site import require_package

from lilota.errors import StoreUnavailableError

pytestmark = pytest.mark.slow

FAIL_OVERS = 3
TASKS = 600
#: Longer than the trouble: who holds a task still holds it afterwards.
LONG_LEASE_SECONDS = 60.0


@pytest.fixture
def pair() -> Iterator[object]:
    """Two servers, of which the tests lose some."""
    require_package("lilota_postgres_store")
    from sites.pair import Pair

    with Pair() as pair:
        yield pair


@pytest.fixture
def field(pair, make_field):
    """A field on an empty store of both servers."""
    return make_field(pair.new_url())


def test_what_was_acknowledged_is_on_the_promoted_standby(pair, field):
    """What add() has returned was written by both servers."""
    ids = [task_id for _ in range(50) for task_id in field.add(1)]

    pair.kill_primary()
    pair.replace_primary()

    field.until(lambda: [info.id for info in field.store.get_all_tasks()] == ids)


def test_nothing_is_acknowledged_that_only_the_primary_has(pair, field):
    """While the standby hears nothing, add() fails after a while, and says why; nobody is told that all is well."""
    kept = field.add(1)
    with pair.deaf_standby():
        with pytest.raises(StoreUnavailableError, match="waits for a synchronous standby that does not confirm"):
            field.add(1)
        pair.kill_primary()
    pair.replace_primary()
    field.start_runner()

    found = field.settle()

    assert found == []
    assert field.store.get(*kept).state.is_terminal


def test_an_outcome_that_was_under_way_reaches_the_promoted_standby(pair, field, tmp_path):
    """The primary dies before it has acknowledged it; the runner hands it to the next one, and no task runs again."""
    gate = tmp_path / "gate"
    field.start_runner(lease_seconds=LONG_LEASE_SECONDS)
    ids = field.add(2, gate=gate)
    field.await_starts(ids)
    with pair.deaf_standby():
        gate.touch()
        field.await_held_commit(with_outcome=True)
        pair.kill_primary()
    pair.replace_primary()

    found = field.settle()

    assert found == []
    assert [field.starts(task_id) for task_id in ids] == [1, 1]


@pytest.mark.timeout(600)
def test_three_fail_overs_during_six_hundred_tasks(pair, field):
    """Whoever adds, runs and renews a lease meanwhile: each acknowledged task ends once, with the right output."""
    rng = random.Random("pair")
    field.start_runner()
    field.start_runner()
    adder = field.start_adder(count=TASKS, batch=10, pause_seconds=0.04)
    for _ in range(FAIL_OVERS):
        time.sleep(rng.uniform(0.2, 0.8))  # the moment of a kill, not a wait for something
        with pair.deaf_standby():
            time.sleep(0.2)  # so that it finds somebody who waits for an answer
            pair.kill_primary()
        pair.replace_primary()
    field.until(lambda: not adder.is_running(), 240)

    found = field.settle()

    assert found == []
    assert field.count("run", CallFailed)
    assert "Not acknowledged" in adder.output
    assert len(field.store.get_all_tasks()) >= TASKS
