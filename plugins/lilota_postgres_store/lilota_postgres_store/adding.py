"""Add tasks: one statement for all tasks of a call."""

from __future__ import annotations

from collections.abc import Sequence

from lilota.errors import ConfigurationError, StoreUnavailableError
from lilota.models import NewTask
from lilota_postgres_store.application import Transaction
from lilota_postgres_store.connection import Parameters
from lilota_postgres_store.database import Database
from lilota_postgres_store.faults import translated
from lilota_postgres_store.lanes import Lanes
from lilota_postgres_store.texts import number_array, stored, text_array


class Adder:
    """Adds tasks in transactions of the store's own, or in one of the application's."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lanes = Lanes(database)

    def add(self, tasks: Sequence[NewTask]) -> list[int]:
        """Add tasks and return their ids."""
        for trust in (True, False):
            # The second time: what this process knew of the lanes was no longer so.
            parameters = self._parameters(tasks, trust=trust)
            (rows,) = self._database.write(("add", parameters), announce=True)
            if len(rows) == len(tasks):
                return sorted(task_id for (task_id,) in rows)
        raise StoreUnavailableError(
            f"The {self._database.name} has other tables than when this process opened it. Restart the process."
        )

    def add_within(self, transaction: Transaction, tasks: Sequence[NewTask]) -> list[int]:
        """Add tasks in a transaction of the application's; others hear of them when it commits."""
        # Lanes outlive a rollback: others must not have to wait for this transaction in order to add alike tasks.
        self._database.open()
        statements = self._database.statements
        parameters = self._parameters(tasks, trust=False)
        with translated(self._database.name):
            rows = transaction.run(statements["add_elsewhere"], parameters)
            if rows:
                transaction.run(*self._database.announcement())
        if len(rows) != len(tasks):
            raise ConfigurationError(
                f"The connection leads to another database than the store, which is the {self._database.name}; "
                "nothing was added. Pass a connection to the same database, or none."
            )
        return sorted(task_id for (task_id,) in rows)

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
