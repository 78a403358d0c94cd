"""The SQL of this package: one statement per file in `sql/`, by its name."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final

import msgspec

_FOLDER: Final = files(__package__) / "sql"


def _load() -> dict[str, str]:
    names = (entry.name for entry in _FOLDER.iterdir() if entry.name.endswith(".sql"))
    return {name.removesuffix(".sql"): _without_comments((_FOLDER / name).read_text("utf-8")) for name in names}


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("--")).strip()


#: Statement name -> text.
SQL: Final[Mapping[str, str]] = MappingProxyType(_load())


def id_list(ids: Iterable[int]) -> str:
    """Return ids as the JSON list that many statements take."""
    return msgspec.json.encode(list(ids)).decode()


def number_object(numbers: Mapping[int, int]) -> str:
    """Return a number for each of some ids as the JSON object that a statement takes."""
    return msgspec.json.encode(numbers).decode()


def load_migrations() -> list[tuple[int, list[str]]]:
    """Return the migrations as (number, statements), by rising number."""
    entries = [entry for entry in (_FOLDER / "migrations").iterdir() if entry.name.endswith(".sql")]
    return sorted((int(entry.name[:4]), list(_split(entry.read_text("utf-8")))) for entry in entries)


def _split(script: str) -> Iterator[str]:
    """Give the statements of a script one by one: sqlite3's own `executescript` would commit before it starts."""
    lines: list[str] = []
    for line in script.splitlines():
        lines.append(line)
        if sqlite3.complete_statement("\n".join(lines)):
            yield "\n".join(lines)
            lines = []
