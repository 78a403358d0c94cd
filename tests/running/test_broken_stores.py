"""A store with a bug: the threads of its runner wait it out as if it were away, or the runner fails; none just ends."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from types import SimpleNamespace

import pytest
from lilota_memory_store import MemoryTaskStore
from runner_tasks import TASKS
from running import until

from lilota.client import TaskClient
from lilota.config import Settings
from lilota.contract import TaskStore
from lilota.errors import LilotaError, StoreError, TaskNotFoundError
from lilota.plugins.guarded_stores import GuardedStore, StoreFaultError
from lilota.runner import TaskRunner
from lilota.running import housekeeping, lease

DAY = 86_400.0


class PanicError(BaseException):
    """What a store that is written in Rust raises when it has a bug."""


class BrokenStore(MemoryTaskStore):
    """Raises in a method, as often as a test wants it, what no store should."""

    def __init__(self):
        super().__init__()
        self.error: type[BaseException] | None = None
        self.broken = ""
        self.asked = 0

    def break_down(self, method, error):
        self.asked, self.error, self.broken = 0, error, method

    def mend(self):
        self.error = None

    def _called(self, method):
        if method == self.broken:
            self.asked += 1
            if self.error is not None:
                raise self.error("planted")

    def commit(self, updates, request=None):
        self._called("commit")
        return super().commit(updates, request)

    def find(self, query):
        self._called("find")
        return super().find(query)

    def heartbeat(self, runner):
        self._called("heartbeat")
        return super().heartbeat(runner)

    def open(self):
        self._called("open")
        super().open()

    def prune(self, older_than_seconds, states=None, limit=1000):
        self._called("prune")
        return super().prune(older_than_seconds, states, limit)

    def release(self, runner_id):
        self._called("release")
        return super().release(runner_id)

    def runners(self):
        self._called("runners")
        return super().runners()

    def take_turn(self, chore, every_seconds):
        self._called("take_turn")
        return super().take_turn(chore, 0.01)

    def wait_for_change(self, timeout_seconds):
        self._called("wait_for_change")
        return super().wait_for_change(timeout_seconds)


def make_runner(store, **options):
    runner = TaskRunner(store, 1, settings=Settings(prune_after_seconds=DAY), **options)
    for name, clazz in TASKS.items():
        runner.register(name, clazz)
    return runner


@pytest.fixture
def quick(monkeypatch):
    """Let the threads that do something now and then do it all the time."""
    monkeypatch.setattr(lease, "_RESCUE_SECONDS", 0.02)
    monkeypatch.setattr(housekeeping.Housekeeper.__init__, "__defaults__", (0.02,))


ERRORS = [KeyError, SystemExit, PanicError, asyncio.CancelledError]
METHODS = ["commit", "runners", "take_turn", "prune", "wait_for_change"]


@pytest.mark.parametrize("error", [KeyError, PanicError], ids=lambda error: error.__name__)
def test_a_runner_waits_out_whatever_its_store_raises(quick, caplog, error):
    """In each of its threads: the store is asked again, the log names the store and the error, and nothing is lost."""
    store = BrokenStore()
    with make_runner(store) as runner:
        handle = runner.add("sleep")
        until(handle.info, lambda info: info.reported_progress > 0)
        for method in METHODS:
            store.break_down(method, error)
            until(lambda: store.asked, lambda asked: asked >= 2)
            assert f"came out of {method}() of the store BrokenStore" in caplog.text
            store.mend()
            until(lambda: store.asked, lambda asked: asked >= 4)
        assert runner.failure is None
        assert {thread.name for thread in threading.enumerate()} >= {
            "lilota-engine",
            "lilota-lease",
            "lilota-lease-watch",
            "lilota-housekeeping",
            "lilota-watcher",
        }
        assert handle.info().attempt == 1
        store.cancel(handle.id)
        assert runner.add("hash", input={"text": "a"}).result(60)
    assert f"raised {error.__name__}" in caplog.text


def test_an_outcome_outlives_the_bug_of_a_store_that_can_write_nothing(tmp_path, caplog):
    """It is not the report that can't be written, since the word that the attempt failed can't be written either."""
    store = BrokenStore()
    with make_runner(store) as runner:
        handle = runner.add("wait", input={"file": str(tmp_path / "go on")})
        until(handle.info, lambda info: info.reported_progress > 0)
        store.break_down("commit", KeyError)
        (tmp_path / "go on").touch()
        until(lambda: "are kept and written later" in caplog.text, bool)
        store.mend()

        assert handle.result(60) is None
        assert handle.info().attempt == 1
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_the_traceback_of_a_bug_is_logged_once(quick, caplog):
    """A minute of tries is not a minute of tracebacks."""
    store = BrokenStore()
    with make_runner(store):
        store.break_down("runners", KeyError)
        until(lambda: store.asked, lambda asked: asked >= 4)
        store.mend()
        until(lambda: "The store answers the heartbeats again." in caplog.text, bool)

    assert len([record for record in caplog.records if record.exc_info]) == 1
    assert caplog.text.count("The runner could not look for tasks of dead runners: runners() of the store") == 1


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_nothing_but_errors_of_lilota_comes_out_of_the_store_of_a_runner(error):
    """Whichever method it is; what lilota's own errors say is left to them."""

    def fail(*_arguments, **_keywords):
        raise error("planted")

    def lack(*_arguments, **_keywords):
        raise TaskNotFoundError(1)

    methods = [name for name in vars(TaskStore) if not name.startswith("_")]
    broken = SimpleNamespace(**dict.fromkeys(methods, fail))
    lacking = SimpleNamespace(**dict.fromkeys(methods, lack))

    for method in methods:
        arguments = {name: None for name in inspect.signature(getattr(TaskStore, method)).parameters if name != "self"}
        with pytest.raises(
            StoreFaultError, match=rf"^fail\(\) of the store SimpleNamespace .* raised {error.__name__}"
        ):
            getattr(GuardedStore(broken), method)(**arguments)
        with pytest.raises(TaskNotFoundError):
            getattr(GuardedStore(lacking), method)(**arguments)


