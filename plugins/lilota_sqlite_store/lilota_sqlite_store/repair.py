"""Counters of lanes that do not fit their tasks, as only another program can leave them: found, and counted again."""

from __future__ import annotations

import sqlite3
from collections import Counter

from lilota_sqlite_store.statements import SQL
from lilota_sqlite_store.states import STATES, LaneMoves


def damage(connection: sqlite3.Connection) -> list[str]:
    """Say of each wrong counter what is wrong. Reads an index of all tasks."""
    names = {lane: f"{queue}/{name}" for lane, queue, name, *_ in connection.execute(SQL["lanes"])}
    return [
        f"{names[lane]} has {missing:+,} {STATES[code]} than its counter says"
        for (lane, code), missing in sorted(_missing(connection).items())
    ]


def recount(connection: sqlite3.Connection) -> None:
    """Make the counters fit the tasks, in a transaction that was begun for writing."""
    moves = LaneMoves()
    for (lane, code), missing in _missing(connection).items():
        moves.move(lane, None, code, missing)
    moves.write(connection)


def _missing(connection: sqlite3.Connection) -> dict[tuple[int, int], int]:
    """Return how many tasks more there are than a counter says, by lane and stored state, where it is wrong."""
    missing = Counter({(lane, code): count for lane, code, count in connection.execute(SQL["count_tasks"])})
    for lane, _queue, _name, *counters in connection.execute(SQL["lanes"]):
        missing.subtract({(lane, code): counter for code, counter in enumerate(counters)})
    return {place: count for place, count in missing.items() if count}
