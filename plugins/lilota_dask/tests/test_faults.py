"""What happens to tasks when processes of a Dask cluster are killed, frozen, retired and started again: real ones."""

from __future__ import annotations

import signal

import pytest
from clusters import kill
from lilota_test_servers import Proxy

from lilota.models import TaskState

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def gate(tmp_path):
    """The file for which tasks wait that are to run when something happens."""
    return tmp_path / "gate"


def test_a_dask_worker_that_is_killed_loses_an_attempt_and_no_task(field, gate):
    """Its processes end with it; the attempt is lost, with the cause in words, and runs again on another node."""
    field.start_nodes(2)
    field.start_runner()
    held = field.add(2, gate=gate)
    field.until_started(*held)
    lost, kept = held
    node = field.node_of(lost)

    field.note_killed(node)
    node.kill_worker()
    field.until_empty(node)
    field.until(lambda: field.infos([lost])[0].lost_attempts == 1)
    gate.touch()
    field.until_ended(held)

    assert field.settle() == []
    assert f"was lost: the Dask worker {node.address} left the cluster" in field.log_of(lost)
    assert [(info.attempt, info.lost_attempts) for info in field.infos([lost, kept])] == [(2, 1), (1, 0)]


@pytest.mark.slow
def test_a_nanny_whose_worker_is_killed_brings_back_its_place(field, gate):
    """The nanny starts another Dask worker at another port, and the task runs again there."""
    (node,) = field.start_nodes(1, nanny=True)
    field.start_runner()
    (task,) = field.add(1, gate=gate)
    field.until_started(task)

    field.note_killed(node)
    node.kill_worker()
    field.until_started(task, attempt=2)
    gate.touch()
    field.until_ended([task])

    assert field.settle() == []


@pytest.mark.slow
def test_a_nanny_that_is_killed_takes_its_worker_along(field, gate):
    """The Dask worker ends by itself, and what ran there runs elsewhere."""
    field.start_nodes(2, nanny=True)
    field.start_runner()
    held = field.add(2, gate=gate)
    field.until_started(*held)
    node = field.node_of(held[0])

    field.note_killed(node)
    node.kill_nanny()
    node.wait()
    field.until(lambda: field.infos(held)[0].lost_attempts == 1)
    gate.touch()
    field.until_ended(held)

    assert field.settle() == []


def test_a_helper_process_that_is_killed_loses_an_attempt_and_its_node_goes_on(field, gate):
    """Its workers end with it; the same Dask worker gets another one, and runs the task again."""
    (node,) = field.start_nodes(1)
    field.start_runner()
    (task,) = field.add(1, gate=gate)
    field.until_started(task)

    field.note_killed(node)
    (helper,) = node.helpers()
    kill(helper)
    field.until_started(task, attempt=2)
    gate.touch()
    field.until_ended([task])

    assert field.settle() == []
    assert node.is_running()
    assert "was killed by signal 9" in field.log_of(task)


@pytest.mark.slow
def test_a_worker_process_of_lilota_that_is_killed_says_so(field, gate):
    """The cause is that of its death; the place gets another worker."""
    (node,) = field.start_nodes(1)
    field.start_runner()
    (task,) = field.add(1, gate=gate)
    field.until_started(task)
    (helper,) = node.helpers()

    field.note_killed(node)
    kill(field.pid_of(task))
    field.until_started(task, attempt=2)
    gate.touch()
    field.until_ended([task])

    assert node.helpers() == [helper]
    assert field.settle() == []
    assert "was killed by signal 9 (SIGKILL)" in field.log_of(task)


def test_a_dask_worker_that_is_retired_gives_its_tasks_back(field, gate):
    """They cost no attempt; what it has not finished within its grace runs on another node."""
    field.start_nodes(2)
    field.start_runner()
    held = field.add(2, gate=gate)
    many = field.add(50, seconds=0.02)
    field.until_started(*held)
    node = field.node_of(held[0])

    field.note_killed(node)
    field.cluster.retire(node)
    node.wait()
    gate.touch()
    field.until_ended([*held, *many])

    assert field.settle() == []
    assert {(info.attempt, info.lost_attempts) for info in field.store.get_all_tasks()} == {(1, 0)}


def test_a_runner_that_is_killed_leaves_nothing_on_the_nodes(field, gate):
    """They end what it ran when it is silent for too long, before others may take its tasks."""
    nodes = field.start_nodes(2)
    runner = field.start_runner()
    held = field.add(2, gate=gate)
    field.until_started(*held)

    field.note_killed(*nodes)
    runner.kill()
    field.until_empty()
    assert {info.state for info in field.infos(held)} == {TaskState.RUNNING}
    field.start_runner()
    field.until_started(*held, attempt=2)
    gate.touch()
    field.until_ended(held)

    assert field.settle() == []
    assert all(node.is_running() for node in nodes)