@pytest.mark.parametrize("method", ["open", "heartbeat"])
def test_a_runner_does_not_start_on_a_store_that_is_broken(method):
    """Who starts it hears which store it is, as one error that every caller knows."""
    store = BrokenStore()
    runner = make_runner(store)
    store.break_down(method, PanicError)

    with pytest.raises(
        StoreError, match=rf"^{method}\(\) of the store BrokenStore \(.*test_broken_stores\) raised Panic"
    ):
        runner.start()

    assert runner.runner_id is None


def test_a_store_that_is_broken_when_its_runner_stops_holds_up_nobody(caplog):
    """The lease runs out instead, and the log says so."""
    store = BrokenStore()
    with make_runner(store):
        store.break_down("release", SystemExit)

    assert "its lease will run out: release() of the store BrokenStore" in caplog.text


class Nonsense(MemoryTaskStore):
    """Answers what no store should; `answers` is method -> answer."""

    def __init__(self):
        super().__init__()
        self.answers = {}

    def commit(self, updates, request=None):
        return self.answers.get("commit") or super().commit(updates, request)

    def prune(self, older_than_seconds, states=None, limit=1000):
        return self.answers.get("prune") or super().prune(older_than_seconds, states, limit)

    def take_turn(self, chore, every_seconds):
        return super().take_turn(chore, 0.01)

    def runners(self):
        return self.answers.get("runners") or super().runners()


@pytest.mark.parametrize(
    ("method", "thread"), [("commit", None), ("runners", "lilota-lease"), ("prune", "lilota-housekeeping")]
)
def test_a_runner_fails_loudly_where_its_store_answers_nonsense(quick, caplog, method, thread):
    """None of its threads ends alone, so that the runner would look alive, and lack what that thread is for."""
    store = Nonsense()
    runner = make_runner(store)
    runner.start()
    store.answers[method] = "nonsense"

    until(lambda: runner.failure, bool)

    store.answers.clear()
    with pytest.raises(LilotaError, match="The engine of the runner had failed: "):
        runner.stop()
    if thread is not None:
        assert f"The thread {thread!r} of the runner failed, and the runner with it." in caplog.text


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_who_awaits_hears_of_the_bug_of_a_store(error):
    """The thread that looks for all who await goes on: the next one hears of the store as it is then."""
    store = BrokenStore()
    with make_runner(store) as runner:
        client = TaskClient(store, registry=runner.registry)
        waits = client.add("sleep")
        store.break_down("find", error)

        async def wait():
            await waits

        with pytest.raises(StoreError, match=f"BrokenStore can't be asked: it raised {error.__name__}"):
            asyncio.run(wait())
        store.mend()
        store.cancel(waits.id)
        with pytest.raises(LilotaError, match="cancelled"):
            asyncio.run(wait())


def test_a_handler_of_the_application_hears_of_a_bug_at_the_level_of_errors(caplog):
    """Somebody must look: warnings are for what mends itself."""
    store = BrokenStore()
    with make_runner(store):
        store.break_down("wait_for_change", KeyError)
        until(lambda: "came out of wait_for_change()" in caplog.text, bool)
        store.mend()

    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]
