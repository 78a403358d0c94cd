"""What a program does with a client and the handles of its tasks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest
from lilota_memory_store import MemoryTaskStore
from runner_tasks import TASKS, Crash, Hash
from running import until

from lilota.client import TaskClient
from lilota.config import Settings
from lilota.contract import StoreCapabilities
from lilota.contract.forwarding import ForwardingStore
from lilota.errors import (
    ConfigurationError,
    InvalidInputError,
    TaskCancelledError,
    TaskFailedError,
    TaskNotFoundError,
    TaskStateError,
    UnknownTaskError,
)
from lilota.models import TaskState
from lilota.plugins import Plugins
from lilota.registry import Registry
from lilota.runner import TaskRunner


def make_client(store=None, **options):
    """Return a client that knows the tasks of these tests."""
    settings = Settings()
    client = TaskClient(store or MemoryTaskStore(), registry=Registry(Plugins(settings), settings), **options)
    client.register("hash", Hash)
    return client


@pytest.fixture(scope="module")
def runner():
    """A runner whose tasks the tests wait for."""
    runner = TaskRunner(MemoryTaskStore(), 2, settings=Settings())
    for name, clazz in TASKS.items():
        runner.register(name, clazz)
    runner.start()
    yield runner
    runner.stop(timeout_seconds=0)


class Nowhere(tzinfo):
    """A time zone that does not know how far it is from UTC."""

    def utcoffset(self, _instant):
        return None


class OlderStore(ForwardingStore):
    """Says no more of itself than the first stores did."""

    def capabilities(self):
        return StoreCapabilities(description="an older store", durable=False, multi_process=False)


class Joining(MemoryTaskStore):
    """Notes the connections that it is given; what it does with them is tested with the stores that can join."""

    def __init__(self):
        super().__init__()
        self.connections = []

    def add(self, tasks, *, connection=None):
        self.connections.append(connection)
        return super().add(tasks)


# --- transactions of the application


def test_the_store_gets_the_connection_of_the_application():
    """One task or many: it is handed on as it is, and nothing is handed on without one."""
    store, connection = Joining(), object()
    client = make_client(store)

    client.add("hash", connection=connection)
    client.add_many([{"name": "hash"}], connection=connection)
    client.add("hash")

    assert store.connections == [connection, connection, None]


def test_a_runner_hands_on_the_connection_too():
    """Its methods take what those of the client take."""
    store, connection = Joining(), object()
    runner = TaskRunner(store, 1, settings=Settings())
    runner.register("sleep", TASKS["sleep"])
    with runner:
        runner.add("sleep", input={"seconds": 0}, connection=connection).result(60)
        runner.add_many([{"name": "sleep", "input": {"seconds": 0}}], connection=connection)

    assert store.connections == [connection, connection]


def test_a_connection_is_refused_where_the_store_can_not_join():
    """Nothing is added: outside of the transaction, it would exist though the application rolls back."""
    client = make_client()

    with pytest.raises(ConfigurationError, match=r"nothing was added. Leave out connection="):
        client.add("hash", connection=object())

    assert client.store.get_all_tasks() == []


def test_a_connection_is_no_part_of_a_task():
    """It belongs to the call of add_many, not to one of its tasks."""
    with pytest.raises(InvalidInputError, match="'connection' is not an argument"):
        make_client().add_many([{"name": "hash", "connection": object()}])


# --- results


def test_a_result_is_the_output(runner):
    """What the task returned comes back as it was."""
    handle = runner.add("hash", input={"text": "lilota"})

    assert handle.result(60) == {"sha256": "a395b4c150eeefdb00e3c8270de3a990dc05d72970ac6e1d49eb4ac62d04d328"}


def test_a_task_without_output_has_the_result_none(runner):
    """Nothing was returned, nothing comes back, and the attribute is absent."""
    handle = runner.add("sleep", input={"seconds": 0})

    assert handle.result(60) is None
    assert not hasattr(handle.info(), "output")


def test_the_error_of_a_failed_task_carries_its_traceback(runner):
    """The text names the task and the error, and shows the line that raised in the worker."""
    handle = runner.add("fail")

    with pytest.raises(TaskFailedError, match="ValueError: no such luck") as caught:
        handle.result(60)

    assert f"The task {handle.id} ('fail')" in str(caught.value)
    assert "runner_tasks.py" in caught.value.remote_traceback
    assert 'raise ValueError("no such luck")' in caught.value.remote_traceback


def test_a_result_that_does_not_come_in_time_leaves_the_task_alone(runner):
    """TimeoutError, and the task goes on."""
    handle = runner.add("sleep")
    with pytest.raises(TimeoutError, match=f"The task {handle.id} has not ended within 0.05 s; it goes on"):
        handle.result(timeout_seconds=0.05)

    state = handle.info().state
    handle.cancel()

    assert state in {TaskState.PENDING, TaskState.RUNNING}


def test_a_cancelled_task_has_no_result(runner):
    """A running task is asked; a waiting one is cancelled at once; both raise for those who wait."""
    running = runner.add("sleep")
    until(running.info, lambda info: info.reported_progress > 0)
    waiting = runner.add("hash", input={"text": "a"}, delay_seconds=3600)

    answers = running.cancel(), waiting.cancel()

    assert answers == (TaskState.RUNNING, TaskState.CANCELLED)
    for handle in (running, waiting):
        with pytest.raises(TaskCancelledError):
            handle.result(60)


def test_cancelling_what_has_ended_says_how_it_ended(runner):
    """Too late is no error."""
    handle = runner.add("hash", input={"text": "a"})
    handle.result(60)

    assert handle.cancel() is TaskState.SUCCEEDED


def test_a_failed_task_can_be_retried_and_a_succeeded_one_not(runner):
    """Retry starts over; what succeeded stays as it is."""
    failed, succeeded = runner.add("fail"), runner.add("hash", input={"text": "a"})
    with pytest.raises(TaskFailedError):
        failed.result(60)
    succeeded.result(60)

    failed.retry()

    with pytest.raises(TaskFailedError):
        failed.result(60)
    with pytest.raises(TaskStateError):
        succeeded.retry()


def test_handles_can_be_awaited(runner):
    """Results and errors come through `await` as through `result`, and many at a time."""

    async def wait():
        good = [runner.add("hash", input={"text": str(n)}) for n in range(50)]
        bad = runner.add("fail")
        return await asyncio.gather(*good, bad, return_exceptions=True)

    *results, error = asyncio.run(wait())

    assert len({result["sha256"] for result in results}) == 50
    assert isinstance(error, TaskFailedError)


def test_an_await_can_be_given_up(runner):
    """The time limit of asyncio works, and the runner goes on undisturbed."""

    async def wait():
        handle = runner.add("sleep")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(handle, 0.05)
        handle.cancel()
        return await runner.add("hash", input={"text": "after"})

    assert asyncio.run(wait())


def test_a_task_is_found_again_by_its_id(runner):
    """Another part of the program, or another program, gets the same handle."""
    handle = runner.add("hash", input={"text": "a"}, description="words")

    again = runner.client.get(handle.id)

    assert again.result(60) == handle.result(60)
    assert again.info().description == "words"
    with pytest.raises(TaskNotFoundError, match="999999"):
        runner.client.get(999_999)


@pytest.mark.parametrize(
    "other", ["1", 1.0, True, None, b"1", [1], 0, -1, 2**63, 10**5000], ids=lambda other: type(other).__name__
)
def test_what_is_no_id_is_said_to_be_none(other):
    """A text from a URL finds no task by chance, and the message says what to do; huge numbers are no special case."""
    client = make_client()
    client.add("hash", input={"text": "a"})

    with pytest.raises(TaskNotFoundError) as caught:
        client.get(other)

    is_number = isinstance(other, int) and not isinstance(other, bool)
    assert ("whole number as its id" in str(caught.value)) is not is_number
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


# --- adding without a runner


def test_a_client_adds_for_a_runner_that_comes_later():
    """What was added waits in the store."""
    store = MemoryTaskStore()
    handle = make_client(store).add("hash", input={"text": "a"})
    runner = TaskRunner(store, 1, settings=Settings())
    runner.register("hash", Hash)
    with runner:
        result = handle.result(60)

    assert result


def test_unknown_names_are_accepted_if_asked_for():
    """A program that only adds need not have the task installed."""
    client = make_client(accept_unknown_names=True)

    assert client.add("elsewhere").info().name == "elsewhere"
    with pytest.raises(UnknownTaskError):
        make_client().add("elsewhere")


def test_the_limit_to_lost_attempts_comes_from_the_class_unless_it_is_given():
    """A registered class is asked; an argument goes first; else three."""
    client = make_client(accept_unknown_names=True)
    client.register("crash", Crash)

    limits = [
        client.add("crash").info().max_lost_attempts,
        client.add("crash", max_lost_attempts=7).info().max_lost_attempts,
        client.add("elsewhere").info().max_lost_attempts,
    ]

    assert limits == [1, 7, 3]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"priority": 1.5}, "priority"),
        ({"priority": True}, "priority"),
        ({"priority": 2**40}, "priority"),
        ({"queue": ""}, "queue"),
        ({"queue": "a\nb"}, "queue"),
        ({"queue": 3}, "queue"),
        ({"delay_seconds": -1}, "delay_seconds"),
        ({"delay_seconds": "1"}, "delay_seconds"),
        ({"delay_seconds": float("nan")}, "delay_seconds"),
        ({"run_at": datetime(2030, 1, 1)}, "run_at"),  # noqa: DTZ001 - the mistake that is tested
        ({"run_at": "tomorrow"}, "run_at"),
        ({"run_at": datetime.max.replace(tzinfo=timezone(timedelta(hours=-5)))}, "run_at must be from the year 1 to"),
        ({"run_at": datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))}, "run_at must be from the year 1 to"),
        ({"run_at": datetime(2030, 1, 1, tzinfo=Nowhere())}, "run_at must be a datetime with a time zone"),
        ({"run_at": datetime.now(UTC) + timedelta(1), "delay_seconds": 1}, "not both"),
        ({"max_lost_attempts": 0}, "max_lost_attempts"),
        ({"description": 5}, "description"),
        ({"description": "\ud800"}, "description"),
        ({"description": "x" * 10_001}, "description"),
        ({"headers": [1]}, "headers of a task must be a JSON object"),
        ({"headers": {"at": datetime(2030, 1, 1, tzinfo=UTC)}}, r"headers .* at \$\.at"),
        ({"headers": {"x": "h" * 16_384}}, "the limit is 16,384"),
        ({"headers": {"lilota.trace": 1}}, "header 'lilota.trace' can't be set"),
    ],
)
def test_options_that_cannot_be_used_are_refused_by_name(options, named):
    """Nothing is added, and the message names what is wrong."""
    client = make_client()

    with pytest.raises(InvalidInputError, match=named):
        client.add("hash", **{"input": {"text": "a"}, **options})
    assert client.store.get_all_tasks() == []


def test_headers_travel_with_the_task():
    """Whoever reads the task finds them, and an empty dict where none were given."""
    client = make_client()

    with_some, without, empty = client.add_many(
        [{"name": "hash", "headers": {"owner": "é"}}, {"name": "hash"}, {"name": "hash", "headers": {}}]
    )

    assert [handle.info().headers for handle in (with_some, without, empty)] == [{"owner": "é"}, {}, {}]


def test_headers_are_refused_where_the_store_would_lose_them():
    """A store that was written for an older contract takes the other tasks as before."""
    client = make_client(OlderStore(MemoryTaskStore()))

    with pytest.raises(ConfigurationError, match=r"\(an older store\) does not support headers; nothing was added"):
        client.add_many([{"name": "hash"}, {"name": "hash", "headers": {"owner": 1}}])

    assert client.store.get_all_tasks() == []
    assert client.add("hash", headers={}).info().headers == {}


def test_a_name_of_a_family_is_refused_where_the_store_gives_whole_names_only():
    """No runner would ever get the task."""
    client = make_client(OlderStore(MemoryTaskStore()))
    client.register("reports:*", TASKS["hash"])

    with pytest.raises(ConfigurationError, match=r"does not support families.*or register the name 'reports:daily'"):
        client.add("reports:daily")

    assert client.store.get_all_tasks() == []


def test_a_misspelt_option_of_add_is_named():
    """It must not be passed over in silence."""
    client = make_client()

    expected = r"'prority' is not an argument of add\(\)\. Did you mean 'priority'\? Known: name, description, input"
    with pytest.raises(TypeError, match=expected):
        client.add("hash", prority=5)

    assert client.store.counts() == []


def test_a_misspelt_argument_of_add_many_is_named():
    """The message has the wrong name and those that exist."""
    with pytest.raises(InvalidInputError, match=r"'inptu'.*Did you mean 'input'\?.*headers"):
        make_client().add_many([{"name": "hash", "inptu": {}}])


@pytest.mark.parametrize(
    ("argument", "hint"),
    [
        ("inputs", "Did you mean 'input'?"),
        ("kwargs", "Did you mean 'input'?"),
        ("countdown", "Did you mean 'delay_seconds'?"),
        ("eta", "Did you mean 'run_at'?"),
        ("max_attempts", "'max_attempts' is not an argument of add(). It is said in the task class."),
        ("timeout", "Did you mean 'timeout_seconds'? That is said in the task class."),
    ],
)
def test_what_other_task_queues_call_an_argument_is_understood(argument, hint):
    """The error of both ways to add says what it is called here, or that it belongs to the class."""
    client = make_client()

    with pytest.raises(TypeError, match=re.escape(hint)):
        client.add("hash", **{argument: 1})
    with pytest.raises(InvalidInputError, match=re.escape(hint)):
        client.add_many([{"name": "hash", argument: 1}])


def test_an_input_in_the_place_of_the_description_is_noticed():
    """The second argument is the description, as in the first version."""
    client = make_client()

    with pytest.raises(InvalidInputError, match=r"not dict\. Did you mean input=\?"):
        client.add("hash", {"text": "a"})
    with pytest.raises(InvalidInputError, match=r"not dict\. Did you mean input=\?"):
        client.add_many([{"name": "hash", "description": {"text": "a"}}])


@pytest.mark.parametrize("tasks", ["hash", ["hash"], {"name": "hash"}, [("hash", {})], [None]])
def test_add_many_says_what_it_takes(tasks):
    """A dict for each task, and neither a name nor a tuple."""
    with pytest.raises(InvalidInputError, match=r"each task is a dict of the arguments of add\(\), not"):
        make_client().add_many(tasks)


def test_a_class_instead_of_its_name_is_refused_with_the_name():
    """Other task queues add classes and functions."""
    client = make_client()
    client.register("hash_again", Hash)

    with pytest.raises(UnknownTaskError, match="the name under which it is registered: 'hash', 'hash_again'"):
        client.add(Hash)
    with pytest.raises(UnknownTaskError, match="Register it under a name"):
        client.add(Crash)


@pytest.mark.parametrize("name", [None, ["hash"], Hash, "", "a\nb"])
def test_a_client_that_accepts_unknown_names_accepts_only_names(name):
    """Nobody could ever run a task that is called otherwise."""
    client = make_client(accept_unknown_names=True)

    with pytest.raises(UnknownTaskError):
        client.add(name)
    with pytest.raises(UnknownTaskError):
        client.add_many([{"name": name}])

    assert client.store.counts() == []


def test_add_many_of_nothing_adds_nothing():
    """An empty list is no error."""
    assert make_client().add_many([]) == []


def test_a_client_closes_the_store_that_it_opened(tmp_path):
    """No descriptor stays open behind a context manager."""
    settings = Settings()

    with TaskClient(f"sqlite:///{tmp_path}/tasks.db", registry=Registry(Plugins(settings), settings)) as client:
        client.register("hash", Hash)
        client.add("hash", input={"text": "a"})
        meanwhile = open_below(tmp_path)

    assert meanwhile
    assert open_below(tmp_path) == []


def open_below(folder):
    """Return the files of a folder that this process has open; others may come and go with what ran before."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/self/fd/{number}"))
    return [path for path in found if path.startswith(str(folder))]
