"""Whether a runner goes on: what it says of itself, in virtual time and in a real one."""

from __future__ import annotations

import pytest
from history.events import History
from runner_tasks import TASKS
from running import until
from simulation.hosts import Host
from simulation.stores import SharedStore
from simulation.world import World

from lilota.config import Settings
from lilota.contract.forwarding import ForwardingStore
from lilota.errors import LilotaError, RunnerStateError, StoreGoneError
from lilota.health import health_of_store
from lilota.runner import TaskRunner
from lilota.running import health
from lilota.running.health import health_of
from lilota.stores import open_store


class Stage:
    """A runner with one worker in virtual time, and what it says of itself."""

    def __init__(self) -> None:
        self.world = World(1)
        self.shared = SharedStore(self.world, History())
        self.host = Host(self.world, self.shared, History(), "me", workers=1, places=1, hears_hints=False)

    def after(self, seconds):
        """Let time pass; return how the runner is then."""
        self.world.run(self.world.now + seconds)
        return health_of(self.host.engine, self.host.driver)


@pytest.fixture
def stage():
    return Stage()


def test_a_runner_with_nothing_to_do_is_well(stage):
    """Its engine comes round all the same."""
    found = [stage.after(7) for _ in range(10)]

    assert {each.problem for each in found} == {""}
    assert all(each.is_well and each.goes_on for each in found)


def test_an_engine_that_does_not_come_round_is_held_up(stage):
    """Until it does."""
    stage.after(5)
    stage.host.freeze(60)

    held_up = stage.after(30)
    back = stage.after(40)

    assert held_up.problem == "held_up"
    assert held_up.text.startswith("The engine has been held up for 3")
    assert not held_up.goes_on
    assert back.is_well


def test_a_runner_without_its_store_goes_on_and_is_not_well(stage):
    """To start it again would not bring the store back."""
    stage.after(5)
    stage.shared.down_until = stage.world.now + 60

    away = stage.after(30)
    back = stage.after(40)

    assert away.problem == "store"
    assert away.text.startswith("The store has not answered for ")
    assert away.goes_on
    assert back.is_well


def test_a_runner_of_which_no_worker_comes_up_is_not_well(stage):
    """Long before it gives up; one failed start is no reason yet."""
    stage.after(5)
    stage.host.processes.start_failures = 1.0
    stage.host.processes.kill_all()
    until(lambda: stage.after(0.5), lambda found: stage.host.engine.crew.starts_in_vain == health.FIRST_STARTS)

    found = stage.after(0)
    stage.host.processes.start_failures = 0.0
    back = stage.after(30)

    assert found.problem == "workers"
    assert found.text.startswith("No worker process comes up; the last one ")
    assert back.is_well


def test_a_runner_that_is_not_started_has_no_health(tmp_path):
    """An error says so."""
    runner = TaskRunner(f"sqlite:///{tmp_path}/tasks.db", 1, settings=Settings())

    with pytest.raises(RunnerStateError, match="not started"):
        runner.health()


class Gate(ForwardingStore):
    """A store whose commits can be held up, or say that it has gone for good."""

    def __init__(self, inner):
        super().__init__(inner)
        self.has_gone = False
        self.is_held_up = False

    def hold_up(self):
        self.is_held_up = True
        self.go_through()

    def go_through(self):
        until(lambda: self.is_held_up, lambda is_held_up: not is_held_up)

    def commit(self, updates, request=None):
        self.go_through()
        if self.has_gone:
            raise StoreGoneError("no store any more")
        return self.inner.commit(updates, request)


@pytest.fixture
def gate(tmp_path):
    gate = Gate(open_store(f"sqlite:///{tmp_path}/tasks.db"))
    yield gate
    gate.is_held_up = False


@pytest.fixture
def runner(gate):
    """A started runner of that store, with a short time between its heartbeats."""
    runner = TaskRunner(gate, 1, lease_seconds=9, settings=Settings())
    for name, clazz in TASKS.items():
        runner.register(name, clazz)
    runner.start()
    yield runner
    gate.is_held_up = False
    if runner.runner_id is not None:
        runner.stop(0)


def test_a_runner_that_is_held_up_tells_it_with_its_heartbeats(runner, gate, monkeypatch):
    """Those come from another thread, so its lease goes on; who looks at the store learns where it stands."""
    monkeypatch.setattr(health, "HELD_UP_SECONDS", 3.0)
    assert until(runner.health, lambda found: found.is_well).goes_on
    runner._run.driver.order(gate.hold_up)  # as a hook that does not return

    told = until(lambda: health_of_store(gate.inner), lambda found: "held up" in found.text)
    gate.is_held_up = False

    assert told.problem == "stuck"
    assert f"{runner.runner_id} (process " in told.text
    assert "is stuck: The engine has been held up for" in told.text
    assert "test_health.py" in told.text
    assert until(lambda: health_of_store(gate.inner), lambda found: found.is_well).text == "1 runner lives"


def test_a_store_that_takes_its_time_holds_nobody_up_until_the_call_is_lost(runner, gate, monkeypatch):
    """It has a patience of its own, and ends such a call; one that never ends needs a new start."""
    monkeypatch.setattr(health, "HELD_UP_SECONDS", 3.0)
    gate.is_held_up = True

    # One that stood still with its machine may have been held up, for a moment.
    waiting = until(runner.health, lambda found: found.problem == "store")
    monkeypatch.setattr(health, "_ANSWER_SECONDS", 3.0)
    lost = runner.health()

    assert waiting.goes_on
    assert waiting.text.startswith("The store has not answered for ")
    assert (lost.problem, lost.goes_on) == ("held_up", False)
    assert "in go_through()" in lost.text


def test_a_runner_whose_engine_has_failed_says_why(runner, gate):
    """Its program can look, before it stops it."""
    gate.has_gone = True

    found = until(runner.health, lambda found: not found.is_well)

    assert (found.problem, found.goes_on) == ("failed", False)
    assert "no store any more" in found.text
    gate.has_gone = False
    with pytest.raises(LilotaError, match="no store any more"):
        runner.stop()
