"""What goes wrong in a simulation: each fault strikes at random instants until the trouble is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lilota.models import TERMINAL_STATES, TaskState

if TYPE_CHECKING:
    from simulation.hosts import Host
    from simulation.scenario import Scenario


def kill_worker(scenario: Scenario) -> None:
    """Kill a worker process from outside, idle or not."""
    host = _some_host(scenario)
    if host is not None and host.processes.workers:
        number = scenario.world.rng.choice(sorted(host.processes.workers))
        host.processes.workers[number].die("was killed by signal 9 (SIGKILL)")


def freeze_host(scenario: Scenario) -> None:
    """Stop the process of a runner for up to two and a half leases."""
    host = _some_host(scenario)
    if host is not None:
        host.freeze(scenario.world.rng.uniform(0.1, 2.5) * host.info.lease_seconds)


def kill_host(scenario: Scenario) -> None:
    """Kill a runner; another one starts."""
    host = _some_host(scenario)
    if host is not None:
        host.die()
        scenario.world.after(scenario.world.rng.uniform(0.1, 4.0), scenario.add_host)


def stop_host(scenario: Scenario) -> None:
    """Stop a runner in good order, with more or less patience; another one starts."""
    host = _some_host(scenario)
    if host is not None and not host.stopping:
        host.stop(scenario.world.rng.choice((None, 0.0, 0.5, 3.0)))
        scenario.world.after(scenario.world.rng.uniform(0.1, 4.0), scenario.add_host)


def take_store_down(scenario: Scenario) -> None:
    """Make the store unreachable for all."""
    scenario.shared.down_until = scenario.world.now + scenario.world.rng.uniform(0.05, 6.0)


def cut_host_off(scenario: Scenario) -> None:
    """Make the store unreachable for one runner."""
    host = _some_host(scenario)
    if host is not None:
        host.store.cut_off_until = scenario.world.now + scenario.world.rng.uniform(0.1, 8.0)


def lose_heartbeats(scenario: Scenario) -> None:
    """Let only the heartbeats of a runner get lost."""
    host = _some_host(scenario)
    if host is not None:
        host.store.no_heartbeat_until = scenario.world.now + scenario.world.rng.uniform(1.0, 7.0)


def lose_replies(scenario: Scenario) -> None:
    """Let the store write what a runner commits, and the replies get lost."""
    host = _some_host(scenario)
    if host is not None:
        host.store.loses_replies = True
        scenario.world.after(scenario.world.rng.uniform(0.05, 1.5), lambda: _answer_again(host))


def fail_starts(scenario: Scenario) -> None:
    """Let most worker processes of a runner fail to start for a while."""
    host = _some_host(scenario)
    if host is not None:
        host.processes.start_failures = 0.8
        scenario.world.after(scenario.world.rng.uniform(0.5, 5.0), lambda: _start_again(host))


def retire_place(scenario: Scenario) -> None:
    """Take a place of a runner away in good order, later or sooner than was announced; another one comes."""
    host = _some_host(scenario)
    rng = scenario.world.rng
    numbers = sorted(host.processes.workers.keys() - host.processes.retiring) if host is not None else []
    if host is not None and numbers:
        host.processes.retire(rng.choice(numbers), grace_seconds=rng.uniform(0.0, 3.0), seconds=rng.uniform(0.0, 12.0))
        scenario.world.after(rng.uniform(0.0, 4.0), host.processes.add_place)


def set_clock(scenario: Scenario) -> None:
    """Set the clock of the machine, and so of the store, forward or back by up to three leases."""
    scenario.world.offset += scenario.world.rng.uniform(-10.0, 10.0)
    scenario.clock_was_set = True


def cancel_task(scenario: Scenario) -> None:
    """Cancel a task, as a user does."""
    ids = [info.id for info in scenario.shared.inner.get_all_tasks() if info.state not in TERMINAL_STATES]
    if ids:
        scenario.shared.cancel(scenario.world.rng.choice(ids))


def retry_task(scenario: Scenario) -> None:
    """Run a task again that failed or was cancelled, as a user does."""
    ended = {TaskState.FAILED, TaskState.CANCELLED}
    ids = [info.id for info in scenario.shared.inner.get_all_tasks() if info.state in ended]
    if ids:
        scenario.shared.retry(scenario.world.rng.choice(ids))


def _some_host(scenario: Scenario) -> Host | None:
    hosts = [host for host in scenario.hosts if host.alive and not host.ended]
    return scenario.world.rng.choice(hosts) if hosts else None


def _answer_again(host: Host) -> None:
    host.store.loses_replies = False


def _start_again(host: Host) -> None:
    host.processes.start_failures = 0.0


Fault = Callable[["Scenario"], None]

USERS: tuple[Fault, ...] = (cancel_task, retry_task)
WORKERS: tuple[Fault, ...] = (kill_worker, fail_starts, retire_place)
HOSTS: tuple[Fault, ...] = (freeze_host, kill_host, stop_host)
CLOCK: tuple[Fault, ...] = (set_clock,)
STORE: tuple[Fault, ...] = (take_store_down, cut_host_off, lose_heartbeats, lose_replies)
