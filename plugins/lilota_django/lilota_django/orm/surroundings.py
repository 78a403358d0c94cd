"""What the store promises in a given database, and known dangers of how it is set up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from lilota.contract import StoreCapabilities
from lilota_django.commands import COMMANDS

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

_SYNCHRONOUS_FULL: Final = 2
#: Outputs may have 32 MB, and grow when they are quoted.
_PACKET_BYTES: Final = 64 * 2**20
_WARNS_OF_LOSS: Final = "A power cut may lose tasks: "


def capabilities(connection: BaseDatabaseWrapper) -> StoreCapabilities:
    """Say what the store promises, and warn of what spoils it."""
    in_memory = is_in_memory(connection)
    findings = {"sqlite": _of_sqlite, "postgresql": _of_postgres, "mysql": _of_mysql}[connection.vendor](connection)
    warnings = tuple(findings)
    return StoreCapabilities(
        commands=COMMANDS,
        description=_description(connection),
        durable=not in_memory and not any(warning.startswith(_WARNS_OF_LOSS) for warning in warnings),
        multi_process=not in_memory,
        multi_host=connection.vendor != "sqlite",
        forgets=in_memory,
        warnings=warnings,
        supports=frozenset({"families", "headers", "owners", "checkpoints", "notes", "forgetting", "foresight"}),
        identity="" if in_memory else _identity(connection),
    )


def is_in_memory(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether a database of SQLite is one in the memory of this process."""
    return connection.vendor == "sqlite" and bool(getattr(connection, "is_in_memory_db", bool)())


def _description(connection: BaseDatabaseWrapper) -> str:
    settings = connection.settings_dict
    place = f"{settings['NAME']}" + (f" on {settings['HOST']}" if settings.get("HOST") else "")
    return f"Django database '{connection.alias}' ({connection.display_name} {place})"


def _identity(connection: BaseDatabaseWrapper) -> str:
    """Name the tables for machines: of one database and server there may be several, by their search path."""
    settings = connection.settings_dict
    return f"{_description(connection)}, port {settings.get('PORT')}, {settings.get('OPTIONS', {}).get('options', '')}"


def _of_sqlite(connection: BaseDatabaseWrapper) -> Iterator[str]:
    if connection.settings_dict["NAME"] == ":memory:":
        yield "Each thread has a SQLite database ':memory:' of its own: a runner can't work with it. Name a file."
    if _value(connection, "PRAGMA synchronous") < _SYNCHRONOUS_FULL:
        yield f"{_WARNS_OF_LOSS}SQLite's 'synchronous' is below FULL. Leave out that PRAGMA in OPTIONS['init_command']."
    if _value(connection, "PRAGMA journal_mode") != "wal":
        yield (
            "SQLite does not use its write-ahead log, so readers and writers wait for each other. Set "
            "OPTIONS['init_command'] to 'PRAGMA journal_mode=WAL'."
        )


def _of_postgres(connection: BaseDatabaseWrapper) -> Iterator[str]:
    for setting in ("fsync", "synchronous_commit"):
        if _value(connection, f"SHOW {setting}") == "off":
            yield f"{_WARNS_OF_LOSS}PostgreSQL's '{setting}' is off."


def _of_mysql(connection: BaseDatabaseWrapper) -> Iterator[str]:
    if int(_value(connection, "SELECT @@innodb_flush_log_at_trx_commit")) != 1:
        yield f"{_WARNS_OF_LOSS}innodb_flush_log_at_trx_commit is not 1."
    packet = int(_value(connection, "SELECT @@max_allowed_packet"))
    if packet < _PACKET_BYTES:
        yield (
            f"Long inputs and outputs may be refused: max_allowed_packet is {packet // 2**20} MB. "
            f"Set it to {_PACKET_BYTES // 2**20}M or more."
        )


def _value(connection: BaseDatabaseWrapper, statement: str) -> Any:  # noqa: ANN401 - whatever the setting is
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]
