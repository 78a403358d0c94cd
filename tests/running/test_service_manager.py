"""What is told to systemd: over a real socket, and without harm where nobody takes it."""

from __future__ import annotations

import logging
import os
import socket
import sys

import pytest

from lilota.running.health import RunnerHealth
from lilota.running.heartbeat_file import HeartbeatFile
from lilota.running.pulse import Pulse
from lilota.running.service_manager import ServiceManager

WELL = RunnerHealth()
HELD_UP = RunnerHealth(problem="held_up", text="The engine has been held up for 30 s")
AWAY = RunnerHealth(problem="store", text="The store has not answered for 30 s")


@pytest.fixture(params=["path", pytest.param("@", marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux"))])
def manager(request, tmp_path):
    """Return the address of a service manager, and its socket: with a file, or with a name that has none."""
    address = f"{tmp_path}/notify" if request.param == "path" else f"@lilota-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address.replace("@", "\0"))
        listener.setblocking(False)
        yield address, listener


def taken(listener):
    """Return what has come: each message as its lines."""
    messages = []
    while True:
        try:
            messages.append(listener.recv(4096).decode().split("\n"))
        except BlockingIOError:
            return messages


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_a_service_manager_is_taken_out_of_the_environment(manager):
    """What this process starts is not the service."""
    address, listener = manager
    environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid()), "A": "b"}

    service = ServiceManager.taken_from(environment)
    service.tell("READY=1", "STATUS=all is well")

    assert environment == {"A": "b"}
    assert service.watchdog_seconds == 30
    assert taken(listener) == [["READY=1", "STATUS=all is well"]]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"},
    ],
    ids=["none", "zero", "no number", "of another process"],
)
def test_nobody_waits_for_the_watchdog_without_a_time_for_this_process(given):
    """It was meant for another one, or for none."""
    assert ServiceManager.taken_from({"NOTIFY_SOCKET": "@nobody", **given}).watchdog_seconds is None


def test_without_a_service_manager_nothing_is_told(caplog):
    """And nothing is said."""
    service = ServiceManager.taken_from({"WATCHDOG_USEC": "30000000"})

    service.tell("READY=1")

    assert service.watchdog_seconds is None
    assert caplog.messages == []


def test_a_socket_that_leads_nowhere_is_one_warning(tmp_path, caplog):
    """The runner goes on without it."""
    service = ServiceManager(f"{tmp_path}/nobody")

    for _ in range(3):
        service.tell("WATCHDOG=1")

    (said,) = caplog.messages
    assert said.startswith("The service manager can't be told how the runner is, which goes on: No such file")
    assert f"NOTIFY_SOCKET={tmp_path}/nobody" in said


def test_a_service_manager_that_takes_nothing_holds_nobody_up(manager, caplog):
    """What has no room is left out: the next one says the same."""
    caplog.set_level(logging.DEBUG)
    address, listener = manager
    service = ServiceManager(address)

    while not caplog.messages:
        service.tell("WATCHDOG=1")

    assert caplog.messages == ["The service manager has no room for a message just now."]
    assert taken(listener)


def test_the_watchdog_hears_of_an_engine_that_goes_on(manager):
    """At half of its time, also while the store is away; not of one that is held up."""
    address, listener = manager
    clock = Clock()
    pulse = Pulse(None, ServiceManager(address, watchdog_seconds=1.0), clock)
    pulse.ready()
    taken(listener)

    told = []
    for health in (WELL, WELL, AWAY, AWAY, HELD_UP, HELD_UP, WELL):
        pulse.beat(health)
        told.append(taken(listener))
        clock.now += pulse.interval_seconds

    assert pulse.interval_seconds == 0.5
    assert [["WATCHDOG=1"] in messages for messages in told] == [True, True, True, True, False, False, True]
    statuses = [message for messages in told for message in messages if message != ["WATCHDOG=1"]]
    assert [line.partition(".")[2][:25] for [line] in statuses] == [
        " The store does not answe",
        " The engine is held up: s",
        "",
    ]


def test_more_is_not_told_within_the_interval(manager):
    """Who beats more often costs nobody more."""
    address, listener = manager
    pulse = Pulse(None, ServiceManager(address, watchdog_seconds=60.0), Clock())

    for _ in range(100):
        pulse.beat(WELL)

    assert pulse.interval_seconds == 1.0
    assert taken(listener).count(["WATCHDOG=1"]) == 1


def test_a_heartbeat_file_is_young_only_while_all_is_well(tmp_path, caplog):
    """It is for those who start what serves nobody; what goes wrong with the file itself is said once."""
    clock = Clock()
    pulse = Pulse(HeartbeatFile(tmp_path / "heartbeat", "content"), ServiceManager(), clock)

    def is_written_when(health):
        (tmp_path / "heartbeat").unlink(missing_ok=True)
        clock.now += pulse.interval_seconds
        pulse.beat(health)
        return (tmp_path / "heartbeat").exists()

    assert [is_written_when(health) for health in (WELL, AWAY, HELD_UP, WELL)] == [True, False, False, True]
    pulse.end()
    assert os.listdir(tmp_path) == []
    tmp_path.rmdir()
    assert not any(is_written_when(WELL) for _ in range(3))
    (said,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert said == f"The heartbeat file {tmp_path}/heartbeat can't be written: No such file or directory"
