"""What an application does with a runner: calls in every order, arguments, adding, and stopping."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import re
import signal
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lilota_memory_store import MemoryTaskStore
from msgspec.structs import replace
from runner_tasks import TASKS, FailLater, Hash
from running import stopping, until

from lilota.client import TaskClient
from lilota.config import Settings
from lilota.contract.forwarding import ForwardingStore
from lilota.engine.executor import ExecutorCapabilities
from lilota.errors import (
    ConfigurationError,
    InvalidInputError,
    InvalidTaskError,
    LilotaError,
    PluginError,
    RunnerStateError,
    StoreUnavailableError,
    TaskFailedError,
    UnknownStoreError,
    UnknownTaskError,
)
from lilota.models import TaskBase, TaskState
from lilota.runner import TaskRunner
from lilota.running.run import RunnerStart
from lilota.stores import StoreManager
from lilota.testing.executors.crew import is_alive
from lilota.workers.processes import WorkerProcesses


class WholeNames(ForwardingStore):
    """A store of the first contract."""

    def capabilities(self):
        return replace(super().capabilities(), supports=frozenset())


def make_runner(store=None, processes=1, **options):
    """Return a runner that knows the tasks of these tests and is not started."""
    runner = TaskRunner(store or MemoryTaskStore(), processes, settings=Settings(), **options)
    for name, clazz in TASKS.items():
        runner.register(name, clazz)
    return runner


@pytest.fixture(scope="module")
def started():
    """A started runner for the tests that only add to it."""
    with make_runner(processes=2) as runner:
        yield runner


# --- calls in the wrong order


def test_a_started_runner_cannot_be_started(started):
    """A second start is refused and the first goes on."""
    with pytest.raises(RunnerStateError, match=r"^The task runner is already started$"):
        started.start()
    assert started.add("hash", input={"text": "a"}).result(60)


@pytest.mark.parametrize("call", [lambda r: r.add("hash"), lambda r: r.add_many([{"name": "hash"}])])
def test_adding_before_the_start_is_refused(call):
    """Nothing is added to a runner that does not run."""
    runner = make_runner()

    with pytest.raises(RunnerStateError, match=r"^The task runner must be started first$"):
        call(runner)
    assert runner.store.get_all_tasks() == []


def test_a_task_that_adds_to_the_runner_of_its_module_is_told_what_to_use(started):
    """The runner of the program is in another process; the one that its module makes is never started."""
    with pytest.raises(TaskFailedError, match=r"not in this child process.* Add with a lilota\.TaskClient here\."):
        started.add("addtorunner").result(60)


@pytest.mark.parametrize("name", ["map", "handle", "find"])
def test_what_clients_have_is_said_to_be_theirs(name):
    """A runner has what needs one that is started; `executor.map` is where others look."""
    runner = TaskRunner("memory")

    with pytest.raises(AttributeError, match=rf"no attribute '{name}'\. Write runner\.client\.{name}\.$"):
        getattr(runner, name)
    with pytest.raises(AttributeError, match=r"no attribute 'submit'\.$"):
        runner.submit  # noqa: B018 - that is the test


def test_stopping_before_the_start_is_refused():
    """There is nothing to be stopped."""
    text = r"^The task runner cannot be stopped because it was not started$"

    with pytest.raises(RunnerStateError, match=text):
        make_runner().stop()


def test_registering_after_the_start_is_refused(started):
    """The workers know the names that were there when they started."""
    text = (
        r"^It is not allowed to register classes after the task runner was started\. "
        r"Stop the runner first using the stop\(\) method\.$"
    )

    with pytest.raises(RunnerStateError, match=text):
        started.register("late", Hash)


def test_a_runner_can_be_stopped_twice_only_if_it_was_started_twice():
    """Stop, stop again is an error; start, stop, start, stop is not, and registering is possible in between."""
    runner = make_runner()
    runner.start()
    runner.stop()
    with pytest.raises(RunnerStateError):
        runner.stop()

    runner.register("again", Hash)
    runner.start()
    result = runner.add("again", input={"text": "a"}).result(60)
    runner.stop()

    assert result


@pytest.mark.parametrize(
    "arguments",
    [
        ["--multiprocessing-fork", "tracker_fd=5", "pipe_handle=7"],
        ["-E", "-c", "from multiprocessing.resource_tracker import main;main(5)"],
        ["-c", "import sys; from multiprocessing.forkserver import main; main(5, 6)"],
    ],
)
def test_a_frozen_program_that_forgets_freeze_support_starts_no_runner_in_its_children(monkeypatch, arguments):
    """Each of them would be the program again, and start more of them, without an end."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "argv", ["program", *arguments])
    runner = make_runner()

    with pytest.raises(RunnerStateError, match=r"Call multiprocessing.freeze_support\(\) first of all"):
        runner.start()

    assert runner.runner_id is None


