"""A store of the schema before is taken over as it is: its tasks go on, from now on with owners and notes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from lilota_redis_store.schema import SCHEMA_VERSION
from lilota_redis_store.scripts import SCRIPTS
from msgspec.structs import replace

from lilota.contract import ClaimRequest, RunnerInfo, StoredTask
from lilota.models import AttemptUpdate, Note, Outcome, TaskState

#: What a lilota of schema 2 has written, as commands by key: tasks 1 (failed), 2 (running, with long texts), 3 and 5
#: (pending, with headers) and 4 (due in the year 9000), and a runner whose lease has expired.
BEFORE = json.loads(Path(__file__).with_name("schema_2.json").read_text("utf-8"))
RUNNER = RunnerInfo(id="now", lease_seconds=3600)
REQUEST = ClaimRequest(runner_id="now", names=("task",), limit=10)
FILE = Note(kind="file", name="a", value_json="{}")


@pytest.fixture
def server(own_server):
    """A server with a store of schema 2."""
    server = own_server()
    with redis.Redis.from_url(server.url(), protocol=2) as client:
        for key, (command, *words) in BEFORE.items():
            client.execute_command(command, key, *(word.encode("latin-1") for word in words))
    return server


@pytest.fixture
def store(server, open_store):
    return open_store(server.url(), prefix="old")


def about(client):
    return client.hmget("{old}:store", "schema_version", "min_reader")


def test_its_tasks_are_there(store):
    """All of them, as they were, without what there was not."""
    infos = store.get_all_tasks()

    assert [(info.id, info.state) for info in infos] == [
        (1, TaskState.FAILED),
        (2, TaskState.RUNNING),
        (3, TaskState.PENDING),
        (4, TaskState.PENDING),
        (5, TaskState.PENDING),
    ]
    assert [info.headers_json for info in infos] == [None, None, '{"x.trace":1}', None, '{"n":1}']
    assert infos[3].run_at == datetime(9000, 1, 1, 0, 0, 0, 123457, tzinfo=UTC)
    assert (len(infos[1].input_json), len(infos[1].output_json)) == (1008, 1008)
    assert {(info.owner, info.checkpoint_json, info.progress_note_json) for info in infos} == {(None, None, None)}
    assert [store.notes(info.id) for info in infos] == [[]] * 5


def test_its_tasks_go_on_and_keep_what_is_new(store):
    """The lost one is noted; each is claimed, has a checkpoint and notes, ends, and is pruned with all of it."""
    store.heartbeat(RUNNER)
    rescued = store.rescue()
    store.retry(1)
    claims = store.claim(REQUEST).claims
    kept = [
        AttemptUpdate(id=c.id, token=c.token, checkpoint_json="7", progress_note_json="{}", notes=(FILE,))
        for c in claims
    ]
    store.commit(kept)
    infos = [store.get(claim.id) for claim in claims]
    noted = [[note.kind for note in store.notes(claim.id)] for claim in claims]
    failed = Outcome(state=TaskState.FAILED)
    store.commit([AttemptUpdate(id=claim.id, token=claim.token, outcome=failed) for claim in claims])

    assert (rescued, [claim.id for claim in claims]) == ([2], [1, 2, 3, 5])
    assert {(info.checkpoint_json, info.progress_note_json) for info in infos} == {("7", "{}")}
    assert noted == [["file"], ["attempt", "file"], ["file"], ["file"]]
    assert [info.headers_json for info in infos] == [None, None, '{"x.trace":1}', '{"n":1}']
    assert store.prune(0) == 4
    assert [info.id for info in store.get_all_tasks()] == [4]


def test_a_time_that_misses_its_microseconds_stays_with_an_owner(store):
    """The place of an owner is behind that of the rest of the time."""
    info = store.get(4)
    moved = StoredTask(info=replace(info, id=40, owner="user-1"))
    store.restore([moved])

    assert store.get(40) == moved.info
    assert store.get(4) == info


def test_older_programs_leave_it_alone_from_then_on(server, store, client_of):
    """They would lose what they do not know."""
    client = client_of(server.url())
    before = about(client)
    store.open()
    about_id = client.hget("{old}:store", "id")

    assert before == [b"2", b"2"]
    assert about(client) == [str(SCHEMA_VERSION).encode()] * 2
    with pytest.raises(redis.exceptions.ResponseError, match="LILOTAVERSION"):
        client.eval(SCRIPTS["get"].text, 1, "{old}:store", about_id, 2, "", b"\x91\x01")


def test_a_store_whose_memory_is_full_is_taken_over(server, open_store, client_of):
    """Or what is there could not be finished."""
    client = client_of(server.url())
    client.config_set("maxmemory", "1")

    open_store(server.url(), prefix="old").open()

    assert about(client) == [str(SCHEMA_VERSION).encode()] * 2


def test_a_store_is_taken_over_once(server, store, open_store, client_of):
    """Whoever opens it later changes nothing, not even numbers that have gone on."""
    store.open()
    client = client_of(server.url())
    client.hset("{old}:store", "schema_version", 9)

    open_store(server.url(), prefix="old").open()

    assert about(client) == [b"9", str(SCHEMA_VERSION).encode()]
