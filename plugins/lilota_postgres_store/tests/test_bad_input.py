"""What can be wrong with a server: one sentence each, with the remedy, and never the password."""

from __future__ import annotations

import socket
from urllib.parse import quote

import psycopg
import pytest
from lilota_postgres_store.link.server import Server, check_server, warnings_for
from lilota_test_servers import PgBouncer, PostgresServer, available_or_skip
from postgres_waiting import wait_until

from lilota.errors import ConfigurationError, StoreUnavailableError
from lilota.models import NewTask

SECRET = "s3cret/wrong"
GOOD = Server(
    version_number=180006,
    version="18.6",
    encoding="UTF8",
    synchronous_commit="on",
    fsync=True,
    full_page_writes=True,
    is_pooled=False,
    default_schema="public",
)


def changed(**fields):
    import msgspec

    return msgspec.structs.replace(GOOD, **fields)


@pytest.fixture(scope="module")
def strict():
    """A server that wants passwords over TCP."""
    server = available_or_skip(lambda: PostgresServer(port=0, hba=["host all all all scram-sha-256"]))
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE someone LOGIN PASSWORD 'right'")
    yield server
    server.close()


def error_of(open_store, url):
    with pytest.raises((StoreUnavailableError, ConfigurationError)) as caught:
        open_store(url).open()
    message = str(caught.value)
    assert SECRET not in message
    assert quote(SECRET, safe="") not in message
    assert "\n" not in message
    return message


def test_wrong_password(strict, open_store):
    """Where to look for it."""
    url = f"postgresql://someone:{quote(SECRET, safe='')}@127.0.0.1:{strict.port}/postgres"

    message = error_of(open_store, url)

    assert f"'postgres' at 127.0.0.1:{strict.port} refuses the user or the password. Check both" in message


def test_missing_password(strict, open_store, monkeypatch):
    """Where to put it."""
    monkeypatch.setenv("PGPASSFILE", "/nonexistent")

    message = error_of(open_store, f"postgresql://someone@127.0.0.1:{strict.port}/postgres")

    assert "wants a password. Put it into the URL, PGPASSWORD or ~/.pgpass" in message


def test_unknown_database(postgres_server, open_store):
    """How to create it."""
    message = error_of(open_store, postgres_server.url("nowhere"))

    assert "'nowhere'" in message
    assert "does not exist. Create it: CREATE DATABASE" in message


def test_unknown_role(postgres_server, open_store):
    """How to create it."""
    message = error_of(open_store, postgres_server.url().replace("postgres@", "nobody_knows@"))

    assert "does not know the role. Check the user in the URL, or create it: CREATE ROLE" in message


@pytest.fixture(scope="module")
def picky(postgres_server):
    """Roles and databases that nobody gets into, each for another reason."""
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        for database in ("crowded", "closed", "private"):
            connection.execute(f"DROP DATABASE IF EXISTS {database}")
        connection.execute("DROP ROLE IF EXISTS busy, group_only, shop")
        connection.execute("CREATE ROLE busy LOGIN CONNECTION LIMIT 0")
        connection.execute("CREATE ROLE group_only NOLOGIN")
        connection.execute("CREATE ROLE shop LOGIN")
        connection.execute("CREATE DATABASE crowded CONNECTION LIMIT 0")
        connection.execute("CREATE DATABASE closed ALLOW_CONNECTIONS false")
        connection.execute("CREATE DATABASE private")
        connection.execute("REVOKE CONNECT ON DATABASE private FROM PUBLIC")
    return postgres_server


@pytest.mark.parametrize(
    ("user", "database", "words"),
    [
        ("busy", "postgres", "takes no more connections. Raise the CONNECTION LIMIT of the role or database"),
        ("group_only", "postgres", "does not let this role log in. Allow it: ALTER ROLE ... LOGIN"),
        ("shop", "crowded", "takes no more connections. Raise the CONNECTION LIMIT of the role or database"),
        ("shop", "closed", "lets nobody in. Allow it: ALTER DATABASE ... ALLOW_CONNECTIONS true"),
        ("shop", "private", "does not let this role in. Allow it: GRANT CONNECT ON DATABASE"),
    ],
)
def test_role_or_database_that_exists_is_not_called_missing(picky, open_store, user, database, words):
    """What keeps this role out of this database, and who can change it."""
    message = error_of(open_store, picky.url(database).replace("postgres@", f"{user}@"))

    assert words in message


def test_system_user_of_another_name(open_store):
    """As on a Debian machine, whose local socket asks for no password."""
    with available_or_skip(lambda: PostgresServer(hba=["local all shop peer"])) as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE ROLE shop LOGIN")

        message = error_of(open_store, server.url().replace("postgres@", "shop@"))

    assert "lets in only the system's user of that name here" in message
    assert "postgresql://user:password@localhost/" in message


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("sslmode=wild", 'invalid sslmode value: "wild"'),
        ("connect_timeout=soon", "bad value for connect_timeout: 'soon'"),
        ("port=99999", 'invalid port number: "99999"'),
        ("options=-cnonsense%3D1", 'unrecognized configuration parameter "nonsense"'),
        ("options=-cwork_mem%3Dmuch", 'invalid value for parameter "work_mem"'),
        ("service=nowhere", 'definition of service "nowhere" not found'),
    ],
)
def test_value_of_an_option_that_can_not_be_used(postgres_server, open_store, option, named):
    """The server is not to blame, nor the host."""
    message = error_of(open_store, f"{postgres_server.url()}&{option}")

    assert "can't be connected to as the URL says. Correct the part of it that is named here" in message
    assert named in message


