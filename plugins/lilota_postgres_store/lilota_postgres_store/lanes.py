"""Lanes: the tasks of one name in one queue, under a number that is made of both."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Final

from lilota.errors import StoreError
from lilota_postgres_store.database import Database
from lilota_postgres_store.texts import number_array, stored, text_array

#: A queue and a name.
Lane = tuple[str, str]

#: An application that makes a queue per user must not fill its memory with them.
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
        self._ids: dict[Lane, int] = {}

    def ids(self, wanted: Collection[Lane], *, trust: bool = True) -> dict[Lane, int]:
        """Return the numbers of lanes, creating those that do not exist yet.

        Args:
            trust: believe what is known from before; it is wrong where tables were dropped or a backup was restored.
        """
        known = self._ids
        found = {lane: number for lane in wanted if trust and (number := known.get(lane)) is not None}
        if len(found) < len(wanted):
            created = self._create([lane for lane in wanted if lane not in found])
            if len(known) > _MOST_KNOWN:
                known.clear()
            known.update(created)
            found |= created
        return found

    def _create(self, lanes: list[Lane]) -> dict[Lane, int]:
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