# --- arguments


@pytest.mark.parametrize("count", ["2", 2.0, True])
def test_a_number_of_processes_that_is_no_whole_number_is_refused(count):
    """The message names the argument."""
    with pytest.raises(TypeError, match="'number_of_processes' is not of type int"):
        TaskRunner(MemoryTaskStore(), count)


@pytest.mark.parametrize("count", [0, -1])
def test_a_number_of_processes_below_one_is_refused(count):
    """The message says what was passed."""
    with pytest.raises(ConfigurationError, match=f"must be at least 1, not {count}"):
        TaskRunner(MemoryTaskStore(), count)


@pytest.mark.parametrize("places", [0, 10_001, "2", True, 1.0])
def test_a_number_of_places_that_can_not_be_is_refused(places):
    """The message says which may be."""
    with pytest.raises(ConfigurationError, match="'places_per_process' must be a whole number from 1 to 10,000, not"):
        TaskRunner(MemoryTaskStore(), places_per_process=places)


@pytest.mark.parametrize(
    "rule",
    [
        {"recycle_after_tasks": 0},
        {"recycle_after_tasks": 1.5},
        {"recycle_after_tasks": True},
        {"recycle_after_seconds": 0},
        {"recycle_after_seconds": float("nan")},
        {"recycle_after_mb": "500"},
        {"recycle_after_mb": 49},
    ],
    ids=str,
)
def test_a_rule_to_replace_workers_that_can_not_be_is_refused(rule):
    """The message names it, and says what it may be."""
    with pytest.raises(ConfigurationError, match=f"'{next(iter(rule))}' must be a (whole )?number .*, not "):
        TaskRunner(MemoryTaskStore(), **rule)


def test_queues_as_text_are_refused():
    """A single name would be taken for a list of letters."""
    with pytest.raises(ConfigurationError, match=r"write queues=\['mail'\]"):
        TaskRunner(MemoryTaskStore(), queues="mail")


@pytest.mark.parametrize("queues", [[], [""], [" "], ["mail", 1], ["\ud800"], ["a\x1b"], ["q" * 201], [None]])
def test_queues_in_which_no_task_can_be_are_refused(queues):
    """The runner would start, look alive, and run nothing; a heartbeat could not even tell of some of them."""
    with pytest.raises(ConfigurationError, match="'queues'"):
        TaskRunner(MemoryTaskStore(), queues=queues)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), 1e9])
def test_a_lease_that_makes_no_sense_is_refused(seconds):
    """Neither none nor for ever."""
    with pytest.raises(ConfigurationError, match="lease_seconds"):
        TaskRunner(MemoryTaskStore(), lease_seconds=seconds)


@pytest.mark.parametrize("name", ["nosuch.py", "tasks.txt", "my-tasks.py", "class.py", "folder.py", "other/tasks.py"])
def test_a_file_that_can_be_no_module_is_not_uploaded(name, tmp_path):
    """It is missing, or could not be imported, or only one of two of the same name could be; the message names it."""
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "other").mkdir()
    for path in ("tasks.py", "tasks.txt", "my-tasks.py", "class.py", "other/tasks.py"):
        (tmp_path / path).touch()

    with pytest.raises(ConfigurationError, match=f"'upload_modules' .*{re.escape(name)}"):
        TaskRunner(MemoryTaskStore(), upload_modules=[tmp_path / "tasks.py", tmp_path / name])


