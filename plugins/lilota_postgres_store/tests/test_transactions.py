"""Adding in a transaction of the application's: through psycopg and through SQLAlchemy."""

from __future__ import annotations

import sqlite3
from functools import partial
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy
from psycopg.rows import dict_row
from sqlalchemy import orm

from lilota import TaskClient
from lilota.errors import ConfigurationError, StoreUnavailableError
from lilota.models import NewTask

TASK = NewTask(name="task")


@pytest.fixture
def engine(database_url):
    """An engine of SQLAlchemy for the database of the store."""
    database, socket = urlsplit(database_url).path, urlsplit(database_url).query
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://postgres@{database}?{socket}")
    yield engine
    engine.dispose()


def ids_in(store):
    return [info.id for info in store.get_all_tasks()]


def test_rolled_back_savepoint_takes_its_tasks_with_it(store, connection):
    """What was added before it and after it stays."""
    before = store.add([TASK], connection=connection)
    with connection.transaction():
        store.add([TASK] * 2, connection=connection)
        raise psycopg.Rollback
    after = store.add([TASK], connection=connection)
    connection.commit()

    assert ids_in(store) == [*before, *after]


def test_task_and_row_of_the_application_live_and_die_together(store, connection, new_schema):
    """That is what it is for."""
    table = new_schema().rpartition("=")[2] + ".orders"
    connection.execute(f"CREATE TABLE {table} (task bigint)")
    connection.commit()
    for end in (connection.rollback, connection.commit):
        (task_id,) = store.add([TASK], connection=connection)
        connection.execute(f"INSERT INTO {table} VALUES (%s)", [task_id])
        end()

    rows = connection.execute(f"SELECT task FROM {table}").fetchall()
    assert [task for (task,) in rows] == ids_in(store) == [task_id]


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_transaction_that_sees_only_the_past_can_add_a_new_name(store, connection, isolation):
    """The lane of that name was created after its snapshot."""
    connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
    connection.execute("SELECT 1")

    ids = store.add([NewTask(name="new", queue="new")], connection=connection)
    connection.commit()

    assert ids_in(store) == ids


def test_open_transaction_does_not_hold_up_others_who_add_the_same_name(store, connection):
    """The lane of a new name is created apart from it."""
    store.add([TASK], connection=connection)

    ids = store.add([TASK])

    assert ids_in(store) == ids


def test_rows_of_another_kind_do_not_matter(store, database_url):
    """An application may have its rows as dictionaries."""
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        ids = store.add([TASK], connection=connection)

    assert ids_in(store) == ids


def test_connection_that_commits_by_itself_adds_at_once(store, database_url):
    """There is no transaction that could roll back."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        ids = store.add([TASK] * 2, connection=connection)

        assert ids_in(store) == ids


def test_commit_wakes_those_who_wait_in_other_processes(store, connection, url, open_store):
    """The notification travels with the transaction."""
    other = open_store(url)
    store.add([TASK], connection=connection)
    while other.wait_for_change(0.5):
        pass

    connection.commit()

    assert other.wait_for_change(60) is True


def test_sqlalchemy_session_adds_in_its_transaction(store, engine):
    """Commit, rollback and nested transactions of the session decide."""
    with orm.Session(engine) as session:
        store.add([TASK], connection=session)
        session.rollback()
        ids = store.add([TASK], connection=session)
        with session.begin_nested() as nested:
            store.add([TASK], connection=session)
            nested.rollback()
        session.commit()

    assert ids_in(store) == ids


def test_sqlalchemy_connection_adds_in_its_transaction(store, engine):
    """Also as the first thing that is done with it: it must know that there is something to commit."""
    with engine.connect() as connection:
        ids = store.add([NewTask(name="per%cent", description="%s")], connection=connection)
        connection.commit()
    with engine.connect() as connection:
        store.add([TASK], connection=connection)

    assert ids_in(store) == ids


def test_scoped_session_adds_in_the_session_of_the_thread(store, engine):
    """As web frameworks hand it out."""
    session = orm.scoped_session(orm.sessionmaker(engine))

    ids = store.add([TASK], connection=session)
    session.commit()
    session.remove()

    assert ids_in(store) == ids


def test_connection_of_another_kind_is_refused(store):
    """The message names what was given and what is taken; a driver of SQLite is neither."""
    alchemy = sqlalchemy.create_engine("sqlite://")
    with sqlite3.connect(":memory:") as plain, alchemy.connect() as other:
        for given, name in ((plain, "sqlite3.Connection"), (alchemy, "sqlalchemy"), (other, "driver 'pysqlite'")):
            with pytest.raises(ConfigurationError, match=r"Pass a psycopg\.Connection, or a SQLAlchemy") as caught:
                store.add([TASK], connection=given)
            assert name in str(caught.value)
    plain.close()
    alchemy.dispose()

    assert ids_in(store) == []


@pytest.mark.parametrize("kind", ["psycopg", "sqlalchemy"])
def test_transaction_that_has_failed_can_not_be_added_to(store, connection, engine, kind):
    """The error is the store's, with that of the driver as its cause."""
    with engine.connect() as alchemy:
        given = connection if kind == "psycopg" else alchemy
        with pytest.raises((psycopg.Error, sqlalchemy.exc.DBAPIError)):
            given.execute("SELECT 1/0" if kind == "psycopg" else sqlalchemy.text("SELECT 1/0"))

        with pytest.raises(StoreUnavailableError, match="transaction is aborted") as caught:
            store.add([TASK], connection=given)

        assert isinstance(caught.value.__cause__, psycopg.errors.InFailedSqlTransaction)


