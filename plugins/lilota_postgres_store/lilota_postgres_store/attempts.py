"""Write what attempts report and how they end: each batch of updates becomes the arrays of one statement."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Final

import msgspec

from lilota.contract import Fence, merge_updates
from lilota.models import AttemptUpdate, Outcome, TaskError, TaskState
from lilota_postgres_store.database import Step
from lilota_postgres_store.link.connection import Parameters, Rows
from lilota_postgres_store.states import code_of
from lilota_postgres_store.texts import number_array, stored, text_array

_SUCCESS: Final = Outcome(state=TaskState.SUCCEEDED)

_encode_error = msgspec.json.Encoder().encode


class Batch:
    """A batch of updates, and which of them were refused."""

    def __init__(self, updates: Iterable[AttemptUpdate]) -> None:
        # What is current only the statement finds out.
        merged, self._refused = merge_updates(updates)
        # In one order for all, so that no two batches wait for each other in a circle.
        self._updates = sorted(merged, key=attrgetter("id", "token"))

    def has_outcomes(self) -> bool:
        """Tell whether a task ends or becomes ready by it."""
        return any(update.outcome is not None for update in self._updates)

    def step(self) -> Step:
        """Return the statement that writes the batch; `refused` reads its answer."""
        if all(map(_is_plain_success, self._updates)):
            return "commit_successes", self._parameters()
        return "commit", {**self._parameters(), **self._more_parameters(), **self._line_parameters()}

    def _parameters(self) -> Parameters:
        updates = self._updates
        return {
            "ids": number_array(update.id for update in updates),
            "tokens": number_array(update.token for update in updates),
            "pids": number_array(update.pid for update in updates),
            "started_ats": number_array(update.started_at for update in updates),
            "outputs": text_array(update.output_json for update in updates),
        }

    def _more_parameters(self) -> Parameters:
        updates = self._updates
        outcomes = [update.outcome for update in updates]
        errors = [None if outcome is None else outcome.error for outcome in outcomes]
        return {
            "progresses": number_array(update.progress for update in updates),
            "max_lost_attempts": number_array(update.max_lost_attempts for update in updates),
            "log_counts": number_array(len(update.log_lines) for update in updates),
            "log_offsets": number_array(update.log_offset for update in updates),
            "states": number_array(None if outcome is None else code_of(outcome.state) for outcome in outcomes),
            "errors": text_array(map(error_text, errors)),
            "delays": number_array(0 if outcome is None else outcome.delay_seconds for outcome in outcomes),
            "unspents": number_array(int(outcome is not None and not outcome.spends_attempt) for outcome in outcomes),
            "losts": number_array(int(outcome is not None and outcome.lost) for outcome in outcomes),
        }

    def _line_parameters(self) -> Parameters:
        lines = [
            (update, len(update.log_lines) - n, line)
            for update in self._updates
            for n, line in enumerate(update.log_lines, 1)
        ]
        return {
            "line_ids": number_array(update.id for update, _, _ in lines),
            "line_tokens": number_array(update.token for update, _, _ in lines),
            "line_followers": number_array(followers for _, followers, _ in lines),
            "line_levels": number_array(line.level for _, _, line in lines),
            "line_ats": number_array(line.at for _, _, line in lines),
            "line_attempts": number_array(line.attempt for _, _, line in lines),
            "line_sources": text_array(stored(line.source) for _, _, line in lines),
            "line_loggers": text_array(stored(line.logger) for _, _, line in lines),
            "line_texts": text_array(stored(line.text) for _, _, line in lines),
        }

    def refused(self, not_current: Rows) -> tuple[Fence, ...]:
        """Return the attempts whose updates were not written; the answer to `step` has those of an older token."""
        return tuple(sorted({(task_id, token) for task_id, token in not_current}.union(self._refused)))


def _is_plain_success(update: AttemptUpdate) -> bool:
    """Tell whether this is what most attempts are: a success with an output, and nothing else to write."""
    return (
        update.outcome == _SUCCESS
        and not update.log_lines
        and update.progress is None
        and update.max_lost_attempts is None
    )


def error_text(error: TaskError | None) -> str | None:
    """Return an error as it is stored."""
    return None if error is None else _encode_error(error).decode()
