"""Attempts that a test makes by itself, as some runner elsewhere does."""

from __future__ import annotations

import io

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.files.reading import note_of
from lilota.models import AttachedFile, AttemptUpdate, LogLine, Outcome, TaskError, TaskState


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


def ref_with_file(client, name: str, content: bytes, media_type: str = "application/octet-stream") -> str:
    """Return the reference of a new task that has ended, and has attached a file."""
    ref = client.add("task").ref
    attempt = Attempt(client)
    stored = client.upload(io.BytesIO(content), name="x", media_type="text/plain")
    fields = {"size": stored.size, "sha256": stored.sha256, "place": stored.place}
    attempt.tell(notes=(note_of(AttachedFile(name=name, media_type=media_type, **fields)),))
    attempt.succeed()
    return ref
