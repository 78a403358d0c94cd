"""The migrations make what the models describe."""

from __future__ import annotations

from django.core.management import call_command
from django.db import connections
from lilota_django.models import Task
from lilota_django.readiness import own_migrations


def test_models_and_migrations_agree():
    """`makemigrations` of a project finds nothing to do."""
    call_command("makemigrations", "lilota", check_changes=True, dry_run=True, verbosity=0)


def test_migrations_are_numbered_without_gaps():
    """One follows the other."""
    numbers = [int(name.partition("_")[0]) for name in own_migrations()]

    assert numbers == list(range(1, len(numbers) + 1))


def test_every_index_is_made_in_every_database(everywhere):
    """With its columns in their order."""
    connection = connections[everywhere.alias]
    with connection.cursor() as cursor:
        made = connection.introspection.get_constraints(cursor, Task._meta.db_table)

    wanted = {index.name: [name for name, _ in index.fields_orders] for index in Task._meta.indexes}
    columns = {name: [Task._meta.get_field(field).column for field in fields] for name, fields in wanted.items()}
    assert {name: made[name]["columns"] for name in wanted} == columns


def test_the_tables_can_be_taken_down_again(everywhere):
    """And made once more."""
    call_command("migrate", "lilota", "zero", database=everywhere.alias, verbosity=0)
    tables = connections[everywhere.alias].introspection.table_names()
    call_command("migrate", "lilota", database=everywhere.alias, verbosity=0)

    assert not [table for table in tables if table.startswith("lilota_")]
    assert everywhere.counts() == []
