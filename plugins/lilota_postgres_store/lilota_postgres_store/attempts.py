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
from lilota_postgres_store.notes import keep_steps
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
        self._updates = sorted(merged, key=attrgetter("id"))

    def has_outcomes(self) -> bool:
        """Tell whether a task ends or becomes ready by it."""
        return any(update.outcome is not None for update in self._updates)

    def steps(self) -> list[Step]:
        """Return the statements that write the batch; `refused` reads the answer to the last one."""
        return [*keep_steps(self._updates), self._step()]

    def _step(self) -> Step:
        if all(map(_is_plain_success, self._updates)):
            return "commit_successes", self._parameters()
        return "commit", {**self._parameters(), **self._more_parameters(), **self._line_parameters()}

    def _parameters(self) -> Parameters:
        return {
            "ids": self._numbers("id"),
            "tokens": self._numbers("token"),
            "pids": self._numbers("pid"),
            "started_ats": self._numbers("started_at"),
            "outputs": text_array(map(attrgetter("output_json"), self._updates)),
        }

    def _numbers(self, field: str) -> str:
        return number_array(map(attrgetter(field), self._updates))

    def _rare_texts(self, field: str) -> str | None:
        """Return what hardly any update has; None stands for as many NULLs."""
        texts = list(map(attrgetter(field), self._updates))
        return None if texts.count(None) == len(texts) else text_array(texts)

    def _more_parameters(self) -> Parameters:
        outcomes = [update.outcome for update in self._updates]
        errors = [None if outcome is None else outcome.error for outcome in outcomes]
        return {
            "progresses": self._numbers("progress"),
            "max_lost_attempts": self._numbers("max_lost_attempts"),
            "log_counts": number_array(len(update.log_lines) for update in self._updates),
            "log_offsets": self._numbers("log_offset"),
            "states": number_array(None if outcome is None else code_of(outcome.state) for outcome in outcomes),
            "errors": text_array(map(error_text, errors)),
            "delays": number_array(0 if outcome is None else outcome.delay_seconds for outcome in outcomes),
            "unspents": number_array(int(outcome is not None and not outcome.spends_attempt) for outcome in outcomes),
            "losts": number_array(int(outcome is not None and outcome.lost) for outcome in outcomes),
            "progress_notes": self._rare_texts("progress_note_json"),
            "checkpoints": self._rare_texts("checkpoint_json"),
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
        """Return the attempts whose updates were not written; the answer has those of an older token."""
        return tuple(sorted({(task_id, token) for task_id, token in not_current}.union(self._refused)))


def _is_plain_success(update: AttemptUpdate) -> bool:
    """Tell whether this is what most attempts are: a success with an output, and nothing else to write.

    Its notes have a statement of their own, and a checkpoint is void.
    """
    return (
        update.outcome == _SUCCESS
        and not update.log_lines
        and update.progress is None
        and update.progress_note_json is None
        and update.max_lost_attempts is None
    )


def error_text(error: TaskError | None) -> str | None:
    """Return an error as it is stored."""
    return None if error is None else _encode_error(error).decode()