@pytest.mark.slow
def test_a_runner_that_is_frozen_loses_its_slots_and_tasks_to_another(field, gate):
    """Its nodes end what it ran and give their slots free, before its lease is over; afterwards it joins again."""
    nodes = field.start_nodes(2)
    frozen = field.start_runner()
    held = field.add(2, gate=gate)
    field.until_started(*held)
    field.start_runner()

    field.note_killed(*nodes)
    field.note_frozen(frozen)
    kill(frozen.pid, signal.SIGSTOP)
    field.until_started(*held, attempt=2)
    kill(frozen.pid, signal.SIGCONT)
    gate.touch()
    field.until_ended(held)

    assert frozen.is_running()
    assert field.settle() == []


@pytest.mark.slow
def test_a_dask_worker_that_is_frozen_loses_its_tasks_and_comes_back(field, gate):
    """What ran there ends without its help; when it goes on it gets tasks again."""
    field.start_nodes(2)
    field.start_runner()
    held = field.add(2, gate=gate)
    field.until_started(*held)
    node = field.node_of(held[0])

    field.note_killed(node)
    node.freeze()
    field.until_empty(node)
    field.until(lambda: field.infos(held)[0].lost_attempts == 1)
    node.thaw()
    field.until_started(held[0], attempt=2)
    gate.touch()
    field.until_ended(held)

    assert field.settle() == []


@pytest.mark.slow
def test_a_short_freeze_costs_nothing(field, gate):
    """A Dask worker that is held up for less than the silence that is allowed loses nothing."""
    (node,) = field.start_nodes(1)
    field.start_runner(lease_seconds=60)
    held = field.add(1, gate=gate)
    field.until_started(*held)

    node.freeze()
    field.until_still_running(held[0], 2)
    node.thaw()
    gate.touch()
    field.until_ended(held)

    assert field.settle() == []
    assert [(info.attempt, info.lost_attempts) for info in field.infos(held)] == [(1, 0)]


@pytest.mark.slow
def test_a_scheduler_that_is_killed_and_started_again_is_found_again(field, gate):
    """Without it all Dask workers end; the runner waits for it and goes on with those that are started then."""
    field.start_nodes(2)
    runner = field.start_runner()
    held = field.add(2, gate=gate)
    field.until_started(*held)

    field.note_killed(*field.cluster.nodes)
    field.cluster.kill_scheduler()
    field.until_empty()
    field.cluster.start_scheduler()
    field.start_nodes(2)
    gate.touch()
    field.until_ended(held)

    assert runner.is_running()
    assert field.settle() == []


@pytest.mark.slow
def test_a_runner_that_can_not_reach_the_scheduler_for_a_while_keeps_its_tasks(field, gate):
    """It reaches its nodes without the scheduler, for longer than they would bear its silence."""
    field.start_nodes(2)
    with Proxy((field.cluster.place.address, field.cluster.port)) as proxy:
        field.start_runner(url=f"dask://{proxy.host}:{proxy.port}")
        held = field.add(2, gate=gate)
        field.until_started(*held)

        proxy.black_hole()
        proxy.reset()
        field.until_still_running(held[0], 8)
        proxy.pass_all()
        gate.touch()
        field.until_ended(held)

        assert field.settle() == []
    assert {(info.attempt, info.lost_attempts) for info in field.infos(held)} == {(1, 0)}


@pytest.mark.slow
def test_places_follow_the_cluster_from_one_to_eight_and_back(field):
    """New Dask workers get tasks; those that are retired give theirs back. No attempt is spent for it."""
    field.start_nodes(1)
    field.start_runner(lease_seconds=60)
    many = field.add(400, seconds=0.1)
    field.until_started(many[0])

    field.start_nodes(7)
    field.until(lambda: len(field.busy_nodes()) == 8)
    field.note_killed(*field.cluster.nodes[:7])
    field.cluster.retire(*field.cluster.nodes[:7])
    for node in field.cluster.nodes[:7]:
        node.wait()
    field.until_ended(many)

    assert field.settle() == []
    assert {(info.attempt, info.lost_attempts) for info in field.store.get_all_tasks()} == {(1, 0)}


@pytest.mark.slow
def test_a_runner_that_stops_gives_back_what_runs_and_leaves_nothing(field, gate):
    """The slots are free for other tasks of Dask again."""
    field.start_nodes(2)
    runner = field.start_runner(grace_seconds=0)
    held = field.add(2, gate=gate)
    field.until_started(*held)

    assert runner.stop() == 0
    field.until_empty()
    assert [(info.state, info.attempt) for info in field.infos(held)] == [(TaskState.PENDING, 0)] * 2
    assert field.cluster.dask_tasks() == {}
