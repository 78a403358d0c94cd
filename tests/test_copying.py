"""All tasks of a store move to another one, and nothing is lost, doubled or run twice."""

from __future__ import annotations

import contextlib
import time

import pytest
from cli_calls import add_task, end_task, start_task
from msgspec.structs import replace

from lilota.contract import RunnerInfo, StoredTask, TaskQuery
from lilota.contract.forwarding import ForwardingStore
from lilota.copying import check_copy, copy_tasks
from lilota.errors import ConfigurationError, TaskStateError
from lilota.models import LogLine, NewTask, TaskError, TaskState
from lilota.stores import open_store

LINES = (LogLine(at=1.0, text="one"), LogLine(at=2.0, text="two", level=30))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("LILOTA_DEBUG", raising=False)
    return tmp_path


def opened(url):
    store = open_store(url)
    store.open()
    yield store
    store.close()


@pytest.fixture
def source():
    yield from opened("sqlite:///old.db")


@pytest.fixture
def target():
    yield from opened("sqlite:///new.db")


def copy(source, target):
    """Do as a program does: check, then copy; return how many were copied, and how many were there."""
    check_copy(source, target)
    pages = list(copy_tasks(source, target))
    return sum(page.copied for page in pages), sum(page.existing for page in pages)


def refusal(source, target):
    """Return why a copy is refused before anything is written."""
    with pytest.raises((ConfigurationError, TaskStateError)) as caught:
        check_copy(source, target)
    return str(caught.value)


def test_a_target_that_would_lose_what_tasks_have_is_refused(source, target):
    """A store of an older package says itself what it keeps."""

    class OfBefore(ForwardingStore):
        def capabilities(self):
            return replace(super().capabilities(), supports=frozenset({"headers", "families"}))

    source.add([NewTask(name="task", owner="user-1")])

    assert "keeps no checkpoints, notes, owners: what tasks" in refusal(source, OfBefore(target))


def fill(store):
    """Add a task in each state that a store without runners can hold."""
    end_task(store, start_task(store, lines=LINES, progress=30), output='{"n":1}')
    end_task(store, start_task(store), TaskState.FAILED, error=TaskError(type="ValueError", message="bad"))
    store.cancel(add_task(store))
    add_task(store, "mail", priority=3, queue="slow", input_json='{"to":"é"}', owner="user-17")
    add_task(store, delay_seconds=3600)
    store.release("runner")


def everything(store):
    return [(info, store.logs(info.id)) for info in store.get_all_tasks()]


def test_all_tasks_are_copied_with_all_that_belongs_to_them(source, target):
    """Ids, states, instants, outputs, errors and logs are the same; the source stays as it is."""
    fill(source)
    before = everything(source)

    copied = copy(source, target)

    assert copied == (5, 0)
    assert everything(target) == everything(source) == before
    assert sorted(target.counts(), key=repr) == sorted(source.counts(), key=repr)


def test_copying_again_writes_only_what_is_new(source, target):
    """What lives on at the target is not set back, whatever has become of it."""
    fill(source)
    copy(source, target)
    target.cancel(4)
    new_id = add_task(source)

    copied = copy(source, target)

    assert copied == (1, 5)
    assert target.get(4).state is TaskState.CANCELLED
    assert target.get(new_id) == source.get(new_id)


def test_many_pages_are_copied_and_an_interrupted_copy_goes_on(source, target):
    """Each page is whole or not there; the next call finds the rest."""
    ids = [add_task(source) for _ in range(3)] + source.add([NewTask(name=f"task{n % 7}") for n in range(1200)])
    pages = copy_tasks(source, target)
    next(pages)
    pages.close()  # as if somebody had pressed Ctrl-C
    half = len(target.get_all_tasks())

    copied = copy(source, target)

    assert 0 < half < len(ids)
    assert copied == (len(ids) - half, half)
    assert target.get_all_tasks() == source.get_all_tasks()


def test_tasks_that_are_added_to_the_target_meanwhile_take_no_id_of_the_source(source, target):
    """The newest tasks go first: from then on, the target counts on from the highest id."""
    source.add([NewTask(name=f"task{n % 7}") for n in range(700)])
    pages = copy_tasks(source, target)
    next(pages)

    added = add_task(target)
    list(pages)

    assert added > 700
    assert target.get_all_tasks()[:700] == source.get_all_tasks()


