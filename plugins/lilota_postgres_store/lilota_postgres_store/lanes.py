"""Lanes: the tasks of one name in one queue, under a number that is made of both."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from lilota.errors import StoreError
from lilota_postgres_store.database import Database
from lilota_postgres_store.texts import number_array, stored, text_array

Lane = tuple[str, str]
"""A queue and a name, as they are stored."""

# An application that makes a queue per user must not fill its memory with them.
_MOST_KNOWN: Final = 10_000


def lane_id(queue: str, name: str) -> int:
    """Return the number of a lane: the same in every process and database, so that none can go out of date.

    Args:
        queue, name: as they are stored.
    """
    text = f"{len(queue)}:{queue}{name}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big", signed=True)


class Lanes:
    """The lanes that this process knows to exist."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids: dict[tuple[str, str], int] = {}

    def ids(self, wanted: Iterable[tuple[str, str]], *, trust: bool = True) -> dict[tuple[str, str], int]:
        """Return the numbers of lanes, creating those that do not exist yet.

        Args:
            wanted: queues and names, as given.
            trust: believe what is known from before; it is wrong where tables were dropped or a backup was restored.
        """
        known = self._ids
        found = {lane: known.get(lane) if trust else None for lane in wanted}
        unknown = [lane for lane, number in found.items() if number is None]
        if unknown:
            created = self._create(unknown)
            if len(known) > _MOST_KNOWN:
                known.clear()
            known.update(created)
            return {lane: known[lane] for lane in found}
        return {lane: number for lane, number in found.items() if number is not None}

    def _create(self, lanes: list[tuple[str, str]]) -> dict[tuple[str, str], int]:
        rows = {lane: (stored(lane[0]), stored(lane[1])) for lane in lanes}
        numbers = {lane: lane_id(*rows[lane]) for lane in lanes}
        ids = number_array(numbers.values())
        parameters = {
            "ids": ids,
            "queues": text_array(queue for queue, _ in rows.values()),
            "names": text_array(name for _, name in rows.values()),
        }
        _, existing = self._database.read_all(("add_lanes", parameters), ("lanes", {"ids": ids}))
        stored_lanes = {number: (queue, name) for number, queue, name in existing}
        for lane, number in numbers.items():
            if stored_lanes.get(number) != rows[lane]:
                raise StoreError(
                    f"The queue and the name {lane!r:.200} have the number {number}, which belongs to "
                    f"{stored_lanes.get(number)!r:.200}. Rename one of them."
                )
        return numbers