def test_a_single_file_to_be_uploaded_is_refused():
    """It would be taken for a list of letters."""
    with pytest.raises(ConfigurationError, match=r"write upload_modules=\['tasks.py'\]"):
        TaskRunner(MemoryTaskStore(), upload_modules="tasks.py")


def test_an_unknown_start_method_is_refused_with_those_that_exist():
    """Never `fork`, which copies locks in whatever state they are."""
    runner = make_runner(start_method="fork")

    with pytest.raises(ConfigurationError, match="Choose one of: forkserver, spawn"):
        runner.start()
    assert runner.runner_id is None


@pytest.mark.parametrize(("store", "error"), [(object(), ConfigurationError), ("nosuch://x", UnknownStoreError)])
def test_what_is_no_store_is_refused(store, error):
    """An object without the methods of a store, and a URL that no installed package knows."""
    with pytest.raises(error):
        TaskRunner(store, settings=Settings())


# --- executors


class CarefulProcesses(WorkerProcesses):
    """Processes that nobody can kill."""

    def capabilities(self):
        return ExecutorCapabilities(description="careful processes", forced_kill=False)


def test_a_program_can_bring_its_own_executor(caplog):
    """It is told what was asked of it; what it can't promise is said when the runner starts."""
    asked = []

    def make(options):
        asked.append(options)
        return CarefulProcesses(options)

    runner = make_runner(processes=2, executor=make, lease_seconds=12.5, upload_modules=[__file__])
    with runner:
        assert runner.add("hash", input={"text": "a"}).result(timeout_seconds=60)

    (options,) = asked
    assert (options.url, options.number_of_processes) == ("", 2)
    assert (options.lease_seconds, options.upload_modules) == (12.5, (__file__,))
    assert "can't be ended by force: careful processes" in caplog.text


def test_an_unknown_executor_is_refused_where_it_is_named(monkeypatch):
    """As an argument, or in the environment, which says so with the first runner."""
    monkeypatch.setenv("LILOTA_EXECUTOR", "dusk://host:8786")

    for executor in ("dusk", None):
        with pytest.raises(ConfigurationError, match="Unknown executor 'dusk'"):
            TaskRunner(MemoryTaskStore(), executor=executor)


def test_an_executor_that_lacks_a_method_is_refused():
    """A package that was written for another version of lilota says so before anything runs."""
    runner = make_runner(executor=lambda options: object())

    with pytest.raises(PluginError, match=r"lacks .*'kill_all'.*Upgrade its package"):
        runner.start()
    assert runner.runner_id is None


# --- what can be registered


class Abstract(TaskBase):
    """A class whose `run` is missing."""


def _local_class():
    class Local(TaskBase):
        def run(self):
            return {}

    return Local


@pytest.mark.parametrize("clazz", [Abstract, object, Hash.run, "Hash", _local_class()])
def test_what_cannot_be_a_task_is_refused_when_it_is_registered(clazz):
    """Abstract, no task at all, not a class, not importable in a worker: it is said at once."""
    with pytest.raises(InvalidTaskError, match="'bad'"):
        make_runner().register("bad", clazz)


# --- adding


def test_an_unknown_name_is_refused_with_the_nearest_known_one(started):
    """Nothing is added under a misspelt name."""
    with pytest.raises(UnknownTaskError, match=r"'hahs'.*'hash'"):
        started.add("hahs", input={"text": "a"})


@pytest.mark.parametrize("value", [[1], "text", {"a": float("nan")}, {"a": {1}}, {1: 2}])
def test_input_that_is_no_json_object_is_refused(started, value):
    """Nothing is added that no worker could read."""
    before = len(started.store.get_all_tasks())

    with pytest.raises(InvalidInputError):
        started.add("hash", input=value)
    assert len(started.store.get_all_tasks()) == before


