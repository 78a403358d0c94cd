"""Servers that refuse: one sentence each, with the remedy."""

from __future__ import annotations

import socket
import threading
import uuid

import pytest
import redis
from lilota_redis_store.address import Address
from lilota_redis_store.connecting import check_version
from lilota_redis_store.faults import code_of

from lilota.errors import ConfigurationError, StoreUnavailableError, StoreVersionError
from lilota.models import NewTask


@pytest.fixture
def server(own_server):
    """A server that wants a password."""
    return own_server({"requirepass": "hunter2"}, port=0)


def url_of(server, login):
    return f"redis://{login}{server.host}:{server.port}/0?timeout_seconds=60"


@pytest.mark.parametrize(
    ("login", "said"),
    [
        ("", "wants a password"),
        (":wrong@", "refuses the user or the password"),
        ("nobody:hunter2@", "refuses the user or the password"),
    ],
)
def test_a_login_that_is_missing_or_wrong_is_named(server, open_store, login, said):
    """Without the password that was tried, or the right one."""
    with pytest.raises(StoreUnavailableError, match=said) as refused:
        open_store(url_of(server, login)).open()

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("tcp", [True, False])
def test_a_missing_password_is_asked_for_by_the_url_to_write(server, open_store, tcp):
    """With the scheme that was used, so that nobody loses TLS or the socket on the way."""
    url = server.url(tcp=tcp)

    with pytest.raises(StoreUnavailableError) as refused:
        open_store(url).open()

    assert f"Put it into the URL: {url.replace('://', '://user:password@')} (" in str(refused.value)


def test_a_password_for_a_server_that_has_none_is_named(own_server, open_store):
    """The remedy is another one than for a wrong password."""
    server = own_server(port=0)

    with pytest.raises(StoreUnavailableError, match="has no password set"):
        open_store(url_of(server, ":hunter2@")).open()


@pytest.mark.parametrize("rights", ["-evalsha", "-zadd", "resetkeys ~other:*"])
def test_a_user_without_the_rights_is_told_so(server, open_store, client_of, rights):
    """Whether it is the script, a command in it, or the keys that are forbidden."""
    client_of(url_of(server, ":hunter2@")).execute_command(f"ACL SETUSER low on >low ~* &* +@all {rights}")

    with pytest.raises(StoreUnavailableError, match=r"forbids this user.*README"):
        open_store(url_of(server, "low:low@")).add([NewTask(name="task")])


def test_a_user_without_channels_can_use_the_store(server, open_store, client_of):
    """Announcements are hints: tasks are added, and found by polling."""
    client_of(url_of(server, ":hunter2@")).execute_command("ACL SETUSER deaf on >deaf ~* resetchannels +@all")
    store = open_store(url_of(server, "deaf:deaf@"))

    (task_id,) = store.add([NewTask(name="task")])

    assert store.get(task_id).id == task_id
    assert store.wait_for_change(0.01) is False


def test_a_user_with_no_more_than_the_rights_of_the_readme_can_do_everything(server, open_store, client_of):
    """The README names what a user needs; INFO and CONFIG are not among it."""
    from pathlib import Path

    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    (rule,) = [line.strip() for line in readme.splitlines() if line.strip().startswith("ACL SETUSER")]
    client_of(url_of(server, ":hunter2@")).execute_command(rule)
    store = open_store(url_of(server, "lilota:secret@"))

    use_everything(store)

    assert "does not tell" in " ".join(store.capabilities().warnings)


def use_everything(store):
    """Call each method, so that each script does each thing that it can do."""
    from lilota.contract import ClaimRequest, RunnerInfo, StoredTask, TaskQuery
    from lilota.models import AttemptUpdate, LogLine, Outcome, TaskState

    first, second, later = store.add(
        [NewTask(name="task"), NewTask(name="task"), NewTask(name="task", delay_seconds=0.001)]
    )
    store.heartbeat(RunnerInfo(id="runner"))
    assert store.take_turn("chore", 10)
    request = ClaimRequest(runner_id="runner", names=("task",), limit=10)
    claims = {}
    while len(claims) < 3:
        claims |= {claim.id: claim for claim in store.claim(request).claims}
    store.cancel(second)
    line = LogLine(at=1.0, text="text")
    store.commit(
        [
            AttemptUpdate(id=first, token=claims[first].token, log_lines=(line,), output_json="{}"),
            AttemptUpdate(id=first, token=claims[first].token, outcome=Outcome(state=TaskState.FAILED)),
            AttemptUpdate(id=second, token=claims[second].token, outcome=Outcome(state=TaskState.PENDING)),
        ],
        request,
    )
    store.retry(first)
    store.cancel(first)
    assert store.logs(first)[0] == line
    assert [info.id for info in store.find(TaskQuery(ids=(first, later)))] == [later, first]
    stored = StoredTask(info=store.get(second), log_lines=(line,))
    store.heartbeat(RunnerInfo(id="runner", lease_seconds=0))
    assert store.rescue() == [later]
    assert store.release("runner") == 0
    assert store.prune(0) == 2
    assert store.restore([stored]) == 1
    assert (len(store.runners()), len(store.counts()), len(store.get_all_tasks())) == (0, 2, 2)
    store.wait_for_change(0.01)


def test_a_database_that_the_server_does_not_have_is_named(redis_server, open_store):
    """Redis has 16 unless told otherwise."""
    with pytest.raises(StoreUnavailableError, match="no database of that number"):
        open_store(redis_server.url(99)).open()


