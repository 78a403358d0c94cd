"""What a handle is by itself: an id and a store, wherever it goes."""

from __future__ import annotations

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from operator import attrgetter

import pytest
from lilota_memory_store import MemoryTaskStore
from runner_tasks import TASKS

from lilota import TaskClient, TaskRunner
from lilota.adding.waiters import Waiters
from lilota.config import Settings
from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import ConfigurationError, TaskNotFoundError
from lilota.handles import TaskHandle
from lilota.managed_stores import as_managed
from lilota.models import AttemptUpdate, LogLine
from lilota.stores import StoreManager

StoreManager.register("StoreOfHandles", MemoryTaskStore)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/tasks.db"


@pytest.fixture
def client(url):
    with TaskClient(url, accept_unknown_names=True) as client:
        yield client


# --- by id


@pytest.mark.parametrize("task_id", [17, "17"])
def test_a_handle_is_made_of_an_id_or_its_text(client, task_id):
    """The store is not asked: there is no such task."""
    handle = client.handle(task_id)

    assert handle.id == 17
    with pytest.raises(TaskNotFoundError, match="'17' does not exist"):
        handle.info()


@pytest.mark.parametrize(
    "task_id", ["", "1 7", "+17", "1_7", "0x1", "\u0661", "-1", "0", 0, -1, 2**63, True, 1.0, None, "9" * 50]
)
def test_what_can_be_no_id_is_refused(client, task_id):
    """At once, and not where the handle is used."""
    with pytest.raises(TaskNotFoundError):
        client.handle(task_id)


# --- equality


def test_handles_of_one_task_are_equal(client, url):
    """Also by two clients, and so they are one in a set."""
    handle = client.add("task")
    with TaskClient(url, accept_unknown_names=True) as other:
        again = other.get(handle.id)

        assert handle == again
        assert len({handle, again, client.get(handle.id)}) == 1


def test_handles_of_other_tasks_and_other_stores_differ(client, tmp_path):
    """The same id in another file is another task."""
    with TaskClient(f"sqlite:///{tmp_path}/others.db", accept_unknown_names=True) as other:
        assert client.handle(1) != client.handle(2)
        assert client.handle(1) != other.handle(1)
        assert client.handle(1) != 1


def test_each_memory_store_is_one_of_its_own():
    """Two of them are equal in nothing but their emptiness."""
    one, other = (TaskClient(MemoryTaskStore(), settings=Settings()) for _ in range(2))

    assert one.handle(1) == one.handle(1)
    assert one.handle(1) != other.handle(1)


# --- pickling


def test_a_handle_works_in_another_process(url):
    """There, it waits for the result; here, what came back is equal to it."""
    runner = TaskRunner(url, 1)
    runner.register("hash", TASKS["hash"])
    with runner, ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as processes:
        handle = runner.add("hash", input={"text": "a", "seconds": 0.1})
        result = processes.submit(TaskHandle.result, handle, 60).result(90)

    assert result == handle.result()
    assert pickle.loads(pickle.dumps(handle)) == handle


def test_handles_that_arrive_share_those_who_wait_for_their_store(client):
    """However they came: a thousand of them have one thread that looks for ends, and one connection."""
    handles = [client.add("task") for _ in range(2)]

    arrived = [*pickle.loads(pickle.dumps(handles)), pickle.loads(pickle.dumps(handles[0]))]

    assert arrived == [*handles, handles[0]]
    assert len({id(handle.waiters) for handle in arrived}) == 1


def test_a_handle_of_the_configured_store_does_not_carry_its_address(monkeypatch, url):
    """Another process finds the store by its own configuration; a password stays where it is configured."""
    monkeypatch.setenv("LILOTA_STORE", url)
    with TaskClient(accept_unknown_names=True) as client:
        handle = client.add("task")
        pickled = pickle.dumps(handle)

    assert b"tasks.db" not in pickled
    assert pickle.loads(pickled).info().name == "task"
    assert pickle.loads(pickled) == handle


def test_a_handle_of_a_store_for_one_process_stays_there():
    """The sentence names the store, and says what else to use."""
    client = TaskClient(MemoryTaskStore(), settings=Settings(), accept_unknown_names=True)

    with pytest.raises(ConfigurationError, match=r"memory of one process\) is for one process, .* use a SQLite store"):
        pickle.dumps(client.add("task"))


def test_a_handle_of_a_managed_store_travels():
    """Its tasks are in the process of the manager, for all."""
    with StoreManager() as manager:
        store = as_managed(manager.StoreOfHandles())
        handle = TaskClient(store, settings=Settings(), accept_unknown_names=True).add("task")
        arrived = pickle.loads(pickle.dumps(handle))

        assert arrived.info().name == "task"
        assert arrived == handle


def test_what_makes_the_result_travels_along(client):
    """A typed call gives its type in the other process, too."""
    handle = TaskHandle(4, Waiters(client.store), attrgetter("name"))

    assert pickle.loads(pickle.dumps(handle))._decode(client.add("task").info()) == "task"


# --- results and logs


def test_the_result_is_what_the_handle_makes_of_the_task(client):
    """A decoder is called with the task when that has succeeded."""
    runner = TaskRunner(client.store, 1)
    runner.register("hash", TASKS["hash"])
    with runner:
        handle = runner.add("hash", input={"text": "a"})
        decoding = TaskHandle(handle.id, Waiters(client.store), attrgetter("name"))

        assert decoding.result(60) == "hash"


@pytest.fixture
def logged(client):
    """The handle of a task with 2,500 lines in its log, more than a store gives at once."""
    handle = client.add("task")
    client.store.heartbeat(RunnerInfo(id="runner"))
    (claim,) = client.store.claim(ClaimRequest(runner_id="runner", names=("task",))).claims
    lines = tuple(LogLine(at=0, text=str(n)) for n in range(2500))
    client.store.commit([AttemptUpdate(id=claim.id, token=claim.token, log_lines=lines)])
    return handle


@pytest.mark.parametrize("after", [0, 1, 1200, 2499, 2500, 9999])
def test_only_lines_behind_those_that_were_read(logged, after):
    """All of them, however many the store gives at once."""
    assert [line.text for line in logged.logs(after)] == [str(n) for n in range(after, 2500)]


@pytest.mark.parametrize("after", [-1, 1.5, True, "1", None])
def test_a_place_in_the_log_is_a_number_of_lines(logged, after):
    """Stores would take others for different things."""
    with pytest.raises(ConfigurationError, match="must be a number of lines"):
        logged.logs(after=after)
