"""Tables of an older version."""

from __future__ import annotations

from lilota_postgres_store.migrations import migrate
from lilota_postgres_store.statements import Statements, load_migrations


def migrate_to(version, store, open_store, url):
    """Make the tables of an older version."""
    other = open_store(f"{url}&table_prefix=other_")
    with other._database.pool.lend() as lent:
        migrate(lent, Statements(store.address.schema, "lilota_"), "database", load_migrations()[:version])