def test_another_encoding_of_the_client_does_not_cost_texts(database_url, new_schema, open_store):
    """What goes over the wire is ours to choose."""
    store = open_store(f"{new_schema()}&client_encoding=latin1")

    (task_id,) = store.add([NewTask(name="task", description="5 \N{EURO SIGN}")])

    assert store.get(task_id).description == "5 \N{EURO SIGN}"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_client_conn": "1"}, "no more connections allowed"),
        ({"default_pool_size": "1", "query_wait_timeout": "1"}, "query_wait_timeout"),
    ],
)
def test_pooler_whose_connections_are_in_use(postgres_server, open_store, settings, said):
    """Which of its settings to raise."""
    with available_or_skip(lambda: PgBouncer(postgres_server, settings=settings)) as bouncer:
        wait_until(lambda: can_connect(bouncer))
        with psycopg.connect(bouncer.url()) as other:
            other.execute("SELECT 1")

            message = error_of(open_store, f"{bouncer.url()}&timeout_seconds=3")

    assert "is behind a PgBouncer whose connections are all in use. Raise its 'max_client_conn'" in message
    assert said in message


def can_connect(server):
    """The look whether it listens may still hold the only place."""
    try:
        psycopg.connect(server.url()).close()
    except psycopg.OperationalError:
        return False
    return True


def test_unknown_schema(database_url, open_store):
    """How to create it."""
    message = error_of(open_store, f"{database_url}&schema=nowhere")

    assert 'has no schema "nowhere". Create it: CREATE SCHEMA "nowhere"' in message


def test_no_schema_for_new_tables(database_url, open_store):
    """The search path of the role leads nowhere."""
    message = error_of(open_store, f"{database_url}&options=-csearch_path%3Dnowhere")

    assert "has no schema for new tables: none of its 'search_path' exists. Name one in the URL: ?schema=..." in message


def test_host_that_does_not_exist(open_store):
    """Which part of the URL is wrong."""
    message = error_of(open_store, "postgresql://user@host.invalid/app?timeout_seconds=2")

    assert "the name of the host is unknown. Check the host in the URL" in message


def test_port_where_nobody_listens(open_store):
    """What to check."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        message = error_of(open_store, f"postgresql://user@127.0.0.1:{free.getsockname()[1]}/app")

    assert "can't be reached. Check that the server runs, and the host and the port in the URL" in message


def test_host_that_does_not_answer(open_store):
    """Connecting ends by itself."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        message = error_of(open_store, f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/app?timeout_seconds=2")

    assert "can't be reached" in message
    assert "timeout" in message


def test_server_that_can_only_be_read(database_url, open_store):
    """As a standby, it is not even connected to."""
    message = error_of(open_store, f"{database_url}&options=-cdefault_transaction_read_only%3Don")

    assert "only lets itself be read: it is a standby" in message


def test_role_that_may_not_create_tables(postgres_server, new_schema, open_store):
    """It needs a right, once."""
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS without_rights")
        connection.execute("CREATE ROLE without_rights LOGIN")

    message = error_of(open_store, new_schema().replace("postgres@", "without_rights@"))

    assert "denies this. Give the role the right to create tables in the schema" in message


def test_role_that_may_not_create_tables_can_use_those_that_are_there(store, url, open_store, postgres_server):
    """Whoever adds and runs tasks needs no more than that."""
    schema = store.address.schema
    with psycopg.connect(store.address.conninfo, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS only_user")
        connection.execute("CREATE ROLE only_user LOGIN")
        connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO only_user")
        connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO only_user")
        connection.execute(f"GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {schema} TO only_user")

    ids = open_store(url.replace("postgres@", "only_user@")).add([NewTask(name="task")])

    assert [info.id for info in store.get_all_tasks()] == ids


def test_server_that_is_too_old():
    """Which version is needed."""
    with pytest.raises(ConfigurationError, match=r"runs PostgreSQL 13\.9; lilota needs 14 or newer\. Upgrade"):
        check_server(changed(version_number=130009, version="13.9"), "database")


def test_database_that_can_not_keep_every_text():
    """How to create one that can."""
    with pytest.raises(ConfigurationError, match=r"encoding LATIN1.*ENCODING 'UTF8' TEMPLATE template0"):
        check_server(changed(encoding="LATIN1"), "database")


def test_good_server_needs_no_warning():
    """Silence means that all is well."""
    check_server(GOOD, "database")

    assert warnings_for(GOOD, listens=True) == ()
    assert GOOD.is_durable


@pytest.mark.parametrize(
    ("fields", "words", "durable"),
    [
        ({"fsync": False}, "Set fsync = on", False),
        ({"full_page_writes": False}, "Set full_page_writes = on", False),
        ({"synchronous_commit": "off"}, "Set it to on for this role or database", False),
        ({"is_pooled": True}, "PgBouncer", True),
    ],
)
def test_danger_is_named_with_its_setting(fields, words, durable):
    """And a server that may lose what it acknowledged is not called durable."""
    (warning,) = warnings_for(changed(**fields), listens=True)

    assert words in warning
    assert changed(**fields).is_durable is durable


def test_polling_is_said():
    """Whoever switched LISTEN off may have forgotten it."""
    assert "listen=off" in warnings_for(GOOD, listens=False)[0]


def test_capabilities_tell_of_the_real_server(store):
    """The servers of the tests don't wait for the disk."""
    capabilities = store.capabilities()

    assert (capabilities.multi_host, capabilities.takes_connection, capabilities.durable) == (True, True, False)
    assert "fsync is off" in capabilities.warnings[0]
    assert "PostgreSQL database 'lilota_" in capabilities.description
