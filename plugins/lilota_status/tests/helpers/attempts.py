"""Attempts that a test makes by itself, as some runner elsewhere does."""

from __future__ import annotations

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.models import AttemptUpdate, LogLine, Outcome, TaskError, TaskState


class Attempt:
    """An attempt of the oldest task that waits."""

    def __init__(self, client, name="task") -> None:
        self.store = client.store
        self.store.heartbeat(RunnerInfo(id="elsewhere", lease_seconds=3600))
        (self.claim,) = self.store.claim(ClaimRequest(runner_id="elsewhere", names=(name,))).claims

    def tell(self, progress=None, lines=(), note=None, source="log", **more) -> None:
        """Report something."""
        update = AttemptUpdate(
            id=self.claim.id,
            token=self.claim.token,
            progress=progress,
            progress_note_json=note,
            log_lines=tuple(LogLine(at=0, text=text, source=source) for text in lines),
            **more,
        )
        self.store.commit([update])

    def succeed(self, output_json=None) -> None:
        self.tell(output_json=output_json, outcome=Outcome(state=TaskState.SUCCEEDED))

    def fail(self, message: str) -> None:
        error = TaskError(type="ValueError", message=message, traceback="Traceback: /srv/app/secret.py")
        self.tell(outcome=Outcome(state=TaskState.FAILED, error=error))