def test_add_many_adds_all_or_none(started):
    """One bad task in the middle, and nothing is added."""
    before = len(started.store.get_all_tasks())
    good = {"name": "hash", "input": {"text": "a"}}

    with pytest.raises(UnknownTaskError):
        started.add_many([good, {"name": "nosuch"}, good])
    with pytest.raises(InvalidInputError, match="priorty"):
        started.add_many([good, {"name": "hash", "priorty": 1}])
    assert len(started.store.get_all_tasks()) == before


def test_add_many_returns_handles_in_the_order_of_the_tasks(started):
    """Each result belongs to its input."""
    handles = started.add_many([{"name": "hash", "input": {"text": str(n)}} for n in range(20)])

    assert len({handle.result(60)["sha256"] for handle in handles}) == 20
    assert [handle.info().input["text"] for handle in handles] == [str(n) for n in range(20)]


def test_a_delayed_task_does_not_run_before_its_time(started):
    """Both ways to say when are kept to, by the store's clock."""
    handles = [
        started.add("hash", input={"text": "a"}, delay_seconds=0.3),
        started.add("hash", input={"text": "a"}, run_at=datetime.now(UTC) + timedelta(seconds=0.3)),
    ]

    for handle in handles:
        assert handle.result(60)
        assert handle.info().started_at >= handle.info().run_at


def test_higher_priority_runs_first():
    """Among tasks that wait, the urgent ones go first, whatever the order of adding."""
    runner = make_runner()
    low = runner.client.add("hash", input={"text": "low"})
    high = runner.client.add("hash", input={"text": "high"}, priority=10)
    with runner:
        low.result(60)

    assert high.info().started_at < low.info().started_at


def test_a_runner_leaves_other_queues_alone():
    """Only the queues that it serves are claimed, and the end of the runner does not wait for the others."""
    with make_runner(queues=["mail"]) as runner:
        mine = runner.add("hash", input={"text": "a"}, queue="mail")
        other = runner.add("hash", input={"text": "a"}, queue="default")
        mine.result(60)

    assert other.info().state is TaskState.PENDING


def test_a_runner_leaves_names_that_it_does_not_know_to_others():
    """A task that another program added stays as it is."""
    store = MemoryTaskStore()
    other = make_runner(store)
    stranger = TaskRunner(store, 1, settings=Settings())
    stranger.register("known", Hash)
    unknown = other.client.add("hash", input={"text": "a"})
    with stranger:
        stranger.add("known", input={"text": "a"}).result(60)

    assert unknown.info().state is TaskState.PENDING
    assert unknown.info().attempt == 0


def test_a_family_runs_all_names_that_begin_like_it():
    """Also on a store that forgets, which is drained of them at the end, and of nothing else."""
    store = MemoryTaskStore()
    stranger = make_runner(store)
    foreign = stranger.client.add("hash", input={"text": "a"})
    runner = TaskRunner(store, 1, settings=Settings())
    runner.register("hashes:*", Hash)
    with runner:
        assert runner.add("hashes:short", input={"text": "a"}).result(timeout_seconds=60)
        late = [runner.add(f"hashes:{n}", input={"text": "a"}) for n in range(3)]

    assert {handle.info().state for handle in late} == {TaskState.SUCCEEDED}
    assert foreign.info().state is TaskState.PENDING


def test_a_runner_warns_of_a_store_that_gives_whole_names_only(caplog):
    """What is registered itself runs there all the same."""
    runner = TaskRunner(WholeNames(MemoryTaskStore()), 1, settings=Settings())
    runner.register("hashes:*", Hash)
    runner.register("hash", Hash)
    with runner:
        assert runner.add("hash", input={"text": "a"}).result(timeout_seconds=60)

    assert "No task of 'hashes:*' will run: the store (memory" in caplog.text


# --- stores


