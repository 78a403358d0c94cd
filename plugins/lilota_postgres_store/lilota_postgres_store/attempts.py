"""Write what attempts report and how they end: each batch of updates becomes the arrays of one statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from lilota.contract import Fence
from lilota.models import AttemptUpdate, LogLine, Outcome
from lilota_postgres_store.connection import Parameters, Rows
from lilota_postgres_store.states import code_of
from lilota_postgres_store.texts import number_array, stored, text_array

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

    def parameters(self) -> Parameters:
        """Return the parameters of `commit.sql`."""
        fences, changes = list(self._changes), list(self._changes.values())
        outcomes = [change.outcome for change in changes]
        return {
            "ids": number_array(task_id for task_id, _ in fences),
            "tokens": number_array(token for _, token in fences),
            "pids": number_array(change.pid for change in changes),
            "started_ats": number_array(change.started_at for change in changes),
            "progresses": number_array(change.progress for change in changes),
            "outputs": text_array(change.output_json for change in changes),
            "max_lost_attempts": number_array(change.max_lost_attempts for change in changes),
            "log_counts": number_array(len(change.log_lines) for change in changes),
            "states": number_array(None if outcome is None else code_of(outcome.state) for outcome in outcomes),
            "errors": text_array(map(_error_text, outcomes)),
            "delays": number_array(0 if outcome is None else outcome.delay_seconds for outcome in outcomes),
            "unspents": number_array(int(outcome is not None and not outcome.spends_attempt) for outcome in outcomes),
            "losts": number_array(int(outcome is not None and outcome.lost) for outcome in outcomes),
            **self._line_parameters(),
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

    def refused(self, written: Rows) -> tuple[Fence, ...]:
        """Return the attempts whose updates were not written, where these are the ids and tokens of those that were."""
        not_current = self._changes.keys() - {(task_id, token) for task_id, token in written}
        return tuple(sorted(not_current | self._refused))


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
