"""What is kept beside tasks: owners, checkpoints and notes. Who has none pays nothing, and nothing is left of them."""

from __future__ import annotations

import msgspec
import pytest

from lilota.contract import ClaimRequest, RunnerInfo, TaskQuery
from lilota.models import AttemptUpdate, NewTask, Note, Outcome, TaskState

RUNNER = RunnerInfo(id="runner", lease_seconds=3600)
REQUEST = ClaimRequest(runner_id="runner", names=("task",), limit=5000)
LONG = '"' + "x" * 2000 + '"'
SUCCEEDED = Outcome(state=TaskState.SUCCEEDED)
#: So many tasks of an owner are looked at in one call, of either kind.
LOOKED_AT, COUNTED = 1000, 2000
BESIDE = ("owned:", "checkpoints:", "notes:", "note_names:")


@pytest.fixture
def keys(store, redis_server, client_of):
    """Gives the names of the keys of the store."""
    prefix, client = store._database.prefix, client_of(redis_server.url())
    return lambda: {key.decode().removeprefix(prefix) for key in client.scan_iter(f"{prefix}*")}


def claimed(store, *tasks):
    """Add and claim tasks."""
    store.heartbeat(RUNNER)
    store.add(tasks)
    return store.claim(REQUEST).claims


def update(claim, **fields):
    return AttemptUpdate(id=claim.id, token=claim.token, **fields)


def a_note(name):
    return Note(kind="file", name=name, value_json="{}")


def test_a_plain_task_touches_no_key_of_them(store, url, commands_of):
    """From its addition to its end."""
    with commands_of(url) as commands:
        (claim,) = claimed(store, NewTask(name="task"))
        store.commit([update(claim, progress=50.0, output_json="{}")])
        store.commit([update(claim, outcome=SUCCEEDED)], REQUEST)
        store.prune(0)

    scripts = [words for words in commands if words[0] not in {"EVAL", "EVALSHA"}]
    assert scripts
    assert not [words for words in scripts if any(name in word for word in words for name in BESIDE)]


def test_the_record_of_a_plain_task_is_as_long_as_ever(store, redis_server, client_of):
    """Also when it has run; that of another has a place for each thing up to the last that it has."""
    plain, full = claimed(store, NewTask(name="task"), NewTask(name="task", owner="user-1"))
    store.commit([update(plain, progress=50.0), update(full, checkpoint_json="1", notes=(a_note("a"),))])

    records = client_of(redis_server.url()).hmget(f"{store._database.prefix}tasks:0", [plain.id, full.id])
    lengths = [len(msgspec.msgpack.decode(record)) for record in records]
    assert lengths == [19, 25]


def test_nothing_is_left_of_what_was_pruned(store, keys):
    """No entry of an owner, no long checkpoint, no note."""
    (claim,) = claimed(store, NewTask(name="task", owner="user-1", input_json=LONG))
    failed = Outcome(state=TaskState.FAILED)
    store.commit([update(claim, checkpoint_json=LONG, notes=(a_note("a"), a_note("b")), outcome=failed)])
    before = {name for name in keys() if name.startswith(BESIDE)}
    store.prune(0)
    store.release("runner")

    assert before == {
        "owned:6:user-1",
        "owned:6:user-1:0",
        "checkpoints:0",
        f"notes:{claim.id}",
        f"note_names:{claim.id}",
    }
    assert keys() == {"store", "lanes", "names", "counts"}


def test_a_success_leaves_no_long_checkpoint(store, keys):
    """Neither an earlier one, nor the one that comes with it, nor one in between."""
    first, second, third = claimed(store, *[NewTask(name="task")] * 3)
    store.commit([update(first, checkpoint_json=LONG), update(third, checkpoint_json=LONG)])
    kept = "checkpoints:0" in keys()
    store.commit([update(first, outcome=SUCCEEDED), update(second, checkpoint_json=LONG, outcome=SUCCEEDED)])
    store.commit([update(third, checkpoint_json="1"), update(third, checkpoint_json=LONG)])
    store.commit([update(third, outcome=SUCCEEDED)])

    assert kept
    assert "checkpoints:0" not in keys()
    assert [store.get(claim.id).checkpoint_json for claim in (first, second, third)] == [None] * 3


def test_a_checkpoint_that_becomes_short_is_kept_in_the_record(store, keys):
    """The long one is gone."""
    (claim,) = claimed(store, NewTask(name="task"))
    store.commit([update(claim, checkpoint_json=LONG)])
    store.commit([update(claim, checkpoint_json="1")])

    assert "checkpoints:0" not in keys()
    assert store.get(claim.id).checkpoint_json == "1"


def test_nothing_is_left_of_a_long_input_that_was_forgotten(store, keys):
    """That was the point."""
    (claim,) = claimed(store, NewTask(name="task", input_json=LONG, headers_json='{"lilota.keep_input":false}'))
    store.commit([update(claim, outcome=Outcome(state=TaskState.SUCCEEDED))])

    assert "inputs:0" not in keys()
    assert store.get(claim.id).input_json == "{}"


def test_owners_whose_names_go_on_like_the_number_of_a_part_are_kept_apart(store):
    """The keys of each are its own."""
    owners = ["a", "a:0", "1:a", "a:0:0", "3:a:0"]
    ids = {owner: store.add([NewTask(name="task", owner=owner)]) for owner in owners}

    assert {owner: [info.id for info in store.find(TaskQuery(owner=owner))] for owner in owners} == ids
    assert [sum(row.count for row in store.counts(owner)) for owner in owners] == [1] * len(owners)


@pytest.mark.parametrize("number", [COUNTED - 1, COUNTED, COUNTED + 1, 2 * COUNTED + 7])
def test_all_tasks_of_an_owner_are_counted(store, number):
    """However often the server is asked for some of them."""
    store.add([NewTask(name="task", owner="user-1")] * number)

    assert [(row.count, row.state) for row in store.counts("user-1")] == [(number, TaskState.PENDING)]


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("number", [LOOKED_AT - 1, LOOKED_AT, 2 * LOOKED_AT + 7])
def test_the_rare_tasks_of_an_owner_are_found_behind_many_others(store, number, newest_first):
    """No call looks at more than some; the page is full all the same."""
    rare, many = NewTask(name="rare", owner="user-1"), NewTask(name="task", owner="user-1")
    ids = store.add([rare, *[many] * number, rare, rare])
    expected = sorted([ids[0], *ids[-2:]], reverse=newest_first)
    query = TaskQuery(owner="user-1", names=("rare",), newest_first=newest_first)

    assert [info.id for info in store.find(query)] == expected
    assert [info.id for info in store.find(msgspec.structs.replace(query, limit=2))] == expected[:2]
    assert len(store.find(TaskQuery(owner="user-1", limit=number + 1))) == number + 1


def test_a_page_of_an_owner_reads_no_tasks_of_others(store, url, commands_of):
    """As many records as the page is long."""
    store.add([NewTask(name="task", owner="user-2"), NewTask(name="task")] * 500)
    store.add([NewTask(name="task", owner="user-1")] * 50)
    with commands_of(url) as commands:
        page = store.find(TaskQuery(owner="user-1", limit=20))

    assert len(page) == 20
    assert max(len(words) for words in commands if words[0] == "HMGET" and ":tasks:" in words[1]) == 22
