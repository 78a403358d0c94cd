"""What is foreseen of tasks that wait or run, from what the store and the runners tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cli_calls import add_task
from foreseen_tasks import have_taken, serve
from msgspec.structs import replace
from running import store_url, until

from lilota.client import TaskClient
from lilota.config import Settings
from lilota.contract import ClaimRequest, RunnerInfo
from lilota.contract.forwarding import ForwardingStore
from lilota.foresight import Estimate, Estimator
from lilota.foresight.line import MOST_AHEAD
from lilota.models import AttemptUpdate, NewTask, Reason, TaskState
from lilota.serving import Serving, before_its_turn
from lilota.stores import open_store

#: More than a test takes on a slow machine, and less than what it distinguishes.
SLACK = timedelta(seconds=200)


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    store = open_store(store_url(request.param, tmp_path))
    store.open()
    yield store
    store.close()


def start(store, *, ran_for=0.0, name="resize", progress=0.0):
    """Have the runner start a task so many seconds ago, and return it."""
    task_id = add_task(store, name)
    (claim,) = store.claim(ClaimRequest(runner_id="r", names=(name,))).claims
    began = datetime.now(UTC).timestamp() - ran_for
    assert claim.id == task_id
    update = AttemptUpdate(id=claim.id, token=claim.token, pid=7, started_at=began, progress=progress)
    store.commit([update])
    return store.get(task_id)


def foreseen(store, *task_ids):
    """Return what a new look foresees of each."""
    found = Estimator(store).estimates([store.get(task_id) for task_id in task_ids])
    return [found.get(task_id) for task_id in task_ids]


def is_about(instant, seconds):
    return instant is not None and abs(instant - datetime.now(UTC) - timedelta(seconds=seconds)) < SLACK


# --- tasks that run


def test_a_running_task_that_reports_nothing_ends_when_others_of_its_name_did(store):
    """By the middle of those that succeeded lately."""
    serve(store)
    have_taken(store, 3000, 4000, 90_000)

    (estimate,) = foreseen(store, start(store).id)

    assert is_about(estimate.finishes_at, 4000)
    assert estimate.before is estimate.starts_at is estimate.reason is None


def test_the_own_pace_of_a_running_task_counts_more_than_the_history(store):
    """It is what this very attempt tells."""
    serve(store)
    have_taken(store, 90_000)
    task = replace(start(store), started_at=datetime.now(UTC) - timedelta(seconds=3000), reported_progress=50.0)

    estimate = Estimator(store).estimates([task])[task.id]

    assert is_about(estimate.finishes_at, 3000)


def test_of_a_task_that_runs_longer_than_all_others_no_end_is_foreseen(store):
    """Nor of one whose name has never succeeded; both are in the answer, which says nothing of them."""
    serve(store, ("resize", "new"))
    have_taken(store, 100)
    late = replace(start(store), started_at=datetime.now(UTC) - timedelta(seconds=500))

    assert Estimator(store).estimates([late]) == {late.id: Estimate()}
    assert foreseen(store, start(store, name="new").id) == [Estimate()]


def test_of_a_task_that_is_asked_to_end_no_end_is_foreseen(store):
    """It ends before its time."""
    serve(store)
    have_taken(store, 3000)
    task = start(store)

    store.cancel(task.id)

    assert foreseen(store, task.id) == [Estimate()]


def test_of_a_task_that_has_ended_nothing_is_foreseen(store):
    """It is not in the answer."""
    store.cancel(task_id := add_task(store))

    assert Estimator(store).estimates([store.get(task_id)]) == {}


# --- tasks that wait


def test_tasks_that_wait_start_one_after_the_other(store):
    """Each when a place is free: the first one when the running task has ended."""
    serve(store)
    have_taken(store, 3000)
    start(store)
    ids = store.add([NewTask(name="resize")] * 3)

    estimates = foreseen(store, *ids)

    assert [estimate.before for estimate in estimates] == [0, 1, 2]
    assert [is_about(each.starts_at, 3000 * n) for n, each in enumerate(estimates, 1)] == [True] * 3
    assert [is_about(each.finishes_at, 3000 * n) for n, each in enumerate(estimates, 2)] == [True] * 3


def test_several_places_share_the_line(store):
    """Of all runners that serve it; free places take the first ones at once."""
    serve(store, places=2)
    serve(store, places=1, runner_id="other")
    have_taken(store, 3000)
    start(store)
    ids = store.add([NewTask(name="resize")] * 4)

    starts = [estimate.starts_at for estimate in foreseen(store, *ids)]

    assert [is_about(at, seconds) for at, seconds in zip(starts, (0, 0, 3000, 3000), strict=True)] == [True] * 4


def test_a_task_of_high_priority_is_before_those_that_came_first(store):
    """As the claim has it."""
    serve(store)
    usual, urgent = store.add([NewTask(name="resize"), NewTask(name="resize", priority=1)])

    assert [estimate.before for estimate in foreseen(store, usual, urgent)] == [1, 0]


def test_a_task_that_is_taken_and_not_started_is_before_the_others(store):
    """Its runner has it, and no place for it yet."""
    serve(store)
    have_taken(store, 3000)
    start(store)
    taken = add_task(store)
    store.claim(ClaimRequest(runner_id="r", names=("resize",)))
    waiting = add_task(store)

    of_taken, of_waiting = foreseen(store, taken, waiting)

    assert (of_taken.before, of_waiting.before) == (0, 1)
    assert is_about(of_taken.starts_at, 3000)
    assert is_about(of_waiting.starts_at, 6000)


def test_a_name_that_never_ran_takes_as_long_as_others_in_line(store):
    """So those behind it have an estimate; of its own end nothing is said."""
    serve(store, ("resize", "new"))
    have_taken(store, 3000)
    new, known = add_task(store, "new"), add_task(store)

    of_new, of_known = foreseen(store, new, known)

    assert (is_about(of_new.starts_at, 0), of_new.finishes_at) == (True, None)
    assert is_about(of_known.starts_at, 3000)


def test_where_no_name_has_a_history_only_the_place_in_line_is_told(store):
    """And that a free place takes the first one now."""
    serve(store)
    ids = store.add([NewTask(name="resize")] * 2)

    first, second = foreseen(store, *ids)

    assert (first.before, second.before, second.starts_at) == (0, 1, None)
    assert is_about(first.starts_at, 0)


def test_of_what_is_far_behind_no_start_is_foreseen(store):
    """Nobody counts a million; how many were looked at is said."""
    serve(store)
    have_taken(store, 1)
    ids = store.add([NewTask(name="resize")] * (MOST_AHEAD + 1))

    last_seen, behind = foreseen(store, ids[-2], ids[-1])

    assert (last_seen.before, last_seen.is_more) == (MOST_AHEAD - 1, False)
    assert behind == Estimate(before=MOST_AHEAD, is_more=True)
    assert behind.text() == "more than 1,000 before it"


def test_runners_of_other_tasks_and_queues_are_no_part_of_the_line(store):
    """What they wait for and run takes no place from it."""
    serve(store, queues=("mine",))
    serve(store, ("other",), runner_id="other", places=50)
    store.add([NewTask(name="other")] * 3 + [NewTask(name="resize")])
    mine = add_task(store, queue="mine")

    assert [estimate.before for estimate in foreseen(store, mine)] == [0]


# --- tasks that wait for something else


@pytest.mark.parametrize(
    ("fields", "kind"), [({"delay_seconds": 300}, "time"), ({"queue": "nowhere"}, "queue"), ({"name": "no"}, "name")]
)
def test_a_task_that_waits_for_more_than_its_turn_has_the_reason_in_place_of_an_estimate(store, fields, kind):
    """Its time, or a runner."""
    serve(store, queues=("default",))
    have_taken(store, 10)

    (estimate,) = foreseen(store, add_task(store, **fields))

    assert estimate.reason is not None
    assert estimate.reason.kind == kind
    assert estimate == Estimate(reason=estimate.reason)
    assert estimate.text() == ""


def test_without_a_runner_nothing_is_foreseen(store):
    """Also not with one that has given the name up, or that is of an older lilota and tells nothing."""
    task_id = add_task(store)

    assert [estimate.reason.kind for estimate in foreseen(store, task_id)] == ["runner"]
    store.heartbeat(RunnerInfo(id="old"))
    assert foreseen(store, task_id) == [Estimate()]


def test_without_places_no_start_is_foreseen(store):
    """A cluster may have none at the moment."""
    serve(store, places=0)
    have_taken(store, 10)

    assert foreseen(store, add_task(store)) == [Estimate(before=0)]


# --- where tasks have it with them


def test_a_client_tells_it_with_each_task_if_asked(store):
    """Of one task, and of all that match; the same as for a page of tasks."""
    serve(store)
    have_taken(store, 3600)
    client = TaskClient(store, settings=Settings(), accept_unknown_names=True)
    handles = client.add_many([{"name": "resize"}] * 300)

    told = {info.id: info.estimate for info in client.find(states=[TaskState.PENDING], estimates=True)}
    info = handles[7].info(estimates=True)

    assert [told[handle.id].before for handle in handles] == list(range(300))
    assert info.estimate.before == handles[7].estimate().before == info.to_dict()["estimate"]["before"] == 7
    assert is_about(info.estimate.starts_at, 7 * 3600)
    assert info.summary()["estimate"]["reason"] is None
    assert handles[7].info().to_dict()["estimate"] is None


# --- what it costs


class Asked(ForwardingStore):
    """Notes what it is asked."""

    def __init__(self, inner):
        super().__init__(inner)
        self.calls = []

    def forward(self, method, *arguments, **keywords):
        self.calls.append(method.__name__)
        return super().forward(method, *arguments, **keywords)


def test_a_page_of_tasks_asks_a_few_questions_and_the_next_one_none(store):
    """However many tasks are on it; and a page without tasks that wait asks for durations alone."""
    serve(store, places=2)
    have_taken(store, 3000)
    running = start(store)
    ids = store.add([NewTask(name="resize")] * 50)
    asked = Asked(store)
    estimator = Estimator(asked)

    estimator.estimates([running])
    assert asked.calls == ["capabilities", "durations"]
    page = [running, *map(store.get, ids)]
    first = estimator.estimates(page)
    assert sorted(asked.calls) == ["capabilities", "durations", "find", "look_ahead", "runners"]
    assert estimator.estimates(page).keys() == first.keys()
    assert len(asked.calls) == 5


def test_what_no_claim_has_seen_yet_is_not_looked_for_again_and_again(store):
    """It is due, and in no line: the next look would not find it, either."""
    serve(store)
    asked = Asked(store)
    estimator = Estimator(asked, kept_seconds=1000.0)
    task = store.get(add_task(store, delay_seconds=0.01))
    until(lambda: before_its_turn(task, Serving(store.runners())), lambda reasons: not reasons)

    first = estimator.estimates([task])
    calls = len(asked.calls)

    assert estimator.estimates([task]).keys() == first.keys() == {task.id}
    assert len(asked.calls) == calls


def test_what_was_added_since_the_last_look_is_foreseen_at_once(store):
    """It is in no line that was looked at before."""
    serve(store)
    estimator = Estimator(store)

    before = [
        estimator.estimates([store.get(task_id)])[task_id].before for task_id in (add_task(store) for _ in range(3))
    ]

    assert before == [0, 1, 2]


def test_a_store_that_foresees_nothing_is_not_asked(store):
    """The own pace of what runs needs no store."""

    class Older(Asked):
        def capabilities(self):
            return replace(super().capabilities(), supports=frozenset())

    serve(store)
    running = replace(start(store), started_at=datetime.now(UTC) - timedelta(seconds=3000), reported_progress=50.0)
    older = Older(store)

    found = Estimator(older).estimates([running, store.get(add_task(store))])

    assert older.calls == ["capabilities"]
    assert found.keys() == {running.id}
    assert is_about(found[running.id].finishes_at, 3000)


# --- the ways to it


def test_client_and_handle_give_the_same(store):
    """For many tasks and for one; None for one that has ended."""
    serve(store)
    have_taken(store, 3000)
    with TaskClient(store, settings=Settings(), accept_unknown_names=True) as client:
        handles = client.add_many([{"name": "resize"}] * 2)

        estimates = client.estimates(client.find(states=["pending"], names=["resize"]))
        of_one = handles[1].estimate()
        handles[0].cancel()

        assert [estimates[handle.id].before for handle in handles] == [0, 1]
        assert of_one.before == 1
        assert handles[0].estimate() is None


def test_an_estimate_is_said_without_false_precision():
    """In the words that people use."""
    now = datetime.now(UTC)

    def said(**fields):
        return Estimate(**fields).text(now)

    def at(seconds):
        return now + timedelta(seconds=seconds)

    assert said() == ""
    assert said(before=3, starts_at=at(187.4)) == "3 before it, starts in about 3 min"
    assert said(before=0, starts_at=at(2.1)) == "next in line, starts in seconds"
    assert said(before=1234) == "1,234 before it"
    assert said(finishes_at=at(1503)) == "about 25 min left"
    assert said(finishes_at=at(-1)) == "seconds left"


def test_an_estimate_is_a_record_for_json():
    """Instants as everywhere, and secrets masked in the reason."""
    at = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)
    reason = Reason("runner", "the runner r failed: postgresql://u:secret@host/db is gone")

    assert Estimate(before=2, starts_at=at).to_dict() == {
        "before": 2,
        "is_more": False,
        "starts_at": "2024-02-29T12:30:00Z",
        "finishes_at": None,
        "reason": None,
    }
    told = Estimate(reason=reason).to_dict()["reason"]
    assert told["kind"] == "runner"
    assert "secret" not in told["text"]
