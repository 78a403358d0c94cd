"""Add tasks: one statement for all tasks of a call, in rows of their own or, if they are alike, in bundles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter
from typing import Final

from lilota.errors import StoreUnavailableError
from lilota.models import NewTask
from lilota_postgres_store.application import Transaction, elsewhere
from lilota_postgres_store.database import Database, Step
from lilota_postgres_store.lanes import Lanes
from lilota_postgres_store.link.connection import Parameters, Rows
from lilota_postgres_store.texts import number_array, stored, text_array

#: Who adds so many tasks at once keeps the runners busy for a moment: they may hear of the next ones a little later.
MANY: Final = 20

MOST_IN_BUNDLE: Final = 100
#: In characters. With it a bundle fits a page of the server, and whoever claims a part of it writes the rest once more.
_LONGEST_BUNDLE: Final = 7_000
_LONGEST_BUNDLED_TASK: Final = 1_000
#: Stands between JSON texts, and never in one (RFC 7464); in `add_bundles` it is chr(30).
_SEPARATOR: Final = "\x1e"

#: What a bundle has for each of its tasks, and once for all of them.
_OWN_FIELDS: Final = ("input_json", "headers_json")
_COMMON_FIELDS: Final = ("name", "queue", "description", "max_lost_attempts")
#: What it has no place for: a task that needs one of these, or of those to come, gets a row of its own.
_OTHER_FIELDS: Final = tuple(set(NewTask.__struct_fields__).difference(_OWN_FIELDS, _COMMON_FIELDS))

_all_but_own = attrgetter(*_COMMON_FIELDS, *_OTHER_FIELDS)
_others = attrgetter(*_OTHER_FIELDS)
_NO_OTHERS: Final = _others(NewTask(name=""))


class Adder:
    """Adds tasks in transactions of the store's own, or in one of the application's."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lanes = Lanes(database)

    def add(self, tasks: Sequence[NewTask]) -> list[int]:
        """Add tasks and return their ids."""
        for trust in (True, False):
            # The second time: what this process knew of the lanes was no longer so.
            ids = self._write(self._step(tasks, trust=trust), len(tasks))
            if len(ids) == len(tasks):
                return ids
        raise StoreUnavailableError(
            f"The {self._database.name} has other tables than when this process opened it. Restart the process."
        )

    def add_within(self, transaction: Transaction, tasks: Sequence[NewTask]) -> list[int]:
        """Add tasks in a transaction of the application's; others hear of them when it commits."""
        # Lanes outlive a rollback: others must not have to wait for this transaction in order to add alike tasks.
        self._database.open()
        statements = self._database.statements
        # The transaction may not see lanes that were created after it began, so they are not looked for in it.
        parameters = {**self._parameters(tasks, trust=False), "distinct_lanes": number_array(())}
        with transaction.steps(self._database.name, is_pooled=self._database.is_pooled) as run:
            rows = run(statements["add"], parameters)
            if rows:
                run(*self._database.announcement())
        if len(rows) != len(tasks):
            raise elsewhere(self._database.name)
        return _ids(rows)

    def _write(self, step: Step, count: int) -> list[int]:
        write = partial(self._database.write, announce=True) if count < MANY else self._database.write_among_many
        return _ids(write(step)[0])

    def _step(self, tasks: Sequence[NewTask], *, trust: bool) -> Step:
        own = _own_texts(tasks) if _are_alike(tasks) else None
        if own is None:
            return "add", self._parameters(tasks, trust=trust)
        first = tasks[0]
        (lane,) = self._lanes.ids([(first.queue, first.name)], trust=trust).values()
        length = sum(len(texts) for texts in own.values() if texts is not None)
        return "add_bundles", {
            "lane": str(lane),
            "max_lost_attempts": str(first.max_lost_attempts),
            "description": stored(first.description),
            **own,
            "size": str(min(MOST_IN_BUNDLE, _LONGEST_BUNDLE * len(tasks) // length)),
            "store_id": self._database.store_id,
        }

    def _parameters(self, tasks: Sequence[NewTask], *, trust: bool) -> Parameters:
        lanes = self._lanes.ids({(task.queue, task.name) for task in tasks}, trust=trust)
        return {
            "lanes": number_array(lanes[task.queue, task.name] for task in tasks),
            "priorities": number_array(task.priority for task in tasks),
            "run_ats": text_array(_instant(task.run_at) for task in tasks),
            "delays": number_array(task.delay_seconds for task in tasks),
            "max_lost_attempts": number_array(task.max_lost_attempts for task in tasks),
            "descriptions": text_array(stored(task.description) for task in tasks),
            "inputs": text_array(task.input_json for task in tasks),
            "headers": text_array(task.headers_json for task in tasks),
            "owners": _owners(tasks),
            "distinct_lanes": number_array(lanes.values()),
            "store_id": self._database.store_id,
        }


def _owners(tasks: Sequence[NewTask]) -> str | None:
    """Return whose tasks they are; None, as for most, if nobody's."""
    owners = [task.owner for task in tasks]
    if owners.count(None) == len(owners):
        return None
    return text_array(None if owner is None else stored(owner) for owner in owners)


def _are_alike(tasks: Sequence[NewTask]) -> bool:
    """Tell whether a bundle has a place for all that these tasks were given."""
    first = _all_but_own(tasks[0])
    return _others(tasks[0]) == _NO_OTHERS and list(map(_all_but_own, tasks)).count(first) == len(tasks)


def _own_texts(tasks: Sequence[NewTask]) -> dict[str, str | None] | None:
    """Return what tasks have of their own, if it is short enough for bundles."""
    inputs = _SEPARATOR.join([task.input_json for task in tasks])
    headers = _SEPARATOR.join([task.headers_json or "" for task in tasks])
    if len(inputs) + len(headers) > _LONGEST_BUNDLED_TASK * len(tasks):
        return None
    if not inputs or not inputs.count(_SEPARATOR) == headers.count(_SEPARATOR) == len(tasks) - 1:
        return None  # a text that is no JSON
    return {"inputs": inputs, "headers": headers if headers.strip(_SEPARATOR) else None}


def _ids(rows: Rows) -> list[int]:
    """Return the ids of rows that have a first id, and how many follow each other from there on."""
    return [task_id for first, size in sorted(rows) for task_id in range(first, first + size)]


def _instant(instant: datetime | None) -> str | None:
    # The server knows no zone that is sixteen hours or more away from UTC.
    return None if instant is None else instant.astimezone(UTC).isoformat()
