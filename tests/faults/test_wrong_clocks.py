"""The server's clock is ahead or behind: only its own clock counts, so nothing changes."""

from __future__ import annotations

import pytest
from history.parties import new_task
from sites.starting import KINDS, start_site

pytestmark = pytest.mark.slow

HOUR = 3600.0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("offset_seconds", [HOUR, -HOUR], ids=["ahead", "behind"])
def test_a_server_with_another_clock_than_its_runners(kind, offset_seconds, make_field, tmp_path):
    """Delays, retries and leases are as long as ever: tasks of a killed runner come back after its lease."""
    gate = tmp_path / "gate"
    site = start_site(kind, clock_offset_seconds=offset_seconds)
    try:
        field = make_field(site.new_url())
        victim = field.start_runner()
        held = field.add(2, gate=gate)
        field.await_starts(held)
        field.add(3, delay_seconds=0.5)
        field.add_these([new_task("failing", name="failing")])
        field.start_runner()
        field.kill(victim)
        field.await_starts(held, at_least=2)
        gate.touch()

        found = field.settle()
    finally:
        site.server.close()

    assert found == []