@pytest.mark.parametrize("address", ["memory", "sqlite:///{}/tasks.db"])
def test_the_store_may_be_a_name_or_a_url(address, tmp_path):
    """The runner opens it and closes it."""
    with make_runner(address.format(tmp_path)) as runner:
        assert runner.add("hash", input={"text": "a"}).result(60)


def test_the_store_may_be_the_proxy_of_a_manager():
    """A memory store in a process of its own, as in the first example of the documentation."""
    StoreManager.register("Store", MemoryTaskStore)
    with StoreManager() as manager, make_runner(manager.Store()) as runner:
        handle = runner.add("hash", input={"text": "a"})
        with pytest.raises(TaskFailedError):
            runner.add("fail").result(60)

        assert handle.result(60) == handle.info().output


# In Python 3.13 the pickler's buffer complains when it is collected together with the traceback that holds it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_manager_that_dies_ends_the_runner_with_a_clear_error():
    """The tasks are gone with it; `stop` says so, and no thread ends with a traceback of its own."""
    text = _error_after_death_of_manager()
    gc.collect()

    assert text.startswith("The engine of the runner had failed")


def _error_after_death_of_manager():
    StoreManager.register("Store", MemoryTaskStore)
    manager = StoreManager()
    manager.start()
    runner = make_runner(manager.Store(), lease_seconds=0.6)
    runner.start()
    manager.shutdown()
    until(lambda: runner.failure, lambda failure: failure is not None)
    with pytest.raises(LilotaError) as caught:
        runner.stop()
    return str(caught.value)


class Unavailable(MemoryTaskStore):
    """A store that can't be opened."""

    is_down = True

    def open(self):
        if self.is_down:
            raise StoreUnavailableError("The store is down.")


def test_a_runner_whose_store_is_down_does_not_start_and_can_be_started_later():
    """The error is the store's own, and nothing is left behind."""
    store = Unavailable()
    store.is_down = False
    runner = make_runner(store)
    store.is_down = True
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(StoreUnavailableError, match=r"The store is down\."):
        runner.start()
    after = len(os.listdir("/proc/self/fd"))

    store.is_down = False
    with runner:
        result = runner.add("hash", input={"text": "a"}).result(60)

    assert after <= before  # what tests before this one have left may go meanwhile
    assert result


def test_two_runners_in_one_process_share_a_store():
    """Each task runs once, whoever takes it."""
    store = MemoryTaskStore()
    with make_runner(store) as one, make_runner(store) as other:
        handles = [runner.add("hash", input={"text": str(n)}) for n in range(50) for runner in (one, other)]
        results = [handle.result(60) for handle in handles]

    assert all(results)
    assert {handle.info().attempt for handle in handles} == {1}


# --- stopping


def test_stop_on_a_store_that_forgets_runs_all_that_is_due():
    """Also an attempt that failed and comes back is seen through."""
    runner = make_runner(processes=2)
    runner.start()
    handles = [runner.add("hash", input={"text": str(n)}) for n in range(200)]
    again = runner.add("failonce")

    runner.stop()

    assert {handle.info().state for handle in handles} == {TaskState.SUCCEEDED}
    assert again.info().output == {"attempt": 2}


def test_stop_on_a_store_that_forgets_drops_what_is_not_due_with_a_warning(caplog):
    """Nobody waits for tomorrow, but nobody is left without notice either."""
    runner = make_runner()
    runner.start()
    handle = runner.add("hash", input={"text": "a"}, delay_seconds=86_400)
    polling = runner.add("comeback", input={"seconds": 86_400})
    until(polling.info, lambda info: info.error is not None)

    with caplog.at_level(logging.WARNING, logger="lilota"):
        runner.stop()

    assert handle.info().state is polling.info().state is TaskState.PENDING
    assert "2 task(s) that are not due yet are dropped" in caplog.text


