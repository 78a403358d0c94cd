"""What the tests of the PostgreSQL store share, and `helpers` on the import path, for what other processes import."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from lilota_postgres_store.plugin import open_postgres_store
from lilota_test_servers import PgBouncer, available_or_skip

sys.path.insert(0, str(Path(__file__).parent / "helpers"))

# How long an example takes says how busy the machine is.
settings.register_profile("lilota", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lilota")


@pytest.fixture(scope="session")
def database_url(postgres_server):
    """The URL of a database in which each test has a schema; a database for each would take longer than the tests."""
    return postgres_server.create_database()


@pytest.fixture(scope="session")
def pooled_url(postgres_server, database_url):
    """The URL of that database through PgBouncer in transaction mode."""
    bouncer = available_or_skip(lambda: PgBouncer(postgres_server))
    yield bouncer.url(urlsplit(database_url).path[1:])
    bouncer.close()


@pytest.fixture
def new_schema(database_url):
    """Make a new and empty schema, and return the option of the URL that names it."""
    made = []

    def make(url=database_url):
        schema = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}")
        made.append(schema)
        return f"{url}{'&' if '?' in url else '?'}schema={schema}"

    yield make
    with psycopg.connect(database_url, autocommit=True) as connection:
        for schema in made:
            connection.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture
def url(new_schema):
    """The URL of a store of the test's own."""
    return new_schema()


@pytest.fixture
def open_store():
    """Open stores, and close them after the test."""
    opened = []

    def open_one(url):
        opened.append(open_postgres_store(url))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(url, open_store):
    """A store, ready to be used."""
    store = open_store(url)
    store.open()
    return store


@pytest.fixture
def connection(database_url):
    """A connection of the application's, in a transaction."""
    with psycopg.connect(database_url) as connection:
        yield connection
        connection.rollback()
