"""What an executor and its places on other machines send each other."""

from __future__ import annotations

import msgspec
from simulation.workers import SimulatedProcesses
from simulation.world import World

from lilota.engine.events import Died, Event, Received, Retiring
from lilota.engine.executor import Executor, ExecutorOptions
from lilota.engine.messages import Finish, Ready, ToWorker


def test_options_messages_and_events_pass_through_json():
    """A place elsewhere is given the options and messages, and gives events back; many at a time, if it likes."""
    options = ExecutorOptions(url="there://host", worker_setup=b'{"a": 1}', number_of_processes=2, lease_seconds=30)
    orders: list[tuple[int, ToWorker]] = [(1, Finish())]
    events: list[Event] = [Received(1, Ready(7)), Retiring(1, 2.5), Died(1, "exited with code 0", "bye")]

    for value, kind in ((options, ExecutorOptions), (orders, list[tuple[int, ToWorker]]), (events, list[Event])):
        assert msgspec.json.decode(msgspec.json.encode(value), type=kind) == value


def test_the_workers_of_the_simulator_are_an_executor():
    """They have each method that the driver needs."""
    assert isinstance(SimulatedProcesses(World(1), [], lambda: None), Executor)
