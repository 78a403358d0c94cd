"""The lanes: their keys, and how to find or make them.

They are not cached: a project's tests may empty the tables between two calls.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Container, Iterable
from typing import NamedTuple

from lilota_django.models import Lane
from lilota_django.orm.chunks import in_chunks
from lilota_django.orm.clock import Clock, now
from lilota_django.orm.database import Database


class LaneName(NamedTuple):
    """What a lane is called."""

    queue: str
    name: str

    def is_among(self, names: Container[str] | None, queues: Container[str] | None) -> bool:
        """Tell whether the lane has one of these names and is in one of these queues; None stands for all."""
        return (names is None or self.name in names) and (queues is None or self.queue in queues)


def key_of(*texts: str) -> str:
    """Return what stands for texts in an index: of one length, and equal for nothing but the same texts."""
    digest = hashlib.sha256()
    for text in texts:
        encoded = text.encode()
        # With its length in front, no text can look like the end of one and the beginning of the next.
        digest.update(b"%d:%s" % (len(encoded), encoded))
    return digest.hexdigest()


def find_or_make(database: Database, names: Collection[LaneName]) -> tuple[dict[LaneName, int], int]:
    """Return the ids of lanes, which may be new, and the present, which comes along in the same round trip."""
    keys = {key_of(*name): name for name in names}
    present, found = _find(database, keys)
    missing = [name for name in names if name not in found]
    if missing:
        # Somebody else may be making them too; then theirs are there.
        Lane.objects.using(database.alias).bulk_create(
            [Lane(key=key_of(*name), queue=name.queue, name=name.name) for name in missing], ignore_conflicts=True
        )
        found.update(_find(database, {key_of(*name): name for name in missing}, newest=True)[1])
    return found, now(database.connection) if present is None else present


def _find(
    database: Database, keys: dict[str, LaneName], *, newest: bool = False
) -> tuple[int | None, dict[LaneName, int]]:
    present = None
    found: dict[LaneName, int] = {}
    lanes = Lane.objects.using(database.alias)
    for chunk in in_chunks(keys):
        rows = lanes.filter(key__in=chunk)
        if newest and database.connection.vendor == "mysql":
            # With REPEATABLE READ a transaction does not see a row that somebody else has just made, unless it locks.
            rows = rows.select_for_update()
        for lane, key, instant in rows.values_list("pk", "key", Clock()):
            found[keys[key]] = lane
            present = instant
    return present, found


def names_of(database: Database, lanes: Iterable[int]) -> dict[int, LaneName]:
    """Return what lanes are called."""
    rows = Lane.objects.using(database.alias)
    return {
        lane: LaneName(queue, name)
        for chunk in in_chunks(set(lanes))
        for lane, queue, name in rows.filter(pk__in=chunk).values_list("pk", "queue", "name")
    }