def test_stop_on_a_durable_store_leaves_what_waits_to_the_next_start(tmp_path):
    """Nothing is lost, nothing has spent an attempt, and the next start runs it."""
    url = f"sqlite:///{tmp_path}/tasks.db"
    runner = make_runner(url)
    runner.start()
    busy = runner.add("wait", input={"file": str(tmp_path / "go on")})
    until(busy.info, lambda info: info.reported_progress > 0)
    handles = [runner.add("hash", input={"text": str(n), "seconds": 0.1}) for n in range(5)]
    with ThreadPoolExecutor(1) as other:
        stop = other.submit(runner.stop)
        stopping(runner)
        (tmp_path / "go on").touch()
        stop.result(60)
    between = [handle.info() for handle in handles]

    with make_runner(url) as runner:
        results = [runner.client.get(handle.id).result(60) for handle in handles]

    assert busy.info().state is TaskState.SUCCEEDED
    assert {info.state for info in between} == {TaskState.PENDING}
    assert {info.attempt for info in between} == {0}
    assert all(results)


def test_stop_with_a_time_limit_gives_back_what_does_not_end(tmp_path):
    """The task runs again later; it has neither failed nor spent an attempt."""
    runner = make_runner(f"sqlite:///{tmp_path}/tasks.db")
    runner.start()
    handle = runner.add("stubborn")
    until(handle.info, lambda info: info.reported_progress > 0)

    runner.stop(timeout_seconds=0.1)

    assert handle.info().state is TaskState.PENDING
    assert (handle.info().attempt, handle.info().lost_attempts) == (0, 0)


def test_a_second_stop_can_shorten_the_wait_of_the_first():
    """A person who loses patience in another thread is heard."""
    runner = make_runner()
    runner.start()
    handle = runner.add("sleep")
    until(handle.info, lambda info: info.reported_progress > 0)
    first = threading.Thread(target=runner.stop)
    first.start()
    stopping(runner)

    runner.stop(timeout_seconds=0)
    first.join(60)

    assert not first.is_alive()
    assert handle.info().state is TaskState.PENDING


def test_a_stop_says_what_it_waits_for(caplog):
    """Silence would look like a program that hangs; who waits learns how to wait no longer."""
    runner = make_runner(processes=7)
    runner.start()
    handles = [runner.add("sleep") for _ in range(7)]
    for handle in handles:
        until(handle.info, lambda info: info.reported_progress > 0)
    with caplog.at_level(logging.WARNING, logger="lilota"):
        stopping = threading.Thread(target=runner.stop)
        stopping.start()
        until(lambda: caplog.text, lambda text: "waits" in text)

    runner.stop(timeout_seconds=0)
    stopping.join(60)

    assert (
        "The runner waits for sleep 1, sleep 2, sleep 3, sleep 4, sleep 5 and 2 more, and for what else is due, "
        "because this store forgets. stop(timeout_seconds=0), in another thread, gives back what runs now."
    ) in caplog.text


def test_a_stop_names_what_comes_back_after_an_error(caplog):
    """On a store that forgets it is run to its end, though nothing runs just now."""
    runner = make_runner()
    runner.register("later", FailLater)
    runner.start()
    handle = runner.add("later")
    until(handle.info, lambda info: info.error is not None)
    with caplog.at_level(logging.WARNING, logger="lilota"):
        stopping = threading.Thread(target=runner.stop)
        stopping.start()
        until(lambda: caplog.text, lambda text: "The runner waits for later 1" in text)

    runner.stop(timeout_seconds=0)
    stopping.join(60)

    assert not stopping.is_alive()


def test_a_block_can_have_a_limit_for_its_stop(tmp_path, caplog, monkeypatch):
    """What has not ended then is given back, as with a limit of `stop()`."""
    monkeypatch.setattr("lilota.running.stopping._TELL_SECONDS", 0.0)
    with make_runner(f"sqlite:///{tmp_path}/tasks.db", stop_seconds=1.5) as runner:
        handle = runner.add("stubborn")
        until(handle.info, lambda info: info.reported_progress > 0)

    assert handle.info().state is TaskState.PENDING
    assert "The runner waits at most " in caplog.text


