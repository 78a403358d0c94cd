"""The loop between worker processes and store: outages, failures, and the steps of a stop; in virtual time."""

from __future__ import annotations

import logging
import signal
import threading

import pytest
from history.events import History
from lilota_memory_store import MemoryTaskStore
from running import until
from simulation.hosts import Host, NoPlugins
from simulation.plans import Plan, to_input
from simulation.stores import SharedStore
from simulation.workers import SimulatedProcesses
from simulation.world import World

from lilota.adding.waiters import Waiters
from lilota.engine.engine import Engine
from lilota.engine.messages import Finish
from lilota.errors import LilotaError, StoreUnavailableError, StoreVersionError
from lilota.frames import frames_of_threads
from lilota.models import NewTask, TaskState
from lilota.running.driver import Driver
from lilota.running.telling import Teller


class Stage:
    """A runner with one worker in virtual time, whose store can be taken down."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.shared = SharedStore(self.world, History())
        self.host = Host(self.world, self.shared, History(), "me", workers=1, places=1, hears_hints=False)
        self.driver = self.host.driver

    def add(self, seconds=0.0, **fields):
        """Add a task that succeeds after a while."""
        plan = Plan(name="plain", kind="good", seconds=seconds)
        (task_id,) = self.shared.add([NewTask(name="plain", input_json=to_input(plan), **fields)])
        return task_id

    def pass_time(self, seconds):
        """Let time pass."""
        self.world.run(self.world.now + seconds)

    def state(self, task_id):
        """Return the state of a task."""
        return self.shared.inner.get(task_id).state


@pytest.fixture
def stage():
    return Stage(World(1))


def test_without_any_hint_work_is_found_within_two_polls(stage):
    """Notifications are hints; polling is the truth."""
    stage.pass_time(5)
    task_id = stage.add()

    stage.pass_time(2)

    assert stage.state(task_id) is TaskState.SUCCEEDED


def test_a_runner_that_can_start_no_worker_any_more_gives_up(stage):
    """It would look alive for ever, and run nothing. A start that fails now and then is no reason."""
    stage.pass_time(5)
    stage.host.processes.start_failures = 1.0
    stage.host.processes.kill_all()
    stage.pass_time(20)
    stage.host.processes.start_failures = 0.0
    stage.pass_time(30)
    task_id = stage.add()
    stage.pass_time(2)
    assert stage.state(task_id) is TaskState.SUCCEEDED
    stage.host.processes.start_failures = 1.0
    stage.host.processes.kill_all()

    with pytest.raises(LilotaError, match="No worker process could be started, 10 times in a row; the last one "):
        stage.pass_time(300)


def test_a_runner_whose_workers_lack_a_plugin_takes_nothing_and_gives_up(stage, caplog):
    """A task that was claimed for the worker before goes back unspent; the failure says what the workers lack."""
    stage.pass_time(5)
    stage.host.processes.unfit_because = "The plugin 'sole' is gone. Restart the runner."
    stage.host.processes.kill_all()
    task_id = stage.add()

    with pytest.raises(LilotaError, match=r"10 times in a row; the last one has not what its runner has\. The plugin"):
        stage.pass_time(300)

    info = stage.shared.inner.get(task_id)
    assert (info.state, info.attempt, info.lost_attempts) == (TaskState.PENDING, 0, 0)
    assert caplog.text.count("takes no tasks, and a restart of the runner is due: The plugin 'sole' is gone.") == 1


def test_what_happens_during_an_outage_is_written_after_it(stage, caplog):
    """The outcome of a task that ends while the store is down is kept, and the log says so."""
    task_id = stage.add(seconds=1.0)
    stage.pass_time(0.8)
    stage.shared.down_until = stage.world.now + 1.5

    stage.pass_time(1.4)
    during = stage.state(task_id)
    stage.pass_time(3)

    assert during is TaskState.RUNNING
    assert stage.state(task_id) is TaskState.SUCCEEDED
    assert stage.shared.inner.get(task_id).attempt == 1
    assert "The store can't be used; 1 update(s) are kept and written later (next try in " in caplog.text
    assert caplog.text.count("The store answers again.") == 1


def test_an_outage_without_anything_to_keep_is_told_without_numbers(stage, caplog):
    """Nobody wonders what "0 updates" are."""
    stage.pass_time(0.8)
    stage.shared.down_until = stage.world.now + 1.5

    stage.pass_time(1.4)

    assert "The store can't be used (next try in " in caplog.text


def test_an_outcome_whose_reply_got_lost_is_no_refusal(stage, caplog):
    """It was written, and is sent again because nobody knows; then it counts as written, and observers hear of it."""
    caplog.set_level(logging.INFO, "lilota")
    task_id = stage.add(seconds=1.0)
    stage.pass_time(0.8)
    stage.host.store.loses_replies = True

    stage.pass_time(1.7)
    during = stage.state(task_id)
    stage.host.store.loses_replies = False
    stage.pass_time(3)

    assert during is TaskState.SUCCEEDED
    assert "was refused" not in caplog.text
    assert f"Task {task_id} (plain) succeeded" in caplog.text


def test_an_outcome_that_comes_too_late_after_a_lost_reply_is_refused(stage, caplog):
    """What the store has of this attempt is another end: somebody took the task away in the meantime."""
    task_id = stage.add(seconds=1.0)
    stage.pass_time(0.8)
    stage.shared.down_until = stage.world.now + 1.5
    stage.shared.inner.release("me")
    stage.shared.inner.cancel(task_id)

    stage.pass_time(4)

    assert stage.state(task_id) is TaskState.CANCELLED
    assert f"A write of the task {task_id}" in caplog.text


def test_during_an_outage_the_loop_rests(stage):
    """A store that is down for ten seconds is asked some times, not without a pause."""
    stage.pass_time(1)
    stage.shared.down_until = stage.world.now + 10
    before = stage.world.steps

    stage.pass_time(10)

    assert stage.world.steps - before < 150


def test_hints_during_an_outage_do_not_shorten_the_rest(stage):
    """A program that keeps adding does not make the runner hammer at a store that is down."""
    stage.pass_time(1)
    stage.shared.down_until = stage.world.now + 5
    attempts = []
    stage.host.store.commit = lambda *_: attempts.append(stage.world.now) or _raise(StoreUnavailableError("down"))

    for _ in range(500):
        stage.driver.look_again()
        stage.pass_time(0.01)

    assert len(attempts) < 12


def _raise(error):
    raise error


def test_a_stop_waits_for_what_runs(stage):
    """Draining is not asked for: what runs ends, what waits stays."""
    running, waiting = stage.add(seconds=2.0), stage.add(seconds=2.0)
    stage.pass_time(1)

    stage.host.stop(None)
    stage.pass_time(4)

    assert stage.host.ended
    assert stage.state(running) is TaskState.SUCCEEDED
    assert stage.state(waiting) is TaskState.PENDING


def test_workers_are_told_to_leave_in_the_round_that_finds_nothing_left_to_do(stage, monkeypatch):
    """A short program would wait for the next one."""
    stage.pass_time(1)
    sent = []
    monkeypatch.setattr(stage.host.processes, "send", lambda _number, message: sent.append(message))

    stage.host.stop(None)
    stage.driver.run_round()

    assert sent == [Finish()]


def test_a_stop_waits_for_the_store_to_come_back(stage):
    """The outcome of a finished task is not dropped because the store is down just then."""
    task_id = stage.add(seconds=1.0)
    stage.pass_time(0.8)
    stage.shared.down_until = stage.world.now + 8

    stage.host.stop(None)
    stage.pass_time(6)
    ended_during = stage.host.ended
    stage.pass_time(6)

    assert not ended_during
    assert stage.host.ended
    assert stage.state(task_id) is TaskState.SUCCEEDED


def test_a_stop_gives_up_on_a_store_that_stays_away(stage, caplog):
    """A runner can always be stopped; the log says what that means for its tasks."""
    stage.add(seconds=1.0)
    stage.pass_time(0.8)
    stage.shared.down_until = float("inf")

    stage.host.stop(None)
    stage.pass_time(60)

    assert stage.host.ended
    assert "what is not written is lost, and runs again after the lease" in caplog.text


def test_new_places_get_workers_and_lost_ones_do_not(stage):
    """The executor says how many there are now: none at first, then three, then one."""
    executor = stage.host.processes

    def offer(places):
        executor.number_of_places = places
        executor.wake()
        stage.pass_time(2)
        return len(executor.workers)

    assert [offer(0), offer(3)] == [0, 3]

    for worker in list(executor.workers.values())[:2]:
        worker.die("was lost: its node left the cluster")

    assert offer(1) == 1


def test_a_stop_that_loses_patience_kills_what_runs(stage):
    """Whoever stops again without patience does not wait for a task that was asked to end, and it is given back."""
    task_id = stage.add(seconds=100.0)
    stage.pass_time(1)
    stage.host.stop(None)
    stage.pass_time(5)
    waited = not stage.host.ended

    stage.driver.stop(drain=False, timeout_seconds=0)
    stage.pass_time(0.5)

    assert waited
    assert stage.host.ended
    assert (stage.state(task_id), stage.shared.inner.get(task_id).attempt) == (TaskState.PENDING, 0)


def test_a_stop_with_patience_asks_what_runs_when_its_time_is_over(stage):
    """The task ends by an exception then, not before, and is given back."""
    task_id = stage.add(seconds=100.0)
    stage.pass_time(1)

    stage.host.stop(3.0)
    stage.pass_time(2.5)
    early = stage.state(task_id)
    stage.pass_time(3)

    assert early is TaskState.RUNNING
    assert stage.host.ended
    assert (stage.state(task_id), stage.shared.inner.get(task_id).attempt) == (TaskState.PENDING, 0)


def test_a_stop_that_drains_runs_what_is_due_first(stage):
    """A store that forgets is emptied of what is due, and of what comes back after an error."""
    task_ids = [stage.add(seconds=1.0) for _ in range(3)]
    stage.pass_time(0.5)

    stage.driver.stop(drain=True, timeout_seconds=None)
    stage.pass_time(10)

    assert stage.host.ended
    assert [stage.state(task_id) for task_id in task_ids] == [TaskState.SUCCEEDED] * 3


def test_claims_of_a_lost_reply_are_given_back(stage, caplog):
    """Nobody would run them: the store counts them as ours, and they never came here."""
    stage.pass_time(0.8)
    stage.host.store.loses_replies = True
    task_id = stage.add()
    stage.pass_time(1.5)
    during = stage.state(task_id)

    stage.host.store.loses_replies = False
    stage.pass_time(5)

    assert during is TaskState.RUNNING
    assert "was granted in a reply that got lost; it is given back" in caplog.text
    assert stage.state(task_id) is TaskState.SUCCEEDED
    assert stage.shared.inner.get(task_id).attempt == 1


class NewerStore(MemoryTaskStore):
    """A store that a newer version has migrated in the meantime."""

    def commit(self, updates, request=None):
        raise StoreVersionError("The store was written by lilota 3.")


def test_a_store_of_a_newer_version_ends_the_loop_with_its_error(caplog):
    """Trying again would not help; nothing is left running."""
    store = NewerStore()
    world = World(1)
    processes = SimulatedProcesses(world, History(), lambda: None)
    teller = Teller(NoPlugins(), Waiters(store, told=True))
    driver = Driver(Engine("me", 1, ("plain",)), processes, store, teller)

    with caplog.at_level(logging.CRITICAL):
        driver.start()
        assert driver.join(60)

    assert isinstance(driver.failure, StoreVersionError)
    assert driver.settled.is_set()
    assert processes.workers == {}
    (told,) = caplog.records
    assert told.getMessage().endswith("The store was written by lilota 3.")
    assert told.exc_info is None


def test_a_driver_that_was_never_started_releases_its_processes():
    """A runner whose store could not be opened leaves no pipe and no folder."""
    closed = []
    processes = SimulatedProcesses(World(1), History(), lambda: None)
    processes.close = lambda: closed.append(True)
    store = MemoryTaskStore()
    driver = Driver(Engine("me", 1, ()), processes, store, Teller(NoPlugins(), Waiters(store, told=True)))

    assert driver.join(0)
    assert closed == [True]


def test_a_driver_still_counts_as_running_after_ctrl_c_has_interrupted_who_waits_for_its_end():
    """An interrupted `Thread.join` takes its thread for one that has ended: the store was closed under the engine."""
    held_up = threading.Event()
    processes = SimulatedProcesses(World(1), History(), lambda: None)
    processes.wait = lambda _timeout_seconds: [] * held_up.wait()
    store = MemoryTaskStore()
    driver = Driver(Engine("me", 1, ()), processes, store, Teller(NoPlugins(), Waiters(store, told=True)))
    driver.start()
    interrupting = threading.Thread(target=_interrupt_in, args=(Driver.join, threading.get_ident()))
    interrupting.start()

    with pytest.raises(KeyboardInterrupt):
        driver.join(60)

    interrupting.join()
    assert not driver.join(0)
    driver.fail(RuntimeError("the test ends it"))
    held_up.set()
    assert driver.join(60)


def _interrupt_in(function, thread):
    """Press Ctrl-C when a thread is in a function."""
    until(lambda: list(_codes(frames_of_threads()[thread])), lambda codes: function.__code__ in codes)
    signal.pthread_kill(thread, signal.SIGINT)


def _codes(frame):
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back
