"""Two thousand tasks while a Dask cluster falls apart again and again: nothing is lost, doubled or left behind."""

from __future__ import annotations

import random
import time

import pytest
from clusters import kill

from lilota.models import TaskState

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_TASKS = 2_000
_NODES = 3
_SEED = 20261127
#: What happens, and how often.
_FAULTS = {
    "kill_process_of_lilota": 18,
    "kill_helper": 14,
    "kill_worker": 8,
    "kill_nanny": 4,
    "freeze_for_a_moment": 8,
    "freeze_for_long": 2,
    "retire": 4,
    "restart_scheduler": 2,
}
_LEASE_SECONDS = 6
#: So many tasks are added for each fault. Where nothing runs, more are added until something does; the rest at the end.
_PER_FAULT = 20
_FEED_SECONDS = 0.2
#: So many tasks may be left when the next fault comes; or after so long it comes anyway.
_LEFT = 10
_PAUSE_SECONDS = 2.0


class Chaos:
    """Plants faults, and brings back what they have taken away."""

    def __init__(self, field, seed=_SEED):
        self._field = field
        self._random = random.Random(seed)

    def faults(self):
        """Return the names of all faults, in some order."""
        names = [name for name, times in _FAULTS.items() for _ in range(times)]
        self._random.shuffle(names)
        return names

    def plant(self, name):
        """Plant one; see that the cluster has all its workers again, or will have them soon."""
        getattr(self, f"_{name}")()
        while len(self._living()) < _NODES:
            self._field.cluster.start_node(nanny=self._random.random() < 0.5)

    def seconds(self):
        """Return how long a task takes."""
        return self._random.choice((0.0, 0.0, 0.01, 0.05, 0.3))

    def _kill_worker(self):
        self._some().kill_worker()

    def _kill_helper(self):
        for helper in self._some().helpers():
            kill(helper)

    def _kill_process_of_lilota(self):
        node = self._some()
        processes = sorted(node.lilota_processes().keys() - set(node.helpers()))
        for pid in self._random.sample(processes, min(1, len(processes))):  # they may all have ended just now
            kill(pid)

    def _kill_nanny(self):
        node = self._some()
        if node.has_nanny:
            node.kill_nanny()
        else:
            node.kill_worker()

    def _freeze_for_a_moment(self):
        self._freeze(self._random.uniform(0.1, 1.0))

    def _freeze_for_long(self):
        self._freeze(_LEASE_SECONDS)

    def _freeze(self, seconds):
        node = self._some()
        node.freeze()
        time.sleep(seconds)
        self._field.note_killed(node)
        node.thaw()

    def _retire(self):
        self._field.cluster.retire(self._some())

    def _restart_scheduler(self):
        nodes, known = self._living(), self._field.cluster.registered()
        self._field.note_killed(*nodes)
        self._field.cluster.kill_scheduler()
        for node in nodes:
            if node.name in known:  # it ends without its scheduler; one that has just been started waits for it
                node.wait()
        self._field.cluster.start_scheduler()

    def _some(self):
        """Choose a node on which tasks run, and note what is about to happen there."""
        while not (busy := self._field.busy_nodes()):  # a node gets a worker when there is something to do
            self._field.add(1, 0.3)
            time.sleep(_FEED_SECONDS)
        node = self._random.choice(busy)
        self._field.note_killed(node)
        return node

    def _living(self):
        return [node for node in self._field.cluster.nodes if node.is_running()]


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_nothing_is_lost_or_doubled_while_a_cluster_falls_apart(store, request, make_field):
    """Each task ends once, with its own output, and no two attempts of one run at the same time anywhere."""
    url = "" if store == "sqlite" else request.getfixturevalue("postgres_server").create_database()
    field = make_field(url)
    chaos = Chaos(field)
    runner = field.start_runner(_LEASE_SECONDS)
    field.start_nodes(_NODES)

    faults = chaos.faults()
    for fault in faults:
        for _ in range(_PER_FAULT // 4):
            field.add(4, chaos.seconds())
        chaos.plant(fault)
        _until_few_are_left(field)
    field.add(max(1, _TASKS - len(field.store.inner.get_all_tasks())))
    field.until_all_ended(seconds=180)

    assert runner.is_running()
    assert field.settle() == []
    assert len(field.store.get_all_tasks()) >= _TASKS
    assert {info.state for info in field.store.get_all_tasks()} == {TaskState.SUCCEEDED}


def _until_few_are_left(field):
    """Wait until most tasks have ended; not for long, so that some faults come before the last is overcome."""
    deadline = time.monotonic() + _PAUSE_SECONDS
    while field.open_tasks() > _LEFT and time.monotonic() < deadline:
        time.sleep(0.05)