@pytest.mark.parametrize("seconds", [-1, float("nan"), "5", True], ids=str)
def test_a_limit_for_the_stop_that_makes_no_sense_is_refused(seconds):
    """No comparison with it would ever hold: the stop would wait for ever."""
    with pytest.raises(ConfigurationError, match="'stop_seconds' must be a number of seconds"):
        make_runner(stop_seconds=seconds)


def test_a_runner_goes_on_when_the_limit_of_its_stop_makes_no_sense():
    """It would else be forgotten, with its processes."""
    with make_runner() as runner:
        for seconds in (float("nan"), "5"):
            with pytest.raises(ConfigurationError, match="'timeout_seconds'"):
                runner.stop(seconds)

        assert runner.add("hash", input={"text": "a"}).result(60)


class WaitsForTheLoop(ForwardingStore):
    """Answers to a start and to the end of a stop when the event loop has answered, which it can't while it waits."""

    def __init__(self, store, loop):
        super().__init__(store)
        self._loop = loop

    def open(self):
        self._ask_the_loop()
        super().open()

    def release(self, runner_id):
        self._ask_the_loop()
        super().release(runner_id)

    def _ask_the_loop(self):
        if threading.current_thread() is not threading.main_thread():  # the constructor opens it, too
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop).result(60)


def test_async_with_starts_and_stops_beside_the_event_loop():
    """A server that answers others meanwhile goes on answering."""

    async def use():
        store = WaitsForTheLoop(MemoryTaskStore(), asyncio.get_running_loop())
        async with make_runner(store) as runner, TaskClient(store, registry=runner.registry) as client:
            result = await client.add("hash", input={"text": "a"})
        return runner, result

    runner, result = asyncio.run(use())

    assert runner.runner_id is None
    assert result["sha256"]


def test_an_application_starts_and_stops_its_runner_by_the_lifespan():
    """A framework enters what it returns, and keeps the state that it gives: none."""

    async def use():
        runner = make_runner()
        async with runner.lifespan(object()) as state:
            return runner, state, await runner.add("hash", input={"text": "a"})

    runner, state, result = asyncio.run(use())

    assert (runner.runner_id, state) == (None, None)
    assert result["sha256"]


def test_an_async_stop_that_is_cancelled_gives_back_at_once(caplog):
    """Ctrl-C in `asyncio.run` cancels; it must not leave the runner behind, nor wait for what runs."""

    async def use():
        async with make_runner() as runner:
            handle = runner.add("stubborn")
            await asyncio.to_thread(until, handle.info, lambda info: info.reported_progress > 0)
            stopping.append(runner)
        return handle

    async def lose_patience():
        task = asyncio.create_task(use())
        await asyncio.to_thread(until, lambda: caplog.text, lambda text: "The runner waits for stubborn 1" in text)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    stopping = []
    asyncio.run(lose_patience())

    assert stopping[0].runner_id is None
    assert stopping[0].client.get(1).info().state is TaskState.PENDING


def test_an_async_start_that_is_cancelled_leaves_nothing_behind():
    """What has started all the same is stopped."""

    async def use():
        runner = make_runner()
        entering = asyncio.create_task(runner.__aenter__())
        await asyncio.sleep(0)
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering
        return runner

    assert asyncio.run(use()).runner_id is None


def test_the_context_manager_stops_also_after_an_error():
    """No worker is left when the block raises."""
    runner = make_runner()
    with pytest.raises(ZeroDivisionError), runner:
        raise ZeroDivisionError

    assert runner.runner_id is None


@pytest.mark.parametrize("call", [TaskRunner.stop, TaskRunner._started, RunnerStart.stop, RunnerStart._tell_of_stop])
def test_a_block_leaves_nothing_that_runs_when_ctrl_c_comes_as_its_stop_begins(tmp_path, monkeypatch, call):
    """A program that goes on had workers that nobody could stop any more, on a store that was closed."""
    runner = make_runner(f"sqlite:///{tmp_path}/tasks.db")
    runner.start()
    run = runner._run
    handle = runner.add("stubborn")
    until(handle.info, lambda info: info.reported_progress > 0)
    owner = TaskRunner if call.__qualname__.startswith("TaskRunner") else RunnerStart
    monkeypatch.setattr(owner, call.__name__, lambda *_arguments: signal.raise_signal(signal.SIGINT))

    with pytest.raises(KeyboardInterrupt), contextlib.ExitStack() as block:
        block.push(runner)

    assert runner.runner_id is None
    assert run.driver.join(60)
    assert handle.info().state is TaskState.PENDING
    runner.store.close()  # which that question has opened again


