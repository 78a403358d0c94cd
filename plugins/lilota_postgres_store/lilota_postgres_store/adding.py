"""Add tasks: one statement for all tasks of a call, in rows of their own or, if they are alike, in bundles."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from typing import Final

from lilota.errors import ConfigurationError, StoreUnavailableError
from lilota.models import NewTask
from lilota_postgres_store.application import Transaction
from lilota_postgres_store.database import Database, Step
from lilota_postgres_store.lanes import Lanes
from lilota_postgres_store.link.connection import Parameters, Rows
from lilota_postgres_store.link.faults import translated
from lilota_postgres_store.texts import number_array, stored, text_array

#: Who adds so many tasks at once keeps the runners busy for a moment: they may hear of the next ones a little later.
MANY: Final = 20

MOST_IN_BUNDLE: Final = 100
# Whoever claims a part of a bundle writes the rest once more, so it is small; long inputs are not worth it.
_LONGEST_BUNDLE: Final = 10_000
_LONGEST_BUNDLED_INPUT: Final = 1_000

_all_but_input = attrgetter(*(field for field in NewTask.__struct_fields__ if field != "input_json"))


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
        with translated(self._database.name):
            rows = transaction(statements["add"], parameters)
            if rows:
                transaction(*self._database.announcement())
        if len(rows) != len(tasks):
            raise ConfigurationError(
                f"The connection leads to another database than the store, which is the {self._database.name}; "
                "nothing was added. Pass a connection to the same database, or none."
            )
        return _ids(rows)

    def _write(self, step: Step, count: int) -> list[int]:
        write = partial(self._database.write, announce=True) if count < MANY else self._database.write_among_many
        return _ids(write(step)[0])

    def _step(self, tasks: Sequence[NewTask], *, trust: bool) -> Step:
        if _are_alike(tasks):
            inputs = text_array([task.input_json for task in tasks])
            if len(inputs) <= _LONGEST_BUNDLED_INPUT * len(tasks):
                return "add_bundles", self._parameters_of_alike(tasks[0], inputs, len(tasks), trust=trust)
        return "add", self._parameters(tasks, trust=trust)

    def _parameters_of_alike(self, first: NewTask, inputs: str, count: int, *, trust: bool) -> Parameters:
        (lane,) = self._lanes.ids([(first.queue, first.name)], trust=trust).values()
        return {
            "lane": str(lane),
            "max_lost_attempts": str(first.max_lost_attempts),
            "description": stored(first.description),
            "inputs": inputs,
            "size": str(min(MOST_IN_BUNDLE, _LONGEST_BUNDLE * count // len(inputs))),
            "store_id": self._database.store_id,
        }

    def _parameters(self, tasks: Sequence[NewTask], *, trust: bool) -> Parameters:
        lanes = self._lanes.ids({(task.queue, task.name) for task in tasks}, trust=trust)
        return {
            "lanes": number_array(lanes[task.queue, task.name] for task in tasks),
            "priorities": number_array(task.priority for task in tasks),
            "run_ats": text_array(None if task.run_at is None else task.run_at.isoformat() for task in tasks),
            "delays": number_array(task.delay_seconds for task in tasks),
            "max_lost_attempts": number_array(task.max_lost_attempts for task in tasks),
            "descriptions": text_array(stored(task.description) for task in tasks),
            "inputs": text_array(task.input_json for task in tasks),
            "distinct_lanes": number_array(lanes.values()),
            "store_id": self._database.store_id,
        }


def _are_alike(tasks: Sequence[NewTask]) -> bool:
    """Tell whether tasks are due at once, have the usual priority, and differ in nothing but their input."""
    first = tasks[0]
    if first.run_at is not None or first.delay_seconds or first.priority:
        return False
    return list(map(_all_but_input, tasks)).count(_all_but_input(first)) == len(tasks)


def _ids(rows: Rows) -> list[int]:
    """Return the ids of rows that have a first id, and how many follow each other from there on."""
    return [task_id for first, size in sorted(rows) for task_id in range(first, first + size)]
