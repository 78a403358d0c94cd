"""The SQL of this package, with the names of one store's tables: one statement per file in `sql/`, by its name.

What several statements have in common is in `sql/parts/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any

from psycopg import sql

_FOLDER = files(__package__) / "sql"
_RELATIONS = (
    "bundled_details", "bundles", "changes", "lane_counts", "lanes", "log_lines", "meta", "notes", "runners",
    "task_details", "task_ids", "tasks", "turns",
)  # fmt: skip
_INDEXES = (
    "bundles_by_lane", "tasks_by_owner", "tasks_by_state", "tasks_cancel_requested", "tasks_ended", "tasks_ready",
    "tasks_scheduled",
)  # fmt: skip

#: A page goes on behind where the last one ended, by falling or rising ids.
_DIRECTIONS = {
    "falling": {"beyond": sql.SQL("<"), "within": sql.SQL(">="), "order": sql.SQL("DESC")},
    "rising": {"beyond": sql.SQL(">"), "within": sql.SQL("<="), "order": sql.SQL("ASC")},
}


class Statements:
    """The statements for the tables of one schema and prefix."""

    def __init__(self, schema: str, prefix: str) -> None:
        self._names = _names(schema, prefix)
        self._names |= {name: sql.SQL(part).format(**self._names) for name, part in _PARTS.items()}
        self._texts = dict(self._render_all())
        #: The channel of LISTEN and NOTIFY.
        self.channel = f"{prefix}changes:{schema}"[:63].encode()[:63].decode(errors="ignore")
        self.listen = sql.SQL("LISTEN {}").format(sql.Identifier(self.channel)).as_bytes(None)
        self.quoted_schema = sql.Identifier(schema).as_string(None)
        #: Where to look whether there are tables.
        self.meta_place = {"schema": schema, "table": f"{prefix}meta"}
        self.meta_table = sql.Identifier(schema, f"{prefix}meta").as_string(None)

    def __getitem__(self, name: str) -> bytes:
        return self._texts[name]

    def names(self) -> list[str]:
        """Return the names of all statements."""
        return sorted(self._texts)

    def render(self, text: str, **words: sql.SQL) -> str:
        """Put the names of the tables, and other words, into a statement."""
        return sql.SQL(text).format(**self._names, **words).as_string(None)

    def _render_all(self) -> Iterator[tuple[str, bytes]]:
        for name, text in _TEMPLATES.items():
            if "{order}" in text:
                for direction, words in _DIRECTIONS.items():
                    yield f"{name}_{direction}", self.render(text, **words).encode()
            else:
                yield name, self.render(text).encode()


def _names(schema: str, prefix: str) -> dict[str, Any]:
    names: dict[str, Any] = {name: sql.Identifier(schema, prefix + name) for name in _RELATIONS}
    # The name of an index has no schema: it is that of its table.
    names |= {name: sql.Identifier(prefix + name) for name in _INDEXES}
    for sequence in ("changes", "task_ids"):
        names[f"{sequence}_text"] = sql.Literal(sql.Identifier(schema, prefix + sequence).as_string(None))
    return names


def _load(folder: Traversable) -> Mapping[str, str]:
    entries = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    texts = {entry.name.removesuffix(".sql"): _without_comments(entry.read_text("utf-8")) for entry in entries}
    return MappingProxyType(texts)


def _without_comments(text: str) -> str:
    lines = [line.strip() for line in text.splitlines()]
    return "\n".join(line for line in lines if not line.startswith("--")).strip()


_TEMPLATES = _load(_FOLDER)
_PARTS = _load(_FOLDER / "parts")


def load_migrations() -> list[tuple[int, list[str]]]:
    """Return the migrations as (number, templates of statements), by rising number."""
    return sorted((int(name[:4]), _split(script)) for name, script in _load(_FOLDER / "migrations").items())


def _split(script: str) -> list[str]:
    """Return the statements of a script; each ends with a semicolon at the end of a line."""
    return [part.strip() for part in (script + "\n").split(";\n") if part.strip()]
