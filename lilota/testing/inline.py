"""One attempt in the process of the test: what it gets and gives goes through JSON, what it tells is recorded."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from weakref import finalize

import msgspec

from lilota.models import (
    AttachedFile,
    Claim,
    FileRef,
    JSONObject,
    LogLine,
    Outcome,
    Source,
    TaskBase,
    TaskError,
    TaskState,
)
from lilota.results import shown, unwrapped
from lilota.tasks.checkpoints import KeepsCheckpoints
from lilota.tasks.runs import signature_of
from lilota.tasks.tracks import TracksProgress
from lilota.workers.attempts import TaskLoader, no_class, run_attempt
from lilota.workers.logs import LineBudget, LineHandler, kept_line, task_logger

if TYPE_CHECKING:
    from lilota.files.attaching import Attachments, FileKeeper

Record = TypeVar("Record", Claim, Outcome)


class TaskResult(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt left behind.

    Attributes:
        state: how it ended; PENDING if it would run again, after `outcome.delay_seconds`.
        output: the last output, or None. It has been through JSON: tuples are lists.
        result: what the task returned, of the type to which that is annotated, as `TaskHandle.result` gives it. None if
            it did not succeed.
        error: why it did not succeed, with the traceback as text, or None.
        progress: every percentage that it reported, in order.
        checkpoint: the state that it saved last, from which another attempt would go on; None if it saved none.
        files: what it attached, by name, as bytes.
        log_lines: what it logged through `self.logger`. What it prints goes to the test's own output.
        outcome: the whole outcome, as a store would get it.
    """

    state: TaskState
    output: JSONObject | None
    result: Any
    error: TaskError | None
    progress: tuple[float, ...]
    checkpoint: Any
    log_lines: tuple[LogLine, ...]
    outcome: Outcome
    files: dict[str, bytes] = {}

    @property
    def log_text(self) -> str:
        """The texts of the log lines, one per line."""
        return "\n".join(line.text for line in self.log_lines)


class Recorder(TracksProgress, KeepsCheckpoints):
    """Keeps what an attempt tells; the `AttemptReporter` of its task.

    Args:
        is_cancelled: what `self.cancelled` gives.
    """

    def __init__(self, claim: Claim, is_cancelled: Callable[[], bool]) -> None:
        self.claim = claim
        self.is_cancelled = is_cancelled
        self.percentages: list[float] = []
        self.log_lines: list[LogLine] = []
        self.checkpoint_json: str | None = None
        #: What `set_output` got last, and what the task returned in its place.
        self.output_json: str | None = None
        self.returned_json: str | None = None
        #: Its class, once that is loaded.
        self.task_class: type[TaskBase] = no_class()
        self.attached: dict[str, AttachedFile] = {}
        self._attachments: Attachments | None = None
        self._budget = LineBudget()

    def progress(self, percentage: float) -> None:
        self.percentages.append(percentage)

    def output(self, output_json: str) -> None:
        self.output_json = output_json

    def save_checkpoint(self, checkpoint_json: str) -> None:
        self.checkpoint_json = checkpoint_json

    def report_progress(
        self, percentage: float | None, step: float | None, of: float | None, message: str | None
    ) -> None:
        super().report_progress(percentage, step, of, message)
        self.note_progress()

    def note_progress(self) -> None:
        """Keep how far it is, if that has changed."""
        if self._tracks is not None and (percentage := self._tracks.news().percentage) is not None:
            self.percentages.append(percentage)

    def returned(self, output_json: str) -> None:
        self.returned_json = output_json

    def note(self, text: str) -> None:
        """What lilota itself would say is no line of the task."""

    def wait_until_stored(self) -> None:
        """There is no store, so there is nothing to wait for."""

    def attach(
        self, source: Source, name: str | None, media_type: str | None, expires_after: timedelta | None
    ) -> AttachedFile:
        from lilota.files.attaching import Attachments

        self._attachments = self._attachments or Attachments(
            self.claim,
            self.file_keeper,
            tell=self._keep_record,
            say=self.note,
            wait_until_stored=self.wait_until_stored,
        )
        return self._attachments.attach(source, name, media_type, expires_after)

    def open_file(self, file: FileRef) -> BinaryIO:
        return self.file_keeper.open(file)

    @cached_property
    def file_keeper(self) -> FileKeeper:
        """Where what it attaches is kept: in a folder that goes with this record."""
        import tempfile

        from lilota.files.attaching import FileKeeper
        from lilota.files.folder import FolderArea
        from lilota.files.opening import FileSettings

        folder = tempfile.TemporaryDirectory(prefix="lilota-files-")
        finalize(self, folder.cleanup)
        return FileKeeper(FileSettings(limit_bytes=sys.maxsize), lambda: FolderArea(folder.name))

    def _keep_record(self, file: AttachedFile) -> None:
        self.attached[file.name] = file

    def run_coroutine(self, coroutine: Coroutine[Any, Any, object]) -> object:
        import asyncio  # most tasks need none of this
        from concurrent.futures import ThreadPoolExecutor

        from lilota.workers.coroutines import CoroutineRun

        def run() -> object:
            return CoroutineRun(coroutine, self.note).run()

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            is_on_loop = False
        else:
            is_on_loop = True
        if not is_on_loop:  # not called above, where an error of the task would seem to come of the one that is handled
            return run()
        # The test is a coroutine itself. A thread has one loop at a time, and that of the test waits, as for any task.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(copy_context().run, run).result()

    def line(self, line: LogLine) -> None:
        """Keep a line as far as a worker would."""
        kept = kept_line(line, self.claim.attempt)
        if self._budget.admit(kept.text):
            self.log_lines.append(kept)

    def result(self, outcome: Outcome) -> TaskResult:
        """Return what the attempt left, which ended so."""
        self.note_progress()
        returned_json = None if outcome.lost else self.returned_json
        given = (returned_json, self.output_json, self.claim.output_json)
        output_json = next((text for text in given if text is not None), None)
        stored = None if output_json is None else msgspec.json.decode(output_json)
        return TaskResult(
            state=outcome.state,
            output=None if stored is None else shown(stored),
            result=self._decoded(stored) if outcome.state is TaskState.SUCCEEDED else None,
            error=outcome.error,
            progress=tuple(self.percentages),
            checkpoint=None if self.checkpoint_json is None else self.last_checkpoint(),
            log_lines=tuple(self.log_lines),
            outcome=outcome,
            files={name: self._content(file) for name, file in self.attached.items()},
        )

    def _content(self, file: AttachedFile) -> bytes:
        with self.file_keeper.area.open(file.place) as stream:
            return stream.read()

    def _decoded(self, stored: JSONObject | None) -> object:
        signature = signature_of(self.task_class)
        if signature is not None and self.returned_json is not None:
            return signature.decode_output(self.returned_json)
        return None if stored is None else unwrapped(stored)


def run_inline(load: TaskLoader, recorder: Recorder) -> Outcome:
    """Run the attempt of a recorder, and return how it ended, as a runner would hear it."""

    def load_for_it(name: str) -> type[TaskBase]:
        recorder.task_class = load(name)
        return recorder.task_class

    claim = _through_json(recorder.claim, Claim)
    logger = task_logger(claim.name)
    handler = LineHandler(recorder.line)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        return _through_json(run_attempt(claim, load_for_it, recorder, logger), Outcome)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _through_json(record: Record, kind: type[Record]) -> Record:
    """Send a record the way that it takes between runner and worker."""
    return msgspec.json.decode(msgspec.json.encode(record), type=kind)
