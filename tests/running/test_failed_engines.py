"""An engine that fails is loud: whoever adds, waits or looks hears of it, and what ran with it counts as lost."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from lilota_memory_store import MemoryTaskStore
from programs import Program
from runner_tasks import TASKS
from running import until

from lilota.adding.waiters import Waiters
from lilota.config import Settings
from lilota.diagnosis import examine
from lilota.errors import LilotaError, StoreUnavailableError
from lilota.handles import TaskHandle
from lilota.models import AttemptUpdate, LogLine, NewTask, TaskState
from lilota.runner import TaskRunner
from lilota.stores import open_store


def make_runner(store, processes=1, **options):
    runner = TaskRunner(store, processes, settings=Settings(), **options)
    for name, clazz in TASKS.items():
        runner.register(name, clazz)
    return runner


def fail(runner, error):
    """Let the engine of a runner meet an error that nobody expects."""

    def raise_it(_now):
        raise error

    runner._run._engine.tick = raise_it
    runner._run.driver.order(lambda: None)
    until(runner._run.driver._thread.is_alive, lambda is_alive: not is_alive)


@contextmanager
def opened(url):
    store = open_store(url)
    store.open()
    try:
        yield store
    finally:
        store.close()


def runs(handle):
    return until(handle.info, lambda info: info.reported_progress > 0)


def test_a_failed_engine_is_seen_wherever_somebody_looks(tmp_path, caplog):
    """Adding, waiting, awaiting, the store and `stop` tell of it; another runner runs what was left."""
    url = f"sqlite:///{tmp_path / 'tasks.db'}"
    runner = make_runner(url)
    runner.start()
    ran = runner.add("sleep")
    runs(ran)
    waits = runner.add("hash", input={"text": "a"})
    with ThreadPoolExecutor(2) as others, opened(url) as store:
        waiting = others.submit(ran.result, 60)
        awaiting = others.submit(asyncio.run, _await(waits))
        until(lambda: runner._waiters, lambda waiters: waiters._events and waiters._futures)

        fail(runner, KeyError("planted"))

        for tells in (lambda: waiting.result(60), lambda: awaiting.result(60), lambda: waits.result(60)):
            with pytest.raises(LilotaError, match=r"engine of the runner failed.*KeyError: 'planted'"):
                tells()
        for add in (lambda: runner.add("hash", input={"text": "b"}), lambda: runner.add_many([{"name": "fail"}])):
            with pytest.raises(LilotaError, match=r"^Nothing was added, because .*planted.*Stop the runner, and start"):
                add()
        assert len(store.get_all_tasks()) == 2
        assert [(known.has_expired, known.about) for known in store.runners()] == [
            (True, {"failure": "KeyError: 'planted'"})
        ]
        findings = [finding for finding in examine(url) if finding.check == "runners"]
        assert [finding.status for finding in findings] == ["problem"]
        with pytest.raises(LilotaError, match="had failed: KeyError: 'planted'"):
            runner.stop()
        assert store.runners() == []
        states = [(info.state, info.attempt, info.lost_attempts) for info in (store.get(ran.id), store.get(waits.id))]
        assert states == [(TaskState.PENDING, 1, 1), (TaskState.PENDING, 0, 0)]
        store.cancel(ran.id)
    assert "The engine of the runner failed" in caplog.text
    with make_runner(url) as second:
        assert second.client.get(waits.id).result(60)


async def _await(handle):
    return await handle


def test_an_attempt_that_ends_engine_after_engine_fails_in_the_end(tmp_path):
    """Each counts as lost, as if the runner had been killed; so it does not go through all runners there are."""
    url = f"sqlite:///{tmp_path / 'tasks.db'}"
    with opened(url) as store:
        (task_id,) = store.add([NewTask(name="sleep")])
        for _ in range(3):
            runner = make_runner(url)
            runner.start()
            runs(runner.client.get(task_id))
            fail(runner, OverflowError("planted"))
            with pytest.raises(LilotaError):
                runner.stop()
        info = store.get(task_id)

    assert (info.state, info.lost_attempts, info.error.type) == (TaskState.FAILED, 3, "WorkerDied")
    assert "ended with its runner, whose engine failed (OverflowError: planted)" in info.error.message


class Refusing(MemoryTaskStore):
    """A store that can't write certain lines, and with `is_down` nothing at all; it raises what no store should.

    Attributes:
        later: how many seconds its clock is ahead.
    """

    is_down = False
    later = 0.0

    def __init__(self):
        super().__init__(lambda: time.time() + self.later)

    def commit(self, updates, request=None):
        if self.is_down:
            raise StoreUnavailableError("down")
        if any(line.text == "poison" for update in updates for line in update.log_lines):
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        return super().commit(updates, request)


def test_what_can_not_be_written_fails_its_task_and_no_other(caplog):
    """The engine goes on; the neighbours of the batch are written, and the worker of that task is replaced."""
    store = Refusing()
    with make_runner(store, processes=2) as runner:
        poisoned, neighbour = runner.add("sleep"), runner.add("sleep", input={"seconds": 3})
        runs(poisoned)
        runs(neighbour)
        line = LogLine(at=1.0, text="poison")
        update = AttemptUpdate(id=poisoned.id, token=poisoned.info().token, log_lines=(line,))
        runner._run.driver.order(lambda: runner._run._engine.holdings.keep_updates([update]))

        ended = until(poisoned.info, lambda info: info.state.is_terminal)
        assert neighbour.result(60) is None
        assert runner.add("hash", input={"text": "a"}).result(60)
        assert runner.failure is None
    assert (ended.state, ended.error.type) == (TaskState.FAILED, "UnwritableReport")
    assert "can't be written: OverflowError: Python int too large" in ended.error.message
    assert f"What the task {poisoned.id} has reported can't be written" in caplog.text


def test_an_engine_that_fails_while_the_store_is_away_leaves_its_attempts_to_the_lease(caplog):
    """Nothing is given back unspent: `release` would let the task that was the reason go on for ever."""
    store = Refusing()
    runner = make_runner(store)
    runner.start()
    ran = runner.add("sleep")
    runs(ran)
    store.is_down = True
    fail(runner, KeyError("planted"))
    with pytest.raises(LilotaError):
        runner.stop()
    store.is_down = False
    store.later = 3600.0

    assert store.rescue() == [ran.id]
    assert store.get(ran.id).lost_attempts == 1


def test_whoever_follows_a_task_hears_of_the_failure():
    """As does who begins after it; what has happened before is told first."""
    store = MemoryTaskStore()
    waiters = Waiters(store, told=True)
    (task_id,) = store.add([NewTask(name="task")])
    changes, later = (TaskHandle(task_id, waiters).changes() for _ in range(2))
    next(changes)

    waiters.note_failure(ValueError("no such luck"))

    for several in (changes, later):
        with pytest.raises(LilotaError, match="nothing runs here any more: ValueError: no such luck"):
            list(several)
    waiters.note_failure(None)
    store.cancel(task_id)
    assert next(changes).state is TaskState.CANCELLED


def test_who_begins_to_wait_after_the_failure_hears_of_it_too():
    """Until the runner was stopped: then another one may run it."""
    store = MemoryTaskStore()
    (task_id,) = store.add([NewTask(name="task")])
    waiters = Waiters(store, told=True)

    waiters.note_failure(KeyError("planted"))
    with pytest.raises(LilotaError, match="planted"):
        waiters.wait(task_id, 60)
    assert isinstance(waiters.future(task_id).exception(60), LilotaError)
    waiters.note_failure(None)
    assert waiters.wait(task_id, 0) is None


PROGRAM = """
import os, sys
from lilota.engine.engine import Engine
from lilota.cli.main import main

