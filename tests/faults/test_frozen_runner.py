"""A runner is stopped (SIGSTOP) for two leases and continued: it has lost what others took, and is told so."""

from __future__ import annotations

import signal
import time

import pytest
from programs import kill

from lilota.models import AttemptUpdate, Outcome, TaskState

pytestmark = pytest.mark.slow

#: Short, because each test waits for its end; long enough to be kept before, on a busy machine.
LEASE_SECONDS = 8.0
#: Longer than the test: who takes the task over keeps it.
LONG_LEASE_SECONDS = 60.0


def test_a_runner_that_was_frozen_can_not_overwrite_its_successor(field, tmp_path):
    """Its late outcome is refused, the task ran twice at most, and its final state is that of the second attempt."""
    gate = tmp_path / "gate"
    first = field.start_runner(lease_seconds=LEASE_SECONDS)
    (task_id,) = field.add(1, gate=gate)
    field.await_starts([task_id])
    token = field.store.get(task_id).token
    field.freeze(first)
    field.start_runner(lease_seconds=LONG_LEASE_SECONDS)
    field.await_starts([task_id], at_least=2)
    second = field.store.get(task_id)
    gate.touch()  # both bodies end now; the frozen runner has the news of the first one in its pipe
    field.await_end([task_id])
    kill(first.pid, signal.SIGCONT)
    refused = write_late(field, task_id, token)

    found = field.settle()

    assert found == []
    assert refused == ((task_id, token),)
    assert field.starts(task_id) == 2
    final = field.store.get(task_id)
    assert (final.state, final.token, final.runner_id) == (TaskState.SUCCEEDED, second.token, second.runner_id)
    assert "is lost" in first.output


def test_a_runner_that_was_frozen_while_the_task_runs_on_elsewhere_is_refused(field, tmp_path):
    """It continues while the second attempt still runs: that one is not disturbed, and its end is the end."""
    gate = tmp_path / "gate"
    first = field.start_runner(lease_seconds=LEASE_SECONDS)
    (task_id,) = field.add(1, gate=gate)
    field.await_starts([task_id])
    token = field.store.get(task_id).token
    field.freeze(first)
    field.start_runner(lease_seconds=LONG_LEASE_SECONDS)
    field.await_starts([task_id], at_least=2)
    kill(first.pid, signal.SIGCONT)
    field.until(lambda: "is lost" in first.output)
    time.sleep(1.0)  # what it does wrong, it does now
    refused = write_late(field, task_id, token)
    gate.touch()

    found = field.settle()

    assert found == []
    assert refused == ((task_id, token),)
    assert field.starts(task_id) == 2


def test_a_runner_that_was_frozen_and_that_nobody_missed_goes_on(field, tmp_path):
    """As after Ctrl-Z and `fg`: its lease had run out, but nobody has taken its task, so it renews it and finishes."""
    gate = tmp_path / "gate"
    runner = field.start_runner(lease_seconds=LEASE_SECONDS)
    (task_id,) = field.add(1, gate=gate)
    field.await_starts([task_id])
    field.freeze(runner)
    field.until(lambda: all(known.has_expired for known in field.store.runners()))
    time.sleep(LEASE_SECONDS)  # long enough for the age of the lease to be noticed first
    kill(runner.pid, signal.SIGCONT)
    field.until(lambda: not any(known.has_expired for known in field.store.runners()))
    gate.touch()

    found = field.settle()

    assert found == []
    assert field.starts(task_id) == 1
    assert "is lost" not in runner.output


def write_late(field, task_id, token):
    """Write an outcome as a runner would that does not know yet that it has lost its task."""
    late = AttemptUpdate(id=task_id, token=token, progress=1.0, outcome=Outcome(state=TaskState.FAILED))
    return field.store.inner.commit([late]).refused
