"""Somebody empties the Redis server under a live runner (FLUSHALL): its tasks are gone, and that is said loudly."""

from __future__ import annotations

import pytest
from history.events import Beat
from history.recorder import CommitAsked

pytestmark = pytest.mark.slow

#: Between two heartbeats a runner that has nothing to do asks for work once or twice.
CALLS_PER_BEAT = 8


def test_a_runner_on_an_emptied_server_says_so_and_goes_on(started_redis, make_field, tmp_path):
    """It says it once, does not spin, does not resurrect what is gone, and runs what is added from then on."""
    gate = tmp_path / "gate"
    field = make_field(started_redis.new_url())
    runner = field.start_runner()
    gone = field.add(2, gate=gate)
    field.await_starts(gone)
    with started_redis.connect() as client:
        client.flushall()
    gate.touch()
    field.until(lambda: "are gone" in runner.output)
    before = field.count("run", Beat), field.count("run", CommitAsked)
    field.until(lambda: field.count("run", Beat) >= before[0] + 5)
    calls = field.count("run", CommitAsked) - before[1]
    assert field.store.get_all_tasks() == []

    field.until(lambda: bool(field.add(5)))
    field.await_end()

    assert calls <= 5 * CALLS_PER_BEAT
    assert runner.output.count("are gone") == 1
    assert [info.state.value for info in field.store.get_all_tasks()] == ["succeeded"] * 5