# --- a long life


def test_descriptors_and_threads_stay_flat_over_many_tasks_workers_and_starts():
    """Neither 3,000 tasks, nor 60 dead workers, nor 5 starts leave anything behind."""
    runner = make_runner(processes=2)

    def live():
        with runner:
            runner.add_many([{"name": "hash", "input": {"text": str(n)}} for n in range(600)])[-1].result(60)
            for handle in [runner.add("crash") for _ in range(12)]:
                until(handle.info, lambda info: info.state.is_terminal)

    live()
    before = _resources()
    for _ in range(4):
        live()

    # What ended a moment ago may still be on its way out.
    until(_resources, lambda resources: _is_within(resources, before))


@pytest.mark.slow
def test_descriptors_and_threads_stay_flat_over_ten_thousand_tasks_and_two_hundred_workers():
    """While a runner runs, too."""
    with make_runner(processes=2) as runner:
        runner.add("hash", input={"text": "warm"}).result(60)
        before = _resources()
        handles = runner.add_many([{"name": "hash", "input": {"text": str(n)}} for n in range(10_000)])
        for handle in [runner.add("crash") for _ in range(200)] + handles:
            until(handle.info, lambda info: info.state.is_terminal)

        until(_resources, lambda resources: _is_within(resources, before))


def _is_within(resources, before):
    """Tell whether there is nothing more than before. What tests before this one have left may go meanwhile."""
    return resources[0] <= before[0] and not Counter(resources[1]) - Counter(before[1])


def _resources():
    return len(os.listdir("/proc/self/fd")), sorted(thread.name for thread in threading.enumerate())


def test_no_folder_is_left_behind(tmp_path, monkeypatch):
    """What the workers print is caught in files without a name: there is nothing that a killed runner could leave."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with make_runner() as runner:
        runner.add("hash", input={"text": "a"}).result(60)
        assert list(Path(tmp_path).iterdir()) == []


# --- a store that does not answer


class SilentStore(MemoryTaskStore):
    """Takes requests and says nothing, from the moment when `answers` is cleared until it is set again."""

    def __init__(self):
        super().__init__()
        self.answers = threading.Event()
        self.answers.set()

    def heartbeat(self, runner):
        self.answers.wait(60)
        return super().heartbeat(runner)

    def commit(self, updates, request=None):
        self.answers.wait(60)
        return super().commit(updates, request)


def test_tasks_are_stopped_in_time_though_engine_and_heartbeat_wait_for_the_store():
    """Both hang in a call without an end; when the lease gets old, the worker is killed all the same."""
    store = SilentStore()
    runner = make_runner(store, lease_seconds=1.0)
    runner.start()
    pid = until(runner.add("sleep").info, lambda info: info.pid > 0).pid

    store.answers.clear()
    gone = until(lambda: not is_alive(pid), bool)
    silent_still = not store.answers.is_set()
    store.answers.set()
    runner.stop(timeout_seconds=0)

    assert gone
    assert silent_still


def test_idle_workers_live_on_when_the_lease_was_lost():
    """A task that is claimed right after the renewal goes to a worker that will run it."""
    store = MemoryTaskStore()
    with make_runner(store) as runner:
        first = runner.add("hash", input={"text": "a"})
        first.result(60)
        runner._run._stop_without_lease()
        again = runner.add("hash", input={"text": "b"})
        again.result(60)

    assert (again.info().attempt, again.info().lost_attempts, again.info().pid) == (1, 0, first.info().pid)
