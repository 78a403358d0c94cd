"""Real runners and programs that add leave a history that can be checked, whatever is done to them."""

from __future__ import annotations

import pytest
from history.events import BodyEnded, BodyStarted, Claimed, Wrote
from history.reading import read_history

pytestmark = pytest.mark.slow


@pytest.fixture
def field(make_field, tmp_path):
    """A field on a SQLite file."""
    return make_field(f"sqlite:///{tmp_path}/tasks.db")


def test_a_killed_runner_leaves_a_history_without_violations(field, tmp_path):
    """Each acknowledged task ends once; what the killed one held runs again."""
    gate = tmp_path / "gate"
    victim = field.start_runner(lease_seconds=3.0)
    held = field.add(2, gate=gate)
    field.await_starts(held)
    adder = field.start_adder(count=40)
    field.start_runner(lease_seconds=30.0)
    field.kill(victim)
    field.await_starts(held, at_least=2)
    gate.touch()
    field.until(lambda: not adder.is_running())

    found = field.settle()

    kinds = [type(event) for event in read_history(field.history_folder).events]
    assert found == []
    assert kinds.count(BodyEnded) == 42
    assert kinds.count(BodyStarted) == 44
    assert kinds.count(Claimed) >= 44
    assert kinds.count(Wrote) >= 42
