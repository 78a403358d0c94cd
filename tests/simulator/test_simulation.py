"""Real runners in virtual time: random tasks and faults from a seed, and nothing that must hold is ever broken.

`LILOTA_SEED=17 pytest tests/simulator` replays one seed; `LILOTA_SEEDS=10000` plays more of them.
"""

from __future__ import annotations

import os

import pytest
from simulation.faults import retire_place
from simulation.plans import OPTIONS
from simulation.scenario import simulate

_GROUPS = 6
_SEEDS = int(os.environ.get("LILOTA_SEEDS", "300"))


def _seeds_of(group: int) -> list[int]:
    if "LILOTA_SEED" in os.environ:
        return [int(os.environ["LILOTA_SEED"])] if group == 0 else []
    return list(range(group, _SEEDS, _GROUPS))


@pytest.mark.slow
@pytest.mark.timeout(0 if _SEEDS > 300 else 120)
@pytest.mark.parametrize("group", range(_GROUPS))
def test_no_seed_breaks_what_must_hold(group):
    """Whatever dies, freezes, gets lost or is cancelled: each task ends once and rightly, nobody idles or spins."""
    broken = {seed: found for seed in _seeds_of(group) if (found := simulate(seed)[1])}

    assert not broken, f"Replay with LILOTA_SEED={next(iter(broken))}"


def test_places_that_are_taken_away_in_good_order_cost_no_task_anything():
    """Each is done in one attempt that counts, and none counts as lost, however often places came and went."""
    retired = 0
    for seed in range(15):
        scenario, found = simulate(seed, only=([retire_place], ["good", "staining"]))
        retired += sum(len(host.processes.retiring) for host in scenario.hosts)

        assert found == []
        unhurried = [info for info in scenario.history.final.values() if OPTIONS[info.name].timeout_seconds is None]
        assert {(info.attempt, info.lost_attempts) for info in unhurried} == {(1, 0)}
    assert retired > 100


def test_a_seed_is_the_same_each_time():
    """A failure can be replayed: the same seed gives the same history, event by event."""
    first, _ = simulate(4)
    second, _ = simulate(4)

    assert first.history.events == second.history.events


def test_the_seeds_reach_what_is_to_be_tested():
    """Faults strike for real: attempts are refused, taken back, lost and cancelled in the first few dozen seeds."""
    histories = [simulate(seed)[0].history for seed in range(30)]
    kinds = {type(event).__name__ for history in histories for event in history.events}
    final = [info for history in histories for info in history.final.values()]

    assert {"Refused", "TakenBack", "CancelAnswered", "Retried", "Wrote"} <= kinds
    assert {"succeeded", "failed", "cancelled"} == {info.state for info in final}
    assert any(info.lost_attempts for info in final)