def test_connection_to_a_store_elsewhere_is_refused(store, open_store, postgres_server):
    """It has such tables too, but not these."""
    other_url = postgres_server.create_database()
    schema = store.address.schema
    with psycopg.connect(other_url, autocommit=True) as elsewhere:
        elsewhere.execute(f"CREATE SCHEMA {schema}")
    other = open_store(f"{other_url}&schema={schema}")
    other.open()

    with (
        psycopg.connect(other_url) as connection,
        pytest.raises(ConfigurationError, match="leads to another database than the store"),
    ):
        store.add([TASK], connection=connection)

    assert ids_in(store) == ids_in(other) == []


def test_connection_to_a_database_without_tables_is_refused(store, postgres_server):
    """It is that one that lacks them, and nothing creates them there."""
    with (
        psycopg.connect(postgres_server.create_database()) as connection,
        pytest.raises(ConfigurationError, match="leads to another database than the store"),
    ):
        store.add([TASK], connection=connection)

    assert ids_in(store) == []


@pytest.mark.parametrize("cursor", [psycopg.RawCursor, psycopg.ClientCursor])
def test_cursors_of_another_kind_do_not_matter(store, database_url, cursor):
    """An application may have its parameters numbered, or put into the statement."""
    with psycopg.connect(database_url, cursor_factory=cursor) as connection:
        ids = store.add([NewTask(name="per%cent", description="%s $1")], connection=connection)

    assert ids_in(store) == ids


def test_connection_that_can_not_send_a_text_is_refused(store, database_url):
    """What its encoding has is sent; the rest is not the fault of the database."""
    with psycopg.connect(database_url, client_encoding="latin1") as connection:
        (task_id,) = store.add([NewTask(name="task", description="é")], connection=connection)
        with pytest.raises(ConfigurationError, match=r"client_encoding 'LATIN1'.*Set client_encoding=utf8"):
            store.add([NewTask(name="task", description="\u20ac")], connection=connection)

    assert [(info.id, info.description) for info in store.get_all_tasks()] == [(task_id, "é")]


def test_connection_that_only_reads_is_refused(store, connection):
    """The server is not blamed for what the caller has set."""
    connection.read_only = True

    with pytest.raises(ConfigurationError, match="a transaction that only reads, or leads to a standby"):
        store.add([TASK], connection=connection)


def test_closed_connection_is_refused(store, database_url, engine):
    """There is no transaction on it any more."""
    with psycopg.connect(database_url) as connection, engine.connect() as alchemy:
        pass

    for closed in (connection, alchemy):
        with pytest.raises(ConfigurationError, match="connection that is closed"):
            store.add([TASK], connection=closed)


@pytest.mark.parametrize("kind", ["psycopg", "sqlalchemy"])
def test_nothing_is_prepared_on_connections_through_a_pooler(open_store, new_schema, pooled_url, kind):
    """Two of them may get the same session of the server, and prepare under the same names there."""
    store = open_store(new_schema(pooled_url))
    engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(pooled_url))
    connect = engine.connect if kind == "sqlalchemy" else partial(psycopg.connect, pooled_url)

    with connect() as one, connect() as other:
        for connection in [one, other] * 8:
            store.add([TASK], connection=connection)
            connection.commit()
    engine.dispose()

    assert len(ids_in(store)) == 16


def test_client_adds_in_a_transaction(store, connection):
    """What the README shows: the handle is there at once, the task with the commit."""
    with TaskClient(store, accept_unknown_names=True) as client:
        handle = client.add("task", input={"order": 7}, connection=connection)
        before = store.get_all_tasks()
        connection.commit()

        assert (before, handle.info().input) == ([], {"order": 7})
