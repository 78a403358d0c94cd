"""Collections in parts: none that grows with the tasks becomes large, and pages go on from one part to the next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from lilota.contract import ClaimRequest, RunnerInfo, StoredTask, TaskQuery
from lilota.models import AttemptUpdate, LogLine, NewTask, Outcome, TaskInfo, TaskState

#: As in `lua/shared/02_parts.lua`.
PART_SIZE = 16_384
#: On both sides of the ends of parts, in some parts and not in others.
IDS = (5, PART_SIZE - 1, PART_SIZE, PART_SIZE + 1, 40_000, *range(8 * PART_SIZE - 3, 8 * PART_SIZE + 3), 10**12)
LONG_AGO = datetime(2024, 2, 29, tzinfo=UTC)
LONG = '{"x":"' + "y" * 2000 + '"}'
RUNNER = RunnerInfo(id="runner", lease_seconds=3600)


@pytest.fixture
def store_with_gaps(store):
    """A store whose tasks have these ids. Every other one is of another name; all have failed."""
    store.restore([stored(task_id, ("even", "odd")[place % 2]) for place, task_id in enumerate(IDS)])
    return store


def stored(task_id, name):
    fields = {"state": TaskState.FAILED, "created_at": LONG_AGO, "run_at": LONG_AGO, "finished_at": LONG_AGO}
    info = TaskInfo(id=task_id, name=name, input_json=LONG, output_json=LONG, **fields)
    return StoredTask(info=info, log_lines=(LogLine(at=1.0, text=str(task_id)),))


def found(store, **fields):
    return [info.id for info in store.find(TaskQuery(**fields))]


def end_all(store):
    """Claim and end what is due; return how many tasks that were."""
    store.heartbeat(RUNNER)
    ended, request = 0, ClaimRequest(runner_id="runner", names=("task",), limit=5000)
    while claims := store.claim(request).claims:
        outcome = Outcome(state=TaskState.SUCCEEDED)
        store.commit([AttemptUpdate(id=c.id, token=c.token, output_json=LONG, outcome=outcome) for c in claims])
        ended += len(claims)
    return ended


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("names", [None, ("even",), ("odd", "even")])
def test_pages_follow_each_other_from_part_to_part(store_with_gaps, newest_first, limit, names):
    """Whatever their length, with one lane or several, in both directions: every task once, in order."""
    expected = sorted(IDS[::2] if names == ("even",) else IDS, reverse=newest_first)
    query = {"names": names, "limit": limit, "newest_first": newest_first}
    pages, page = [], found(store_with_gaps, **query)
    while page:
        pages += page
        page = found(store_with_gaps, **query, after_id=page[-1])

    assert pages == expected


@pytest.mark.parametrize("after_id", [*IDS, 4, 6, 3 * PART_SIZE, 10**13])
def test_a_page_begins_behind_any_id(store_with_gaps, after_id):
    """Also behind one that there is not, in a part that there is not."""
    later, earlier = [i for i in IDS if i > after_id], [i for i in reversed(IDS) if i < after_id]

    assert found(store_with_gaps, after_id=after_id, newest_first=False) == later
    assert found(store_with_gaps, after_id=after_id) == earlier


def test_listed_ids_are_found_in_all_parts(store_with_gaps):
    """In the order of the page, long texts included, and only those that there are."""
    infos = store_with_gaps.find(TaskQuery(ids=(10**12, 5, PART_SIZE, 3 * PART_SIZE)))

    assert [info.id for info in infos] == [10**12, PART_SIZE, 5]
    assert {(info.input_json, info.output_json) for info in infos} == {(LONG, LONG)}


@pytest.mark.parametrize("limit", [1, 5, len(IDS), 100])
def test_what_ended_lately_is_found_in_all_parts(store_with_gaps, limit):
    """Though a part says only when its first task ended."""
    later = LONG_AGO + timedelta(days=1)
    info = replace(store_with_gaps.get(5), id=6, finished_at=later)
    store_with_gaps.restore([StoredTask(info=info)])

    assert store_with_gaps.ended_since(later, limit=limit) == [6]
    assert len(set(store_with_gaps.ended_since(LONG_AGO, limit=limit))) == min(limit, len(IDS) + 1)


@pytest.mark.parametrize("limit", [1, 5, 100])
def test_what_ended_is_counted_in_all_parts(store_with_gaps, limit):
    """Up to the limit, and each task in its own bar, whatever part it is in."""
    later = LONG_AGO + timedelta(days=1)
    info = replace(store_with_gaps.get(5), id=6, finished_at=later)
    store_with_gaps.restore([StoredTask(info=info)])

    edges = [LONG_AGO, later, later + timedelta(days=1), later + timedelta(days=2)]
    first, second, third = store_with_gaps.count_ended(edges, limit)
    assert sum(first.values()) == min(limit, len(IDS))
    assert (second, third) == ({info.state: 1}, {})


def test_prune_takes_from_all_parts_no_more_than_it_may(store_with_gaps):
    """And the counts follow."""
    pruned = [store_with_gaps.prune(0, limit=limit) for limit in (5, 5, 100)]

    assert pruned == [5, 5, len(IDS) - 10]
    assert (store_with_gaps.get_all_tasks(), store_with_gaps.counts()) == ([], [])


def test_nothing_is_left_of_what_was_pruned(store_with_gaps, redis_server, client_of):
    """No part, no text, no log: only what the store knows of itself."""
    store_with_gaps.prune(0)

    prefix = store_with_gaps._database.prefix
    left = {key.decode().removeprefix(prefix) for key in client_of(redis_server.url()).scan_iter(f"{prefix}*")}
    assert left == {"store", "lanes", "names", "counts"}


def test_no_collection_that_grows_with_the_tasks_has_more_than_a_part(store, redis_server, client_of):
    """Only the lines of tasks that wait to be claimed are whole."""
    number = 2 * PART_SIZE
    store.add([NewTask(name="task")] * (number // 2))
    store.add([NewTask(name="task", input_json=LONG)] * (number // 2))
    assert end_all(store) == number

    client = client_of(redis_server.url())
    length = {b"hash": client.hlen, b"zset": client.zcard}
    keys = list(client.scan_iter(f"{store._database.prefix}*"))
    assert max(length[client.type(key)](key) for key in keys) == PART_SIZE
    assert {row.state: row.count for row in store.counts()} == {TaskState.SUCCEEDED: number}