def test_long_logs_and_large_values_are_copied_in_several_steps(source, target):
    """However long: nothing is cut."""
    big = '{"x":"' + "x" * 3_000_000 + '"}'
    for _ in range(3):
        add_task(source, input_json=big)
    started = start_task(source, "log", lines=tuple(LogLine(at=float(n), text=f"line {n}") for n in range(2500)))
    end_task(source, started)
    source.release("runner")

    copy(source, target)

    assert everything(target) == everything(source)


def test_source_with_a_live_runner_is_refused(source, target):
    """Its tasks would run at both places."""
    fill(source)
    source.heartbeat(RunnerInfo(id="alive", host="web-1", pid=4711))

    reason = refusal(source, target)

    assert "in use by 1 runner: web-1 (process 4711)" in reason
    assert "Stop them first" in reason
    assert target.counts() == []


def test_tasks_of_a_dead_runner_are_taken_back_and_copied(source, target):
    """Nobody runs them, so they are pending again, as after any rescue."""
    start_task(source)
    source.heartbeat(RunnerInfo(id="runner", lease_seconds=0))

    copy(source, target)

    assert [(info.state, info.lost_attempts) for info in target.get_all_tasks()] == [(TaskState.PENDING, 1)]


def test_target_with_other_tasks_is_refused_before_anything_is_written(source, target):
    """The first difference is named; both stay as they were."""
    fill(source)
    add_task(target, "other")
    before = everything(target)

    reason = refusal(source, target)

    assert "The target holds tasks of its own: in one store the task 1 is 'other'" in reason
    assert "Choose an empty target" in reason
    assert everything(target) == before


def test_target_with_a_task_of_the_same_name_from_another_time_is_refused(source, target):
    """The name alone says nothing: every installation has tasks of the same names."""
    add_task(source)
    time.sleep(0.01)  # or the two are of one instant, as far as a store that keeps milliseconds can tell
    add_task(target)

    assert "tasks of its own" in refusal(source, target)


def test_target_that_went_on_with_higher_ids_is_taken(source, target):
    """Tasks that were added at the target after the first copy don't stand in the way of a second one."""
    fill(source)
    copy(source, target)
    add_task(target, "added later")

    copy(source, target)

    assert len(target.get_all_tasks()) == 6


def test_store_can_not_be_copied_onto_itself(source, folder):
    """However its URL is written."""
    add_task(source)

    with contextlib.contextmanager(opened)(f"sqlite:///{folder}/old.db") as same:
        assert "are the same store" in refusal(source, same)
    assert source.runners() == []


def test_store_of_this_process_alone_is_refused(source):
    """There is nothing in it, and nothing would stay."""
    memory = open_store("memory")

    assert "lives in this process alone" in refusal(source, memory)
    assert "lives in this process alone" in refusal(memory, source)


def test_source_without_tasks_is_an_error_that_asks_for_the_url(source, target):
    """A mistyped file name must not look like a successful move."""
    assert "holds no tasks. Is its URL right?" in refusal(source, target)


class ChangesMeanwhile:
    """A source to which somebody adds a task while it is copied."""

    def __init__(self, store):
        self.store = store

    def __getattr__(self, name):
        return getattr(self.store, name)

    def logs(self, task_id, after=0, limit=1000):
        if len(self.store.get_all_tasks()) == 1:
            add_task(self.store, "late")
        return self.store.logs(task_id, after, limit)


def test_change_of_the_source_meanwhile_is_told(source, target):
    """Whoever forgot to stop a program learns of it, and can copy again."""
    add_task(source)
    changing = ChangesMeanwhile(source)

    with pytest.raises(TaskStateError, match="were added or changed while they were copied"):
        copy(changing, target)

    assert copy(changing, target) == (1, 1)


class WrittenMeanwhile(ChangesMeanwhile):
    """A target in which somebody takes an id between the look and the writing."""

    def restore(self, tasks):
        self.store.restore([StoredTask(info=replace(tasks[0].info, name="other"))])
        return self.store.restore(tasks)


def test_id_that_is_taken_at_the_last_moment_is_told(source, target):
    """A task that could not be written is never passed over in silence."""
    add_task(source)

    with pytest.raises(ConfigurationError, match="written by somebody else meanwhile"):
        copy(source, WrittenMeanwhile(target))


def test_copied_tasks_are_found_page_by_page(source, target):
    """The order of ids is that of the source."""
    source.add([NewTask(name=f"task{n % 7}") for n in range(20)])
    copy(source, target)

    newest = [info.id for info in target.find(TaskQuery(limit=3))]

    assert newest == [20, 19, 18]
