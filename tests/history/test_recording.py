"""What parties note becomes a history that says what happened, and no more than that."""

from __future__ import annotations

import pytest
from history.checker import violations
from history.events import AddAsked, Added, Beat, Claimed, ClaimUnknown, Released, TakenBack, WriteUnknown, Wrote
from history.expectations import Expectation
from history.parties import new_task
from history.reading import read_history
from history.recorder import Recorder
from history.watching import WatchedStore
from lilota_memory_store import MemoryTaskStore

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import StoreUnavailableError
from lilota.models import AttemptUpdate, Outcome, TaskState

REQUEST = ClaimRequest(runner_id="runner", names=("recorded",), limit=5)
SUCCESS = Outcome(state=TaskState.SUCCEEDED)


class LosesReplies(MemoryTaskStore):
    """Does what it is asked for, and then can't be reached."""

    def commit(self, updates, request=None):
        super().commit(updates, request)
        raise StoreUnavailableError("planted")


def watched(tmp_path, store):
    return WatchedStore(store, Recorder(tmp_path, "run"))


def kinds(tmp_path):
    return [type(event) for event in read_history(tmp_path).events]


def test_a_task_from_add_to_its_end_is_in_the_history(tmp_path):
    """Each call becomes an event with the instants of its question and its answer, and the checker finds it good."""
    store = watched(tmp_path, MemoryTaskStore())
    (task_id,) = store.add([new_task("m1")])
    store.heartbeat(RunnerInfo(id="runner", pid=7))
    claim = store.claim(REQUEST).claims[0]
    store.commit([AttemptUpdate(id=task_id, token=claim.token, output_json='{"x": 1}', outcome=SUCCESS)])
    store.release("runner")

    history = read_history(tmp_path)
    history.final = {info.id: info for info in store.inner.get_all_tasks()}

    assert [type(event) for event in history.events] == [AddAsked, Added, Beat, Claimed, Wrote, Released]
    assert violations(history, lambda _: Expectation(output={"x": 1})) == []
    assert all(event.since <= event.at for event in history.events[1:])


def test_what_is_rescued_is_in_the_history(tmp_path):
    """The tasks that a rescue takes back are named one by one."""
    store = watched(tmp_path, MemoryTaskStore())
    store.add([new_task("m1"), new_task("m2")])
    store.heartbeat(RunnerInfo(id="runner", lease_seconds=0))
    store.heartbeat(RunnerInfo(id="runner", lease_seconds=30))
    store.claim(REQUEST)
    store.heartbeat(RunnerInfo(id="runner", lease_seconds=0))
    store.rescue()

    assert kinds(tmp_path)[-2:] == [TakenBack, TakenBack]


def test_a_call_without_an_answer_stays_unknown(tmp_path):
    """Its update and its claim may have happened; the history does not say that they did."""
    store = watched(tmp_path, LosesReplies())
    with pytest.raises(StoreUnavailableError):
        store.commit([AttemptUpdate(id=1, token=1, outcome=SUCCESS)], REQUEST)

    assert kinds(tmp_path) == [WriteUnknown, ClaimUnknown]


def test_the_marks_of_an_add_are_noted_before_it_is_made(tmp_path):
    """Who is killed in the middle of an add has left word of what it was going to add."""

    class Unreachable(MemoryTaskStore):
        def add(self, tasks, *, connection=None):
            raise StoreUnavailableError("planted")

    store = watched(tmp_path, Unreachable())
    with pytest.raises(StoreUnavailableError):
        store.add([new_task("m1"), new_task("m2")])

    assert [event.marks for event in read_history(tmp_path).events] == [("m1", "m2")]
