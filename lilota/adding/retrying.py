"""Run a task again that has ended, unless its own terms speak against it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from lilota.contract import TaskStore
from lilota.errors import TaskStateError
from lilota.models import OWN_HEADERS, TaskInfo
from lilota.tasks.terms import terms_of
from lilota.texts.words import duration

_REMEDY: Final = "Add it anew."


def run_again(store: TaskStore, task_id: int) -> None:
    """Make a failed or cancelled task pending again.

    Raises:
        TaskNotFoundError: there is no task with that id.
        TaskStateError: its state does not allow it, or its input is forgotten, or its deadline over.
    """
    info = store.get(task_id)
    if OWN_HEADERS in (info.headers_json or "") and info.state.is_terminal:
        _check_terms(info)
    store.retry(task_id)


def _check_terms(info: TaskInfo) -> None:
    terms = terms_of(info)
    if not terms.keep_input and info.input_json == "{}":
        raise TaskStateError(
            f"Task {info.id} can't run again: it was added with keep_input=False, and its input is forgotten. {_REMEDY}"
        )
    deadline = terms.deadline(info.created_at.timestamp())
    late = 0.0 if deadline is None else datetime.now(UTC).timestamp() - deadline
    if late > 0:
        raise TaskStateError(
            f"Task {info.id} can't run again. {terms.budget}; that was {duration(late)} ago. {_REMEDY}"
        )