if __name__ == "__main__":
    tick = Engine.tick

    def is_due(engine):
        return engine.crew.is_ready and OCCASION

    def fail(engine, now):
        if is_due(engine):
            raise KeyError("planted")
        tick(engine, now)

    Engine.tick = fail
    sys.argv[1:] = ["worker", "--processes", "1", "--store", "sqlite:///tasks.db"]
    main()
"""
#: When the engine fails: once a file says so, or because it is being stopped.
OCCASIONS = {"by itself": "os.path.exists('fail')", "while stopping": "not engine._claiming"}


@pytest.mark.parametrize("occasion", OCCASIONS)
def test_the_command_of_a_worker_whose_engine_fails_exits_with_an_error(tmp_path, occasion):
    """Whoever starts it again on failure, as systemd does, sees one; nobody reads that it has stopped in good order."""
    program = Program(tmp_path, PROGRAM.replace("OCCASION", OCCASIONS[occasion]))
    program.wait_for("Ready.")
    if occasion == "while stopping":
        program.interrupt()
    else:
        (tmp_path / "fail").touch()

    assert program.wait() == 1
    assert "Error: The engine of the runner had failed: KeyError: 'planted'" in program.output
    assert "Stopped." not in program.output
    assert program.left_alive() == {}


class RaisingHandler(logging.Handler):
    """A handler of an application that is broken."""

    def handle(self, record):
        if record.name == "lilota.running.telling":
            raise KeyError("a handler")
        return True


def test_a_broken_handler_of_the_application_does_not_end_its_runner(capfd):
    """What `logging` does with an error in a handler is done here too: it is shown, and nothing else happens."""
    handler = RaisingHandler()
    logging.getLogger("lilota").addHandler(handler)
    try:
        with make_runner(MemoryTaskStore()) as runner:
            runner.add("fail").info()
            until(lambda: runner.store.get_all_tasks()[0].state, lambda state: state is TaskState.FAILED)
            assert runner.add("hash", input={"text": "a"}).result(60)
    finally:
        logging.getLogger("lilota").removeHandler(handler)

    assert "KeyError: 'a handler'" in capfd.readouterr().err