def test_a_server_of_another_kind_is_recognised(open_store):
    """An answer that is not Redis's is not taken for a failure of Redis."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer_as_http, args=[listener], daemon=True).start()

        with pytest.raises(StoreUnavailableError, match="not as Redis does"):
            open_store(f"redis://127.0.0.1:{listener.getsockname()[1]}/0?timeout_seconds=60").open()


def answer_as_http(listener):
    connection, _ = listener.accept()
    with connection:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        # Until the client has read it: the end of the connection might come before.
        connection.recv(1000)


def test_tls_to_a_server_without_it_is_recognised(own_server, open_store):
    """The remedy is in the URL."""
    server = own_server(port=0)

    with pytest.raises(StoreUnavailableError, match=r"speaks TLS there.*use 'redis://'"):
        open_store(f"rediss://{server.host}:{server.port}/0?timeout_seconds=0.5").open()


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1/0", "redis://no-such-host.invalid/0", "unix:///nonexistent/redis.sock"]
)
def test_a_server_that_is_not_there_is_named(open_store, url):
    """Wherever it should have been."""
    with pytest.raises(StoreUnavailableError, match="can't be reached"):
        open_store(url, timeout_seconds=60).open()


def test_a_server_that_never_answers_is_given_up(open_store):
    """The option says after how long."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(StoreUnavailableError, match="did not answer in time"),
    ):
        open_store(f"redis://127.0.0.1:{listener.getsockname()[1]}/0?timeout_seconds=0.2").open()


def test_a_replica_is_refused(own_server, open_store, client_of):
    """Nothing could be written there."""
    primary, replica = own_server(port=0), own_server(port=0)
    client_of(replica.url()).execute_command("REPLICAOF", primary.host, primary.port)

    with pytest.raises(StoreUnavailableError, match=r"replica.*Connect to the primary"):
        open_store(replica.url()).open()


@pytest.mark.parametrize("version", ["5.0.14", "6.0.16"])
def test_a_server_that_is_too_old_is_refused(version):
    """With its version, and the one that is needed."""
    with pytest.raises(StoreUnavailableError, match=rf"{version}.*6\.2"):
        check_version({"redis_version": version}, Address())


@pytest.mark.parametrize("version", ["6.2.0", "7.2.4", "8.0"])
def test_a_server_that_is_new_enough_is_taken(version):
    """Valkey gives the version of Redis that it is compatible with."""
    check_version({"redis_version": version}, Address())


@pytest.mark.parametrize("command", [("SET", "x"), ("HSET", "size", "3"), ("RPUSH", "x")])
def test_data_of_others_under_the_same_name_are_not_touched(url, redis_server, open_store, client_of, command):
    """Whatever kind they are."""
    prefix = f"foreign-{uuid.uuid4().hex}"
    client = client_of(redis_server.url())
    client.execute_command(command[0], f"{{{prefix}}}:store", *command[1:])

    with pytest.raises(StoreUnavailableError, match="Choose another 'prefix'"):
        open_store(redis_server.url(), prefix=prefix).open()

    assert client.dbsize() >= 1
    assert list(client.scan_iter(f"*{prefix}*")) == [f"{{{prefix}}}:store".encode()]


def test_a_store_of_a_newer_lilota_is_not_touched(store, url, redis_server, open_store, client_of):
    """Neither by a program that opens it, nor by one that has had it open since before."""
    store.add([NewTask(name="task")])
    key = f"{store._database.prefix}store"
    client_of(redis_server.url()).hset(key, mapping={"schema_version": 9, "min_reader": 7})

    for handle in (store, open_store(url)):
        with pytest.raises(StoreVersionError, match=r"version 7.*knows 3.*Upgrade lilota-redis-store"):
            handle.add([NewTask(name="task")])


def test_a_store_from_before_the_release_is_refused(store, url, redis_server, open_store, client_of):
    """Its collections are not in parts: it would look empty."""
    client_of(redis_server.url()).hset(f"{store._database.prefix}store", mapping={"schema_version": 1, "min_reader": 1})

    with pytest.raises(StoreVersionError, match=r"version 1 of the schema.*lilota copy.*'prefix'"):
        open_store(url).open()


def test_a_newer_store_that_old_programs_may_use_is_used(store, url, redis_server, open_store, client_of):
    """A schema that only has something more is no reason to stop."""
    client_of(redis_server.url()).hset(f"{store._database.prefix}store", "schema_version", 9)

    assert len(open_store(url).add([NewTask(name="task")])) == 1


def test_a_connection_of_the_application_is_refused(store):
    """There is no transaction to take part in."""
    with pytest.raises(ConfigurationError, match="connection"):
        store.add([NewTask(name="task")], connection=object())

    assert store.get_all_tasks() == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (redis.ResponseError("LILOTAGONE the store that was opened is not there"), "LILOTAGONE"),
        (redis.ReadOnlyError("You can't write against a read only replica."), "READONLY"),
        (
            redis.ResponseError(
                "Error running script (call to f_0a): @user_script:97: @user_script: 97: -READONLY You can't write "
                "against a read only replica."
            ),
            "READONLY",
        ),
        (redis.exceptions.BusyLoadingError("Redis is loading the dataset in memory"), "LOADING"),
        (redis.exceptions.TimeoutError("Timeout reading from socket"), "LOST"),
    ],
)
def test_errors_are_told_apart_by_their_class_or_their_code_word(error, code):
    """Not by what else they say: redis-py takes the word off for some, and Redis 6.2 hides it behind a script."""
    assert code_of(error) == code
