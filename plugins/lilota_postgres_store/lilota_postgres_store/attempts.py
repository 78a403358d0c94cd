"""Write what attempts report and how they end: each batch of updates becomes the arrays of one statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from lilota.contract import Fence
from lilota.models import AttemptUpdate, LogLine, Outcome, TaskState
from lilota_postgres_store.connection import Parameters, Rows
from lilota_postgres_store.database import Step
from lilota_postgres_store.states import code_of
from lilota_postgres_store.texts import number_array, stored, text_array

_SUCCESS: Final = Outcome(state=TaskState.SUCCEEDED)

encode_error = msgspec.json.Encoder().encode


class AttemptChanges:
    """The changes of one attempt within a batch, put together to be written once."""

    __slots__ = ("log_lines", "max_lost_attempts", "outcome", "output_json", "pid", "progress", "started_at")

    def __init__(self) -> None:
        self.pid: int | None = None
        self.started_at: float | None = None
        self.progress: float | None = None
        self.output_json: str | None = None
        self.max_lost_attempts: int | None = None
        self.log_lines: list[LogLine] = []
        self.outcome: Outcome | None = None

    def add(self, update: AttemptUpdate) -> None:
        """Take over what an update brings; what it leaves alone stays."""
        if update.pid is not None:
            self.pid = update.pid
        if update.started_at is not None:
            self.started_at = update.started_at
        if update.progress is not None:
            self.progress = update.progress
        if update.output_json is not None:
            self.output_json = update.output_json
        if update.max_lost_attempts is not None:
            self.max_lost_attempts = update.max_lost_attempts
        self.log_lines += update.log_lines
        self.outcome = update.outcome

    def is_plain_success(self) -> bool:
        """Tell whether this is what most attempts are: a success with an output, and nothing else to write."""
        return (
            self.outcome == _SUCCESS and not self.log_lines and self.progress is None and self.max_lost_attempts is None
        )


class Batch:
    """A batch of updates, and which of them were refused."""

    def __init__(self, updates: Iterable[AttemptUpdate]) -> None:
        changes: dict[Fence, AttemptChanges] = {}
        self._refused: set[Fence] = set()
        for update in updates:
            fence = (update.id, update.token)
            change = changes.get(fence)
            if change is None:
                change = changes[fence] = AttemptChanges()
            elif change.outcome is not None:
                # Behind its outcome nothing is written: by then the attempt has ended, or was not running before.
                self._refused.add(fence)
                continue
            change.add(update)
        # In one order for all, so that no two batches wait for each other in a circle.
        self._changes = dict(sorted(changes.items()))

    def has_outcomes(self) -> bool:
        """Tell whether a task ends or becomes ready by it."""
        return any(change.outcome is not None for change in self._changes.values())

    def step(self) -> Step:
        """Return the statement that writes the batch; `refused` reads its answer."""
        if all(change.is_plain_success() for change in self._changes.values()):
            return "commit_successes", self._parameters()
        return "commit", {**self._parameters(), **self._more_parameters(), **self._line_parameters()}

    def _parameters(self) -> Parameters:
        changes = self._changes.values()
        return {
            "ids": number_array(task_id for task_id, _ in self._changes),
            "tokens": number_array(token for _, token in self._changes),
            "pids": number_array(change.pid for change in changes),
            "started_ats": number_array(change.started_at for change in changes),
            "outputs": text_array(change.output_json for change in changes),
        }

    def _more_parameters(self) -> Parameters:
        changes = self._changes.values()
        outcomes = [change.outcome for change in changes]
        return {
            "progresses": number_array(change.progress for change in changes),
            "max_lost_attempts": number_array(change.max_lost_attempts for change in changes),
            "log_counts": number_array(len(change.log_lines) for change in changes),
            "states": number_array(None if outcome is None else code_of(outcome.state) for outcome in outcomes),
            "errors": text_array(map(_error_text, outcomes)),
            "delays": number_array(0 if outcome is None else outcome.delay_seconds for outcome in outcomes),
            "unspents": number_array(int(outcome is not None and not outcome.spends_attempt) for outcome in outcomes),
            "losts": number_array(int(outcome is not None and outcome.lost) for outcome in outcomes),
        }

    def _line_parameters(self) -> Parameters:
        lines = [
            (fence, len(change.log_lines) - n, line)
            for fence, change in self._changes.items()
            for n, line in enumerate(change.log_lines, 1)
        ]
        return {
            "line_ids": number_array(task_id for (task_id, _), _, _ in lines),
            "line_tokens": number_array(token for (_, token), _, _ in lines),
            "line_followers": number_array(followers for _, followers, _ in lines),
            **line_columns([line for _, _, line in lines]),
        }

    def refused(self, not_current: Rows) -> tuple[Fence, ...]:
        """Return the attempts whose updates were not written; the answer to `step` has those of an older token."""
        return tuple(sorted({(task_id, token) for task_id, token in not_current} | self._refused))


def line_columns(lines: Sequence[LogLine]) -> Parameters:
    """Return the columns of log lines as parameters."""
    return {
        "line_levels": number_array(line.level for line in lines),
        "line_ats": number_array(line.at for line in lines),
        "line_attempts": number_array(line.attempt for line in lines),
        "line_sources": text_array(stored(line.source) for line in lines),
        "line_loggers": text_array(stored(line.logger) for line in lines),
        "line_texts": text_array(stored(line.text) for line in lines),
    }


def _error_text(outcome: Outcome | None) -> str | None:
    if outcome is None or outcome.error is None:
        return None
    return encode_error(outcome.error).decode()
