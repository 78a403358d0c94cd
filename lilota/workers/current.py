"""The attempt that runs: what its task reports, logs and prints, collected until the outbox takes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from lilota.engine.messages import StopReason
from lilota.errors import (
    CancelRequested,
    CpuLimitReached,
    DeadlineReached,
    MemoryLimitReached,
    RunnerStopping,
    StopTask,
    TimeoutReached,
)
from lilota.models import AttachedFile, AttemptUpdate, Claim, FileRef, LogLine, Note, Outcome, Source
from lilota.tasks.checkpoints import KeepsCheckpoints
from lilota.tasks.limits import LINE_LENGTH_LIMIT
from lilota.tasks.tracks import NO_NEWS, News, TracksProgress
from lilota.workers.capture import OutputCapture
from lilota.workers.guard import Guard
from lilota.workers.logs import LineBudget, kept_line, notice, printed

if TYPE_CHECKING:
    from lilota.files.attaching import Attachments, FileKeeper

#: The errors by which an attempt ends that its runner has told to end.
STOP_ERRORS: Final[dict[StopReason, Callable[..., StopTask]]] = {
    "cancel": CancelRequested,
    "timeout": TimeoutReached,
    "deadline": DeadlineReached,
    "memory": MemoryLimitReached,
    "cpu": CpuLimitReached,
    "shutdown": RunnerStopping,
}
#: The attempt to which code belongs, where several run at once.
OWNER: Final[ContextVar[RunningAttempt | None]] = ContextVar("OWNER", default=None)
#: How long the first news of an attempt may wait in the worker.
FIRST_NEWS_SECONDS: Final = 0.01
#: Who waits for the store looks up so often.
_NAP_SECONDS: Final = 0.5


def stop_error(reason: StopReason, words: str) -> StopTask:
    """Return the error by which an attempt ends that was told to end."""
    return STOP_ERRORS[reason](words) if words else STOP_ERRORS[reason]()


class RunningAttempt(TracksProgress, KeepsCheckpoints):
    """One attempt while it runs; the `AttemptReporter` of its task.

    Args:
        capture: has what the task prints.
        guard: held while news are changed or taken.
        send_news: takes the news and sends them, for what must not wait.

    Attributes:
        stop_words: the reason why it should end, with numbers; "" where there are none.
    """

    stop_words: str = ""
    # Of the class, so that an attempt without files has nothing of its own to make.
    #: Returns what keeps the files that it attaches; asked with the first of them.
    file_keeper: Callable[[], FileKeeper] | None = None
    _attachments: Attachments | None = None
    #: What is to be written beside the task, by kind and name; None for most.
    _notes: dict[tuple[str, str], Note] | None = None

    def __init__(self, claim: Claim, capture: OutputCapture, guard: Guard, send_news: Callable[[], object]) -> None:
        self.claim = claim
        self.began: float = time.monotonic()
        self.has_ended: bool = False
        #: Until its class is imported nothing is told: the runner must know the options of the class first.
        self.is_loading = True
        #: What the runner told: the attempt should end, and why.
        self.stop_reason: StopReason | None = None
        #: The task looks at `self.cancelled`, so it may end where it likes; and it has seen True there.
        self.is_looking: bool = False
        self.saw_stop: bool = False
        #: Runs what a coroutine function has returned; while that runs, what ends it, and then what it can't end.
        self.drive: Callable[[RunningAttempt, Coroutine[Any, Any, object]], object] | None = None
        self.stop_coroutine: Callable[[Callable[[], StopTask]], None] | None = None
        self.marks: str | None = None
        #: What came out of the import of its class, if that was tried before it was to run.
        self.load_error: BaseException | None = None
        #: Others run in this process at the same time, so what it prints comes by `print` or can't be told apart.
        self.is_shared = False
        self._unended = ""
        self._started_at: float | None = time.time()
        self._percentage: float | None = None
        self._output_json: str | None = None
        self._returned_json: str | None = None
        self._checkpoint_json: str | None = None
        #: Who waits for the answer to which question, and whether the newest is still to be asked.
        self._waiting: dict[int, threading.Event] = {}
        self._questions = 0
        self._stored = 0
        self.has_question: bool = False
        self._lines: list[LogLine] = []
        self._budget = LineBudget()
        self._capture = capture
        self._guard = guard
        self._send_news = send_news

    def is_fresh(self) -> bool:
        """Tell whether it began so lately that its news can wait for its outcome."""
        return self.is_loading or self.began_just_now()

    def began_just_now(self) -> bool:
        """Tell whether it may well be a short one."""
        return time.monotonic() - self.began < FIRST_NEWS_SECONDS

    def print(self, text: str) -> None:
        """Keep what its code prints; a line that has no end yet waits for it."""
        with self._guard.shield, self._guard.lock:
            *ended, self._unended = (self._unended + text).splitlines(keepends=True) or [""]
            if self._unended.endswith(("\n", "\r")) or len(self._unended) > LINE_LENGTH_LIMIT:
                ended, self._unended = [*ended, self._unended], ""
            for line in printed(each.rstrip("\r\n") for each in ended):
                self.add_line(line)

    def stop(self, reason: StopReason, words: str) -> None:
        """It should end."""
        self.stop_words = words
        self.stop_reason = reason

    def stop_error(self) -> StopTask:
        """Return what is raised in an attempt that should end."""
        if self.stop_reason is None:
            raise RuntimeError("Nobody has told this attempt to end.")
        return stop_error(self.stop_reason, self.stop_words)

    def takes_exception(self) -> bool:
        """Tell whether it should end by an exception: whoever looks at `self.cancelled` ends a cancelled task itself.

        It does so where it likes; the runner's patience has a limit.
        """
        return self.stop_reason is not None and (self.stop_reason != "cancel" or not self.is_looking)

    # --- what the task calls, in any of its threads, and perhaps in one that it left behind when it ended

    def progress(self, percentage: float) -> None:
        with self._guard.shield, self._guard.lock:
            self._check_running()
            self._percentage = percentage

    def output(self, output_json: str) -> None:
        with self._guard.shield, self._guard.lock:
            self._check_running()
            self._output_json = output_json
            # What a task wrote down must survive its death from now on; only in the very first moments it may wait.
            if not self.is_fresh():
                self._send_news()

    def save_checkpoint(self, checkpoint_json: str) -> None:
        with self._guard.shield, self._guard.lock:
            self._check_running()
            self._checkpoint_json = checkpoint_json

    def report_progress(
        self, percentage: float | None, step: float | None, of: float | None, message: str | None
    ) -> None:
        with self._guard.shield, self._guard.lock:
            self._check_running()
            super().report_progress(percentage, step, of, message)

    def returned(self, output_json: str) -> None:
        # No lock: it is for `end`, in the same thread. The courier leaves it alone.
        self._returned_json = output_json

    def note(self, text: str) -> None:
        with self._guard.shield, self._guard.lock:
            self.add_line(notice(text))

    def is_cancelled(self) -> bool:
        # No lock: whoever tells the reason looks at `is_looking` afterwards, so one of both sees the other.
        self.is_looking = True
        self.saw_stop = self.has_ended or self.stop_reason is not None
        return self.saw_stop

    def wait_until_stored(self) -> None:
        answered = threading.Event()
        with self._guard.shield, self._guard.lock:
            self._check_running()
            self._questions += 1
            number = self._questions
            self._waiting[number] = answered
            self.has_question = True
            self._send_news()
        # Outside of the shield, so that it can be interrupted. A signal in the moment before the thread sleeps does not
        # end its sleep; it is looked for again and again.
        while not answered.wait(_NAP_SECONDS):
            if self.stop_coroutine is not None and self.takes_exception():
                # It blocks its event loop, which would bring the exception; or it is in a thread, where none comes.
                from asyncio import CancelledError  # noqa: PLC0415 - most tasks need no asyncio

                raise CancelledError
        if self._stored < number:
            self._check_running()  # it ended while a thread of it waited

    def attach(
        self, source: Source, name: str | None, media_type: str | None, expires_after: timedelta | None
    ) -> AttachedFile:
        with self._guard.shield, self._guard.lock:
            self._check_running()
            self._attachments = self._attachments or self._new_attachments()
        return self._attachments.attach(source, name, media_type, expires_after)

    def open_file(self, file: FileRef) -> BinaryIO:
        if self.file_keeper is None:
            raise RuntimeError("Nothing here keeps files.")
        return self.file_keeper().open(file)

    def run_coroutine(self, coroutine: Coroutine[Any, Any, object]) -> object:
        if self.drive is None:
            raise RuntimeError("Nothing here runs coroutines.")
        return self.drive(self, coroutine)

    def _new_attachments(self) -> Attachments:
        if self.file_keeper is None:
            raise RuntimeError("Nothing here keeps files.")
        from lilota.files.attaching import Attachments  # noqa: PLC0415 - most tasks attach none

        return Attachments(
            self.claim,
            self.file_keeper(),
            tell=self._tell_of_file,
            say=self.note,
            wait_until_stored=self.wait_until_stored,
        )

    def _tell_of_file(self, file: AttachedFile) -> None:
        from lilota.files.reading import note_of  # noqa: PLC0415 - as above

        note = note_of(file)
        with self._guard.shield, self._guard.lock:
            self._check_running()
            self._notes = {**(self._notes or {}), (note.kind, note.name): note}
            if not self.is_fresh():
                self._send_news()

    # --- what the inbox calls

    def note_stored(self, number: int) -> None:
        """The store has what was told before the question of this number."""
        self._stored = number
        for waiting in tuple(self._waiting):
            if waiting <= number:
                self._waiting.pop(waiting).set()

    # --- what the outbox calls, with the guard

    def take_question(self) -> tuple[int, int, int] | None:
        """Return the newest question if it was not asked yet."""
        if not self.has_question:
            return None
        self.has_question = False
        return *self.claim.fence, self._questions

    def add_line(self, line: LogLine) -> None:
        """Keep a line, if there is room for it."""
        kept = kept_line(line, self.claim.attempt)
        if self._budget.admit(kept.text):
            self._lines.append(kept)

    def take_news(self) -> AttemptUpdate | None:
        """Return what was not taken yet, or None."""
        self._add_printed(final=False)
        tracked = NO_NEWS if self._tracks is None else self._tracks.news()
        reports = self._started_at, self._percentage, self._output_json, self._checkpoint_json, *tracked
        has_news = bool(self._lines or self._notes) or any(report is not None for report in reports)
        return self._take_update(None, tracked) if has_news else None

    def end(self, outcome: Outcome) -> AttemptUpdate:
        """Return the last news; what is reported afterwards is refused."""
        self._add_printed(final=True)
        if self._budget.dropped:
            self._note_dropped()
        if self._returned_json is not None:
            self._output_json = self._returned_json
        update = self._take_update(outcome, NO_NEWS if self._tracks is None else self._tracks.news())
        self.has_ended = True
        for waiting in tuple(self._waiting.values()):
            waiting.set()
        return update

    def _take_update(self, outcome: Outcome | None, tracked: News) -> AttemptUpdate:
        update = AttemptUpdate(
            id=self.claim.id,
            token=self.claim.token,
            pid=None if self._started_at is None else self._guard.pid,
            started_at=self._started_at,
            progress=self._percentage if tracked.percentage is None else tracked.percentage,
            output_json=self._output_json,
            log_lines=tuple(self._lines),
            outcome=outcome,
            progress_note_json=tracked.note_json,
            checkpoint_json=self._checkpoint_json,
            notes=() if self._notes is None else tuple(self._notes.values()),
        )
        self._started_at = self._percentage = self._output_json = self._checkpoint_json = None
        self._lines.clear()
        if self._notes is not None:
            self._notes = None
        return update

    def _add_printed(self, *, final: bool) -> None:
        if self.is_shared:
            if final and self._unended:
                self.print("\n")
            return
        try:
            texts = self._capture.take(final=final)
        except OSError as error:
            if final:
                self.add_line(notice(f"What the task printed last is lost: it closed file descriptors ({error})."))
            return
        if texts:
            for line in printed(texts):
                self.add_line(line)
        if final:
            self._note_loss()

    def _note_loss(self) -> None:
        loss = self._capture.take_loss()
        if loss is not None:
            self.add_line(notice(f"What the task printed is lost in part: {loss.strerror}. Free the temporary folder."))

    def _note_dropped(self) -> None:
        line = notice(f"{self._budget.dropped:,} or more further lines of this attempt were dropped.")
        self._budget = LineBudget()  # for this one line there is always room
        self.add_line(line)

    def _check_running(self) -> None:
        if self._guard.is_fork:
            raise RuntimeError("A fork of the worker process can't report: only the process that runs the task can.")
        if self.has_ended:
            raise RuntimeError("The attempt has ended already; a thread that it left behind still reports.")
