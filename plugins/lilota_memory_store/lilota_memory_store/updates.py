"""Write what attempts report and how they end; refuse those whose token is no longer current."""

from __future__ import annotations

from collections.abc import Sequence

from lilota.contract import Fence, microseconds, new_lines
from lilota.contract.rules import due_again_at, state_after, within_life
from lilota.models import AttemptUpdate, Outcome, TaskState
from lilota_memory_store.records import Task
from lilota_memory_store.table import TaskTable


def apply_updates(table: TaskTable, updates: Sequence[AttemptUpdate], now: int) -> tuple[tuple[Fence, ...], bool]:
    """Write the updates whose token is current; return the refused attempts, and whether any task ended."""
    refused: dict[Fence, None] = {}
    any_outcome = False
    for update in updates:
        task = table.tasks.get(update.id)
        if task is None or task.token != update.token or task.state is not TaskState.RUNNING:
            refused[update.fence] = None
            continue
        _write(task, update, now)
        if update.outcome is not None:
            end_attempt(table, task, update.outcome, now)
            any_outcome = True
    return tuple(refused), any_outcome


def _write(task: Task, update: AttemptUpdate, now: int) -> None:
    if update.pid is not None:
        task.pid = update.pid
    if update.started_at is not None:
        task.started_at = within_life(microseconds(update.started_at), task.created_at, now)
    if update.progress is not None:
        task.progress = update.progress
    if update.progress_note_json is not None:
        task.progress_note_json = update.progress_note_json
    if update.checkpoint_json is not None:
        task.checkpoint_json = update.checkpoint_json
    if update.output_json is not None:
        task.output_json = update.output_json
    if update.max_lost_attempts is not None:
        task.max_lost_attempts = update.max_lost_attempts
    if update.log_lines:
        task.append(new_lines(update, task.log_count))
    if update.notes:
        task.keep(update.notes)


def end_attempt(table: TaskTable, task: Task, outcome: Outcome, now: int) -> None:
    """Take a running task off its runner, and bring it where the outcome leads."""
    table.let_go(task)
    task.error = outcome.error
    task.attempt -= not outcome.spends_attempt
    task.lost_attempts += outcome.lost
    state = state_after(outcome, cancel_requested=task.cancel_requested)
    if task.checkpoint_json is not None and state is TaskState.SUCCEEDED:
        task.checkpoint_json = None
    if state is TaskState.PENDING:
        table.make_pending(task, due_again_at(outcome, task.run_at, now), now)
    else:
        table.finish(task, state, now)
