"""What users ask for: cancel, retry, prune."""

from __future__ import annotations

from collections.abc import Sequence

from lilota.contract.ids import check_id
from lilota.contract.rules import check_can_be_retried
from lilota.errors import TaskNotFoundError
from lilota.models import TERMINAL_STATES, TaskState
from lilota_postgres_store.database import Database
from lilota_postgres_store.states import STATES, codes_of
from lilota_postgres_store.texts import number_array


def cancel(database: Database, task_id: int) -> TaskState:
    """Cancel a pending task, ask a running one to stop, leave an ended one alone; return the state."""
    return _act(database, "cancel", task_id)


def retry(database: Database, task_id: int) -> None:
    """Make a failed or cancelled task pending as if it were new."""
    check_can_be_retried(task_id, _act(database, "retry", task_id))


def _act(database: Database, statement: str, task_id: int) -> TaskState:
    """Run a statement about a task, which gets a row of its own before."""
    parameters = {"id": str(check_id(task_id))}
    while True:
        _, rows = database.write(("unpack", parameters), (statement, parameters), announce=True)
        if rows:
            ((code,),) = rows
            return STATES[code]
        # Somebody may have opened its bundle in the same moment, and put it into another.
        if not database.read("task_exists", **parameters):
            raise TaskNotFoundError(task_id)


def prune(database: Database, older_than_seconds: float, states: Sequence[TaskState] | None, limit: int) -> int:
    """Delete up to `limit` tasks that ended so long ago or longer, with all that belongs to them."""
    codes = codes_of(TERMINAL_STATES if states is None else TERMINAL_STATES.intersection(states))
    parameters = {"states": number_array(codes), "age": str(older_than_seconds), "limit": str(limit)}
    (((pruned,),),) = database.write(("prune", parameters))
    return int(pruned)
