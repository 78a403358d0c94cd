"""What happens to a task is heard as it happens."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from foreseen_tasks import have_taken, serve
from observed_stores import ObservedStore
from running import until

from lilota import TaskClient
from lilota.changes import Heard
from lilota.config import Settings
from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import ConfigurationError, StoreError, StoreUnavailableError, TaskNotFoundError
from lilota.models import AttemptUpdate, LogLine, Outcome, TaskState
from lilota.stores import open_store

PENDING, RUNNING, SUCCEEDED = TaskState.PENDING, TaskState.RUNNING, TaskState.SUCCEEDED


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    store = ObservedStore() if request.param == "memory" else open_store(f"sqlite:///{tmp_path}/tasks.db")
    yield store
    store.close()


@pytest.fixture
def client(store):
    return TaskClient(store, settings=Settings(), accept_unknown_names=True)


@pytest.fixture
def observed():
    """A client on a store that counts."""
    return TaskClient(ObservedStore(), settings=Settings(), accept_unknown_names=True)


class Attempt:
    """An attempt of the oldest task that waits, as some runner elsewhere makes it."""

    def __init__(self, client):
        self.store = client.store
        self.store.heartbeat(RunnerInfo(id="elsewhere"))
        (self.claim,) = self.store.claim(ClaimRequest(runner_id="elsewhere", names=("task",))).claims

    def tell(self, progress=None, lines=(), state=None):
        """Report something."""
        self.store.commit(
            [
                AttemptUpdate(
                    id=self.claim.id,
                    token=self.claim.token,
                    progress=progress,
                    log_lines=tuple(LogLine(at=0, text=text) for text in lines),
                    outcome=state and Outcome(state=state),
                )
            ]
        )


def told(change):
    """Return what a change says, for comparing."""
    return change.state, change.progress_percentage, [line.text for line in change.lines]


async def _step(changes):
    return await asyncio.wait_for(anext(changes), 60)


@pytest.fixture(params=["for", "async for"])
def step(request):
    """Return the next change, as a thread or a coroutine gets it."""
    return next if request.param == "for" else lambda changes: asyncio.run(_step(changes))


def test_a_task_is_followed_to_its_end(client, step):
    """First as it is, then with each state, progress and line; the last change is its end."""
    changes = client.add("task").changes()

    assert told(step(changes)) == (PENDING, 0, [])
    attempt = Attempt(client)
    assert told(step(changes)) == (RUNNING, 0, [])
    attempt.tell(progress=40)
    assert told(step(changes)) == (RUNNING, 40, [])
    attempt.tell(lines=["a", "b"])
    assert told(step(changes)) == (RUNNING, 40, ["a", "b"])
    attempt.tell(progress=80, lines=["c"], state=SUCCEEDED)
    assert told(step(changes)) == (SUCCEEDED, 100, ["c"])
    with pytest.raises((StopIteration, StopAsyncIteration)):
        step(changes)


def test_whoever_comes_late_or_is_slow_misses_no_line(client, step):
    """What has happened in between comes as one change."""
    handle = client.add("task")
    Attempt(client).tell(50, [str(n) for n in range(2500)], SUCCEEDED)

    changes = handle.changes()
    assert told(step(changes)) == (SUCCEEDED, 100, [str(n) for n in range(2500)])
    with pytest.raises((StopIteration, StopAsyncIteration)):
        step(changes)
    assert told(step(handle.changes(after=2498))) == (SUCCEEDED, 100, ["2498", "2499"])
    assert told(step(handle.changes(after=9999))) == (SUCCEEDED, 100, [])


def test_several_listeners_each_hear_all(client):
    """Each hears what is new for it, however much others have heard."""
    handle = client.add("task")
    attempt = Attempt(client)
    early = handle.changes()
    next(early)
    attempt.tell(lines=["a"])
    assert told(next(early)) == (RUNNING, 0, ["a"])
    late = handle.changes()
    attempt.tell(lines=["b"], state=SUCCEEDED)

    assert told(next(late)) == (SUCCEEDED, 100, ["a", "b"])
    assert told(next(early)) == (SUCCEEDED, 100, ["b"])


def test_a_cancellation_that_was_asked_for_is_heard(client):
    """Of a running task, before it has ended."""
    handle = client.add("task")
    Attempt(client)
    changes = handle.changes()
    next(changes)

    handle.cancel()

    assert next(changes).info.cancel_requested


def test_a_task_that_is_not_there_is_told(client, step):
    """As where it is asked for; also one that was pruned."""
    with pytest.raises(TaskNotFoundError, match="'99'"):
        step(client.handle(99).changes())


def test_five_hundred_handles_cost_one_thread_and_few_looks(observed):
    """None of them has a thread or a question to the store of its own, unless it runs."""
    handles = observed.add_many([{"name": "task"}] * 500)
    before = threading.active_count()

    begun = []

    async def follow(handle):
        states = []
        async for change in handle.changes():
            states.append(change.state)
            begun.append(handle)
        return states

    async def follow_all():
        loops = [asyncio.ensure_future(follow(handle)) for handle in handles]
        await asyncio.to_thread(until, lambda: len(begun), lambda n: n == 500)
        threads = threading.active_count()
        asked = observed.store.asked
        await asyncio.to_thread(lambda: [observed.store.cancel(handle.id) for handle in handles])
        return asked, threads, await asyncio.gather(*loops)

    asked, threads, states = asyncio.run(asyncio.wait_for(follow_all(), 60))

    assert asked < 300
    assert {tuple(several) for several in states} == {(PENDING, TaskState.CANCELLED)}
    assert threads <= before + 3  # two of them are those of to_thread
    assert observed.store.asked < 300


def test_the_logs_of_many_that_run_are_one_question(observed):
    """Though each of them logs all the time."""
    handles = observed.add_many([{"name": "task"}] * 200)
    attempts = [Attempt(observed) for _ in handles]

    async def follow(handle, changes):
        return [line.text for line in (await anext(changes)).lines]

    async def follow_all():
        loops = [handle.changes() for handle in handles]
        await asyncio.gather(*map(follow, handles, loops))
        observed.store.asked = 0
        for attempt in attempts:
            attempt.tell(lines=[f"line of {attempt.claim.id}"])
        return await asyncio.gather(*map(follow, handles, loops))

    texts = asyncio.run(asyncio.wait_for(follow_all(), 60))

    assert texts == [[f"line of {handle.id}"] for handle in handles]
    assert observed.store.asked < 150


def test_there_is_no_thread_when_nobody_listens(observed):
    """It ends soon after the last loop has, or was left or cancelled."""
    handle = observed.add("task")
    changes = handle.changes()
    next(changes)

    async def give_up():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(changes), 0.05)

    asyncio.run(give_up())

    until(lambda: observed._waiters.news._watcher, lambda thread: thread is None)
    assert observed._waiters.news._wanted == {}


@pytest.mark.parametrize("error", [StoreUnavailableError("down"), ValueError("a bug")])
def test_a_store_that_can_not_be_asked_is_told_and_the_loop_goes_on(observed, step, error):
    """Behind the last change, once the store is there again."""
    handle = observed.add("task")
    changes = handle.changes()
    step(changes)
    observed.store.error = error
    with pytest.raises(StoreError):
        step(changes)

    observed.store.error = None
    handle.cancel()

    assert step(changes).state is TaskState.CANCELLED


@pytest.mark.parametrize("after", [-1, 1.5, "1"])
def test_a_place_in_the_log_is_a_number_of_lines(observed, after):
    """Refused at once, and not in the loop."""
    with pytest.raises(ConfigurationError, match="must be a number of lines"):
        observed.add("task").changes(after=after)


def test_a_change_can_be_sent_as_json(client):
    """What a page shows that follows a task; secrets are masked."""
    handle = client.add("task", description="password=hunter2")
    Attempt(client).tell(lines=["token=abcdefgh"])

    record = next(handle.changes()).to_dict()

    assert (record["id"], record["state"]) == (handle.id, "running")
    assert record["lines"][0]["text"] == "token=***"
    assert "hunter2" not in str(record)


@pytest.fixture
def line(client, monkeypatch):
    """One place that serves `task`, which takes an hour; one runs that has told nothing, and two wait."""
    monkeypatch.setattr("lilota.adding.news._LOOK_AT_LINES_SECONDS", 0.0)
    serve(client.store, ["task"], runner_id="elsewhere")
    have_taken(client.store, 3600, 3600, name="task")
    handles = [client.add("task") for _ in range(3)]
    (claim,) = client.store.claim(ClaimRequest(runner_id="elsewhere", names=("task",))).claims
    client.store.commit([AttemptUpdate(id=claim.id, token=claim.token, started_at=datetime.now(UTC).timestamp())])
    return handles


def is_in_about(text, hours):
    return abs(datetime.fromisoformat(text) - datetime.now(UTC) - timedelta(hours=hours)) < timedelta(minutes=10)


def test_a_change_tells_when_a_task_starts_and_ends_if_that_is_asked_for(line, step):
    """Of one that waits by what is before it; of one that runs and reports nothing by the history of its name."""
    running, first, second = (step(handle.changes(estimates=True)).to_dict()["estimate"] for handle in line)

    assert (running["before"], first["before"], second["before"]) == (None, 0, 1)
    assert is_in_about(running["finishes_at"], 1)
    assert is_in_about(first["starts_at"], 1)
    assert is_in_about(second["starts_at"], 2)
    assert is_in_about(second["finishes_at"], 3)


def test_a_place_in_the_line_that_changes_is_heard_if_that_is_asked_for(line, step):
    """Though nothing else happens to the task. Whoever wants no estimates hears of its start."""
    _, first, second = line
    changes, others = second.changes(estimates=True), second.changes()
    assert step(changes).info.estimate.before == 1
    assert step(others).info.estimate is None

    first.cancel()

    assert step(changes).info.estimate.before == 0
    second.cancel()
    assert step(others).state is TaskState.CANCELLED
    assert step(changes).to_dict()["estimate"] is None


def test_estimates_cost_nothing_where_nobody_asks_for_them(observed, step):
    """Neither runners nor the line nor the history are looked at."""
    handle = observed.add("task")
    observed.store.runners = observed.store.look_ahead = observed.store.durations = None  # they would raise

    assert step(handle.changes()).to_dict()["estimate"] is None
    assert handle.info().estimate is None
    assert [info.estimate for info in observed.find()] == [None]
    with pytest.raises(StoreError, match="object is not callable"):
        step(handle.changes(estimates=True))


def test_many_who_want_estimates_share_a_look_at_the_line(observed, monkeypatch):
    """However many tasks and pages they follow."""
    serve(observed.store, ["task"])
    ids = [handle.id for handle in observed.add_many([{"name": "task"}] * 100)]
    looks, look_ahead = [], observed.store.look_ahead
    monkeypatch.setattr("lilota.adding.news._LOOK_AT_LINES_SECONDS", 1000.0)
    observed.store.look_ahead = lambda request: looks.append(request) or look_ahead(request)

    futures = [observed.changes_behind({task_id: Heard()}, estimates=True) for task_id in ids]
    changes = [future.result(timeout=60)[task_id] for task_id, future in zip(ids, futures, strict=True)]

    assert [change.info.estimate.before for change in changes] == list(range(100))
    assert len(looks) == 1


def _follow_in_fork(handle, results):
    results.put(str(next(handle.changes()).state))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # that is what is tested
def test_a_fork_can_follow_tasks_too(tmp_path):
    """The thread that looks is not in the fork; another is started there."""
    client = TaskClient(f"sqlite:///{tmp_path}/tasks.db", accept_unknown_names=True)
    handle = client.add("task")
    changes = handle.changes()
    next(changes)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    waiting = threading.Thread(target=lambda: next(changes), daemon=True)
    waiting.start()
    until(lambda: client._waiters.news._wanted, bool)
    fork = context.Process(target=_follow_in_fork, args=(handle, results))
    fork.start()

    assert results.get(timeout=60) == "pending"
    fork.join(60)
    handle.cancel()
    waiting.join(60)
    client.close()


def all_changes(client, heard):
    return client.changes_behind(heard).result(timeout=60)


def test_many_tasks_are_followed_together(client):
    """The first answer has all of them; then only those of which there is news."""
    ids = [client.add("task").id for _ in range(3)]
    heard = dict.fromkeys(ids, Heard())

    first = all_changes(client, heard)
    heard = {task_id: Heard().with_change(change) for task_id, change in first.items()}
    Attempt(client).tell(progress=10, lines=["a"])
    second = all_changes(client, heard)

    assert {task_id: told(change) for task_id, change in first.items()} == dict.fromkeys(ids, (PENDING, 0, []))
    assert {task_id: told(change) for task_id, change in second.items()} == {ids[0]: (RUNNING, 10, ["a"])}


def test_a_task_that_is_gone_does_not_hide_the_others(client):
    """It is told as None."""
    handle = client.add("task")

    changes = all_changes(client, {handle.id: Heard(), 77: Heard()})

    assert told(changes[handle.id]) == (PENDING, 0, [])
    assert changes[77] is None


def test_who_wants_no_lines_causes_no_question_for_them(observed):
    """A page that shows bars has no need of logs."""
    handle = observed.add("task")
    attempt = Attempt(observed)
    known = Heard(lines=None).with_change(all_changes(observed, {handle.id: Heard(lines=None)})[handle.id])
    observed.store.logs_of_many = None  # it would raise
    future = observed.changes_behind({handle.id: known})
    attempt.tell(lines=["a"])
    attempt.tell(progress=5)

    assert told(future.result(timeout=60)[handle.id]) == (RUNNING, 5, [])


@pytest.fixture
def unwarned(monkeypatch):
    """Look at no task to warn those who have waited for five seconds, as on a busy machine they do."""
    monkeypatch.setattr("lilota.adding.unserved.PATIENCE_SECONDS", 1000.0)


def test_a_thousand_who_follow_a_thousand_tasks_cost_one_question_each_time(unwarned, observed):
    """However many they are."""
    ids = [handle.id for handle in observed.add_many([{"name": "task"}] * 1000)]
    marks = {
        task_id: Heard(lines=None).with_change(change)
        for task_id, change in all_changes(observed, dict.fromkeys(ids, Heard(lines=None))).items()
    }
    futures = [observed.changes_behind({task_id: marks[task_id]}) for task_id in ids]
    turns = []
    wait = observed.store.wait_for_change
    observed.store.wait_for_change = lambda seconds: turns.append(observed.store.asked) or wait(seconds)

    until(lambda: len(turns), lambda number: number >= 6)
    seen = turns[1:6]
    for future in futures:
        future.cancel()

    assert {later - earlier for earlier, later in pairwise(seen)} == {1}


class Queries(ObservedStore):
    """Remembers what it was asked for.

    Attributes:
        prunes: delete what has ended as soon as somebody has seen it.
    """

    def __init__(self):
        super().__init__()
        self.queries = []
        self.prunes = False

    def find(self, query):
        self.queries.append(query)
        found = super().find(query)
        if self.prunes and any(info.state.is_terminal for info in found):
            until(self.prune_now, bool)
        return found

    def prune_now(self):
        return self.prune(0)


@pytest.fixture
def queries(unwarned):
    """A client on a store that remembers."""
    return TaskClient(Queries(), settings=Settings(), accept_unknown_names=True)


def follow(client, number, lines=None):
    """Add tasks and hear of them; return what is known."""
    ids = [client.add("task", input={"n": n}).id for n in range(number)]
    heard = dict.fromkeys(ids, Heard(lines=lines))
    return {task_id: heard[task_id].with_change(change) for task_id, change in all_changes(client, heard).items()}


def test_only_what_has_changed_is_read_whole(queries):
    """Inputs and outputs of a thousand tasks would else be read again a few times a second."""
    heard = follow(queries, 20)
    queries.store.queries.clear()
    future = queries.changes_behind(heard)
    attempt = Attempt(queries)
    attempt.tell(progress=10)

    changes = future.result(timeout=60)

    assert [changes[task_id].info.input for task_id in changes] == [{"n": 0}]
    assert {query.ids for query in queries.store.queries if not query.brief} == {(attempt.claim.id,)}
    assert {len(query.ids) for query in queries.store.queries if query.brief} == {20}


@pytest.mark.parametrize("lines", [None, 0], ids=["without lines", "with lines"])
def test_the_end_is_told_with_the_output(client, lines):
    """Whoever waits for it asks for nothing more."""
    heard = follow(client, 2, lines)
    attempt = Attempt(client)
    client.store.commit(
        [
            AttemptUpdate(
                id=attempt.claim.id,
                token=attempt.claim.token,
                output_json='{"rows": 3}',
                outcome=Outcome(state=SUCCEEDED),
            )
        ]
    )

    (change,) = all_changes(client, heard).values()

    assert (change.info.input, change.info.output) == ({"n": 0}, {"rows": 3})


def test_what_is_pruned_between_two_looks_is_gone(queries):
    """It is not told to have ended without an output."""
    heard = follow(queries, 2)
    attempt = Attempt(queries)
    attempt.tell(state=SUCCEEDED)
    queries.store.prunes = True

    assert all_changes(queries, heard) == {attempt.claim.id: None}
