"""URLs of the PostgreSQL store."""

from __future__ import annotations

import subprocess
import sys

import pytest
from lilota_postgres_store.plugin import open_postgres_store

from lilota.errors import ConfigurationError

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("url", "parameters"),
    [
        ("postgresql", {}),
        ("postgresql://", {}),
        ("postgresql://db.example.org/app", {"host": "db.example.org", "dbname": "app"}),
        ("postgres://u:p%40%2Fss@h:5433/app", {"user": "u", "password": "p@/ss", "port": "5433"}),
        ("postgresql://one,two:5433/app", {"host": "one,two"}),
        ("postgresql:///app?host=/run/postgresql&sslmode=require", {"host": "/run/postgresql", "sslmode": "require"}),
        ("postgresql://h/app?schema=tasks&connect_timeout=3", {"connect_timeout": "3", "dbname": "app"}),
    ],
)
def test_url_is_what_libpq_takes(url, parameters):
    """Everything but lilota's own options goes to libpq."""
    given = open_postgres_store(url).address.parameters

    assert {name: given.get(name) for name in parameters} == parameters
    assert "schema" not in given


def test_own_options_are_read():
    """Schema, prefix, listening and patience."""
    address = open_postgres_store(
        "postgresql://h/app?schema=tasks&table_prefix=my_&listen=off&timeout_seconds=2.5"
    ).address

    assert (address.schema, address.table_prefix, address.listen, address.timeout_seconds) == (
        "tasks",
        "my_",
        False,
        2.5,
    )


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("h/app?shema=x", "unknown option 'shema'. Did you mean 'schema'"),
        ("h/app?sslmod=require", "unknown option 'sslmod'. Did you mean 'sslmode'"),
        ("h/app?ssl=true", "unknown option 'ssl'. Did you mean 'sslmode'"),
        ("h/app?zzz=1", "unknown option 'zzz'. lilota's own are: schema, table_prefix"),
        ("h/app?schema=a%22b", "schema 'a\"b' can't be used"),
        ("h/app?table_prefix=x';--", "table_prefix \"x';--\" can't be used"),
        ("h/app?table_prefix=Upper", "small letters"),
        ("h/app?table_prefix=" + "a" * 42, "up to 41"),
        ("h/app?schema=", "can't be used"),
        ("h/app?listen=maybe", "'listen' must be 'on' or 'off', not 'maybe'"),
        ("h/app?timeout_seconds=0", "from 1 to 3600 seconds, not '0'"),
        ("h/app?timeout_seconds=soon", "not 'soon'"),
        ("h/app?schema", "can't be read as the address of a database"),
        ("h:port/app", "can't be read as the address of a database"),
        ("[::1/app", "can't be read as the address of a database"),
    ],
)
def test_bad_url_is_refused_with_the_remedy(rest, words):
    """One sentence, which never shows the password."""
    with pytest.raises(ConfigurationError) as caught:
        open_postgres_store(f"postgresql://user:{SECRET}@{rest}")

    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


def test_password_with_an_at_sign_that_was_not_quoted_is_not_shown():
    """libpq takes a part of it for the host, and would repeat it."""
    with pytest.raises(ConfigurationError) as caught:
        open_postgres_store(f"postgresql://user:{SECRET}@{SECRET}:{SECRET}@host:port/app")

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "description"),
    [
        ("postgresql://u:secret@db.example.org:5433/app", "PostgreSQL database 'app' at db.example.org:5433"),
        ("postgresql:///app?host=/run/postgresql", "PostgreSQL database 'app' at /run/postgresql"),
        ("postgresql://one,two/app", "PostgreSQL database 'app' at one:5432, two:5432"),
        ("postgresql://?service=tasks", "PostgreSQL service 'tasks'"),
    ],
)
def test_database_is_described_without_secrets(url, description, monkeypatch):
    """For messages and for `lilota doctor`; nothing is connected for it."""
    monkeypatch.delenv("PGPORT", raising=False)

    assert open_postgres_store(url).address.describe() == description


def test_address_is_shown_without_the_password():
    """In a traceback, a log, a debugger."""
    address = open_postgres_store(f"postgresql://user:{SECRET}@host/app").address

    assert SECRET not in repr(address)


def test_environment_variables_of_libpq_are_used(monkeypatch):
    """A bare `postgresql` leaves all to them."""
    monkeypatch.setenv("PGHOST", "db.example.org")
    monkeypatch.setenv("PGDATABASE", "app")
    monkeypatch.setenv("PGPORT", "5433")

    assert open_postgres_store("postgresql").address.describe() == "PostgreSQL database 'app' at db.example.org:5433"


def test_listing_plugins_does_not_import_psycopg():
    """It takes a tenth of a second, and may not even be usable."""
    program = "import lilota_postgres_store.plugin, sys; print('psycopg' in sys.modules)"

    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert answer.stdout == "False\n"


def test_psycopg_without_libpq_is_explained(monkeypatch):
    """The remedy is one command."""
    for name in [name for name in sys.modules if name.startswith("lilota_postgres_store.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    from lilota_postgres_store.plugin import open_postgres_store as open_anew

    with pytest.raises(ConfigurationError, match=r"pip install 'lilota-postgres-store\[binary\]'"):
        open_anew("postgresql://h/app")
