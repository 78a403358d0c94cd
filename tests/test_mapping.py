"""One task for many inputs: so many at a time, and their results in order or as they come."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys

import pytest
from lilota_memory_store import MemoryTaskStore
from observed_stores import ObservedStore
from runner_tasks import TASKS

from lilota import TaskClient, TaskRunner
from lilota.config import Settings
from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import (
    ConfigurationError,
    InvalidInputError,
    StoreUnavailableError,
    TaskCancelledError,
    TaskFailedError,
    TaskNotFoundError,
    UnknownTaskError,
)
from lilota.models import AttemptUpdate, Outcome, TaskState
from lilota.stores import open_store


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    store = ObservedStore() if request.param == "memory" else open_store(f"sqlite:///{tmp_path}/tasks.db")
    yield store
    store.close()


@pytest.fixture
def client(store):
    return TaskClient(store, settings=Settings(), accept_unknown_names=True)


@pytest.fixture(scope="module")
def runner():
    """A runner whose tasks the tests wait for."""
    runner = TaskRunner(MemoryTaskStore(), 2, settings=Settings())
    for name, clazz in TASKS.items():
        runner.register(name, clazz)
    with runner:
        yield runner


def waiting(client):
    """Return the ids of the tasks that wait, the oldest first."""
    return [info.id for info in client.store.get_all_tasks() if info.state is TaskState.PENDING]


def finish(client, count=1, state=TaskState.SUCCEEDED):
    """End the oldest tasks, whose output is their input, as some runner elsewhere does."""
    client.store.heartbeat(RunnerInfo(id="elsewhere"))
    claims = client.store.claim(ClaimRequest(runner_id="elsewhere", names=("double",), limit=count)).claims
    outcome = Outcome(state=state)
    client.store.commit(
        [AttemptUpdate(id=c.id, token=c.token, output_json=c.input_json, outcome=outcome) for c in claims]
    )


class Inputs:
    """Endless inputs, which count how many were read."""

    read = 0

    def __iter__(self):
        for n in itertools.count():
            self.read += 1
            yield {"n": n}


@pytest.mark.parametrize("at_once", [1, 3, 20])
def test_endless_inputs_are_read_as_there_is_room(client, at_once):
    """Never are there more tasks than asked for, nor inputs read ahead of them."""
    inputs = Inputs()
    results = client.map("double", inputs, at_once=at_once)
    assert inputs.read == 0, "before anybody asks for a result"
    given = 0

    while given < 50:
        results._fill()
        assert 1 <= len(waiting(client)) <= at_once
        assert inputs.read - given <= at_once
        finish(client)
        assert next(results) == {"n": given}
        given += 1

    results.close()
    assert waiting(client) == []


def test_few_writes_add_many_tasks():
    """A write costs as much for one task as for a quarter of them."""
    client = TaskClient(ObservedStore(), settings=Settings(), accept_unknown_names=True)
    results = client.map("double", ({"n": n} for n in range(1000)), at_once=100)
    results._fill()

    for n in range(1000):
        finish(client, 100)
        assert next(results) == {"n": n}

    assert client.store.writes < 60
    with pytest.raises(StopIteration):
        next(results)


def test_results_come_in_the_order_of_the_inputs(runner):
    """Though later tasks end earlier."""
    inputs = [{"text": str(n), "seconds": 0.2 if n == 0 else 0} for n in range(20)]

    results = list(runner.client.map("hash", inputs, at_once=10))

    assert results == [runner.client.add("hash", input={"text": str(n)}).result(60) for n in range(20)]


def test_results_come_as_tasks_end_if_that_is_wanted(client):
    """The one that ends first comes first."""
    results = client.map("double", [{"n": n} for n in range(3)], ordered=False)
    results._fill()
    client.store.cancel(1)
    client.store.cancel(3)
    finish(client)

    outcomes = set()
    for _ in range(3):
        try:
            outcomes.add(next(results)["n"])
        except TaskCancelledError:
            outcomes.add("cancelled")

    assert outcomes == {1, "cancelled"}


@pytest.mark.parametrize("ordered", [True, False])
def test_a_coroutine_maps_too(runner, ordered):
    """The loop is not blocked, and the results are the same."""
    inputs = [{"text": str(n)} for n in range(30)]

    async def results():
        return [result async for result in runner.client.map("hash", inputs, at_once=7, ordered=ordered)]

    expected = list(runner.client.map("hash", inputs))
    assert sorted(asyncio.run(asyncio.wait_for(results(), 60)), key=str) == sorted(expected, key=str)


def test_a_failed_task_raises_in_its_place_and_the_others_go_on(client):
    """Whoever asks again gets what comes behind it."""
    results = client.map("double", [{"n": n} for n in range(3)])
    results._fill()
    finish(client)
    finish(client, state=TaskState.FAILED)
    finish(client)

    assert next(results) == {"n": 0}
    with pytest.raises(TaskFailedError):
        next(results)
    assert next(results) == {"n": 2}
    assert list(results) == []


def test_a_task_that_was_pruned_raises_in_its_place(client):
    """Nobody knows its result any more."""
    results = client.map("double", [{"n": n} for n in range(2)])
    results._fill()
    finish(client, 2)
    assert next(results) == {"n": 0}
    client.store.prune(0)

    with pytest.raises(TaskNotFoundError):
        next(results)


def test_leaving_a_loop_leaves_alone_what_was_added(client):
    """It goes on; only close(), or the end of a with block, cancels it."""
    results = client.map("double", ({"n": n} for n in itertools.count()), at_once=5)
    results._fill()
    finish(client)
    for _ in results:
        break

    assert len(waiting(client)) >= 4
    with results:
        pass
    assert waiting(client) == []
    assert list(results) == []


def test_a_coroutine_closes_too(client):
    """By `async with`."""

    async def use():
        async with client.map("double", ({"n": n} for n in itertools.count()), at_once=5) as results:
            await asyncio.to_thread(results._fill)

    asyncio.run(use())

    assert {info.state for info in client.store.get_all_tasks()} == {TaskState.CANCELLED}


@pytest.mark.parametrize("bad", [{"n": object()}, 17, "text"])
def test_an_input_that_can_not_be_added_is_raised_behind_the_results_before(client, bad):
    """Those are not lost, and nothing behind it is added."""
    results = client.map("double", [{"n": 0}, {"n": 1}, bad, {"n": 3}])
    results._fill()
    finish(client, 2)

    assert [next(results), next(results)] == [{"n": 0}, {"n": 1}]
    with pytest.raises(InvalidInputError):
        next(results)
    assert list(results) == []
    assert len(client.store.get_all_tasks()) == 2


def test_an_error_of_the_inputs_is_raised_behind_the_results_before(client):
    """As that of an input."""

    def inputs():
        yield {"n": 0}
        raise OSError("the file has ended early")

    results = client.map("double", inputs())
    results._fill()
    finish(client)

    assert next(results) == {"n": 0}
    with pytest.raises(OSError, match="ended early"):
        next(results)


def test_a_store_that_can_not_be_written_is_told():
    """What was added before comes first."""
    client = TaskClient(ObservedStore(), settings=Settings(), accept_unknown_names=True)
    results = client.map("double", ({"n": n} for n in itertools.count()), at_once=1)
    results._fill()
    finish(client)
    assert next(results) == {"n": 0}
    client.store.refusal = StoreUnavailableError("down")

    with pytest.raises(StoreUnavailableError, match="down"):
        next(results)
    assert list(results) == []


@pytest.mark.parametrize("at_once", [0, -1, 1.5, True, "2", None])
def test_what_is_no_number_of_tasks_is_refused(client, at_once):
    """Before anything is added."""
    with pytest.raises(ConfigurationError, match="'at_once' must be a number of tasks"):
        client.map("double", [], at_once=at_once)


def test_an_unknown_name_is_refused_where_it_is_passed():
    """And not where the first result is asked for."""
    with pytest.raises(UnknownTaskError):
        TaskClient(MemoryTaskStore(), settings=Settings()).map("double", [])


def test_a_bar_is_drawn_on_standard_error_if_asked_for(client, capsys):
    """It counts what was given; a failure is a step too."""
    results = client.map("double", [{"n": n} for n in range(3)], progress=True)
    results._fill()
    finish(client, 2)
    client.store.cancel(3)

    assert [next(results), next(results)] == [{"n": 0}, {"n": 1}]
    with pytest.raises(TaskCancelledError):
        next(results)
    assert list(results) == []
    out, err = capsys.readouterr()
    assert "3/3" in err
    assert "double" in err
    assert out == ""


def test_rich_is_imported_for_a_bar_only():
    """It takes longer to import than all else that adds tasks."""
    program = (
        "import sys; from lilota import TaskClient; from lilota.config import Settings;"
        "client = TaskClient('memory', settings=Settings(), accept_unknown_names=True);"
        "list(client.map('double', [])); print('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)

    assert done.stdout == "False\n"
