"""What a worker has to tell its runner: collected while a task runs, sent in few frames.

The outcomes of short attempts travel together; whatever is older than a moment is sent by a thread of its own, the
courier, so that nothing waits behind a long attempt.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Final

from lilota.contract import Fence
from lilota.engine.messages import FromWorker, Report, StopReason
from lilota.models import AttemptUpdate, Claim, LogLine, Outcome
from lilota.workers.capture import OutputCapture
from lilota.workers.frames import encode
from lilota.workers.interrupts import Interrupts
from lilota.workers.logs import LineBudget, cut, notice, printed

#: How a worker exits whose courier has met an error that should not be; its last lines say which.
EXIT_COURIER_FAILED: Final = 70
#: How long the first news of a busy time may wait in the worker, and further news.
_FIRST_NEWS_SECONDS: Final = 0.01
_NEWS_SECONDS: Final = 0.05


class Current:
    """The attempt that runs, with the news of it that are not sent yet; the `AttemptReporter` of its task."""

    def __init__(self, claim: Claim, outbox: Outbox) -> None:
        self.claim = claim
        self.began = time.monotonic()
        self.started_at: float | None = time.time()
        self.percentage: float | None = None
        self.output_json: str | None = None
        self.returned_json: str | None = None
        self.lines: list[LogLine] = []
        self.budget = LineBudget()
        #: Until its class is imported nothing is told: the runner must know the options of the class first.
        self.is_loading = True
        self.stop_reason: StopReason | None = None
        #: The task looks at `self.cancelled`, so it may end where it likes; and it has seen True there.
        self.is_looking = False
        self.saw_stop = False
        self._outbox = outbox

    @property
    def fence(self) -> Fence:
        return self.claim.id, self.claim.token

    def is_fresh(self) -> bool:
        """Tell whether it began so lately that its news can wait for its outcome."""
        return self.is_loading or self.began_just_now()

    def began_just_now(self) -> bool:
        """Tell whether it may well be a short one."""
        return time.monotonic() - self.began < _FIRST_NEWS_SECONDS

    # --- the reporter of the task; any thread of it may call these, even when the attempt has ended

    def progress(self, percentage: float) -> None:
        self._outbox.note_progress(self, percentage)

    def output(self, output_json: str) -> None:
        self._outbox.note_output(self, output_json)

    def returned(self, output_json: str) -> None:
        # No lock: it is for `finish`, in the same thread. The courier leaves it alone.
        self.returned_json = output_json

    def is_cancelled(self) -> bool:
        return self._outbox.look_for_stop(self)

    # --- for the outbox

    def add_line(self, line: LogLine) -> None:
        if self.budget.admit(line.text):
            self.lines.append(
                LogLine(
                    at=line.at,
                    text=cut(line.text),
                    level=line.level,
                    source=line.source,
                    logger=cut(line.logger),
                    attempt=self.claim.attempt,
                )
            )

    def has_news(self) -> bool:
        """Tell whether there is something that was not taken yet."""
        reports = self.started_at, self.percentage, self.output_json
        return bool(self.lines) or any(report is not None for report in reports)

    def take_update(self, outcome: Outcome | None = None) -> AttemptUpdate:
        """Return what is new as a record."""
        if outcome is not None and self.returned_json is not None:
            self.output_json = self.returned_json
        update = AttemptUpdate(
            id=self.claim.id,
            token=self.claim.token,
            pid=None if self.started_at is None else os.getpid(),
            started_at=self.started_at,
            progress=self.percentage,
            output_json=self.output_json,
            log_lines=tuple(self.lines),
            outcome=outcome,
        )
        self.started_at = self.percentage = self.output_json = None
        self.lines.clear()
        return update


class Outbox:
    """Collects and sends. Any thread may call it.

    Args:
        send: sends a frame; never raises, since there is nobody to report to without it.
        look: looks for messages of the runner, up to so many seconds; whoever wants the courier to hurry sends one.
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        look: Callable[[float], None],
        capture: OutputCapture,
        interrupts: Interrupts,
    ) -> None:
        self._send = send
        self._look = look
        self._capture = capture
        self._shield = interrupts
        self._lock = threading.RLock()
        self._updates: list[AttemptUpdate] = []
        self._durations: dict[str, tuple[int, float]] = {}
        self._current: Current | None = None
        self._flushed = 0.0
        self._busy = threading.Event()
        self._is_fork = False
        threading.Thread(target=self._carry, name="lilota-courier", daemon=True).start()

    # --- the life of an attempt, in the main thread

    def begin(self, claim: Claim) -> Current:
        """Start to collect for an attempt."""
        if not self._busy.is_set():  # asking is much cheaper than setting again
            self._busy.set()
        with self._lock:
            self._current = Current(claim, self)
            return self._current

    def finish(self, outcome: Outcome, *, more_follows: bool) -> None:
        """End the attempt; send the news unless the next attempt follows at once and they can wait a moment."""
        with self._lock:
            current = self._current
            if current is None:
                raise RuntimeError("An attempt was finished that had not begun.")
            self._collect_printed(current, final=True)
            self._note_dropped(current)
            self._updates.append(current.take_update(outcome))
            now = time.monotonic()
            self._count_duration(current.claim.name, now - current.began)
            self._current = None
            if not more_follows or now - self._flushed > _FIRST_NEWS_SECONDS / 2:
                self.flush()

    def rest(self) -> None:
        """Send what is left and let the courier sleep until the next attempt."""
        self._busy.clear()
        self.flush()

    # --- what an attempt reports

    def note_progress(self, current: Current, percentage: float) -> None:
        with self._shield, self._lock:
            self._check_current(current)
            current.percentage = percentage

    def note_output(self, current: Current, output_json: str) -> None:
        with self._shield, self._lock:
            self._check_current(current)
            current.output_json = output_json
            # What a task wrote down must survive its death from now on; only in the very first moments it may wait.
            if not current.is_fresh():
                self._collect(current)
                self.flush()

    def look_for_stop(self, current: Current) -> bool:
        """Tell an attempt whether it should end; what it left behind should."""
        with self._shield, self._lock:
            if current is not self._current:
                return True
            current.is_looking = True
            current.saw_stop = current.stop_reason is not None
            return current.saw_stop

    def line(self, line: LogLine) -> None:
        """Take a log line; between attempts it has no task and goes nowhere."""
        if self._is_fork:
            # It joins what the fork prints, and with that the lines of the task.
            sys.stderr.write(f"{line.text}\n")
            return
        with self._shield, self._lock:
            if self._current is not None:
                self._current.add_line(line)

    # --- sending

    def tell(self, message: FromWorker) -> None:
        """Send a message now, behind everything that was collected before."""
        with self._shield, self._lock:
            self.flush()
            self._send(encode(message))

    def append(self, update: AttemptUpdate) -> None:
        """Add an update about an attempt that is not the current one, and send it."""
        with self._shield, self._lock:
            self._updates.append(update)
            self.flush()

    def flush(self) -> None:
        """Send what was collected."""
        with self._shield, self._lock:
            if self._updates:
                # Encoded before it is forgotten: a task may have left too little memory for that just now.
                frame = encode(Report(updates=tuple(self._updates), durations=self._durations))
                self._updates = []
                self._durations = {}
                self._send(frame)
            self._flushed = time.monotonic()

    def interrupt(self, fence: Fence, reason: StopReason) -> Current | None:
        """Mark the current attempt as one that should end, if it is the one meant, and return it."""
        with self._lock:
            if self._current is None or self._current.fence != fence:
                return None
            self._current.stop_reason = reason
            return self._current

    def detach_fork(self) -> None:
        """Make this a copy in a fork of the worker: it has no courier, and must not speak for the worker."""
        self._is_fork = True
        self._lock = threading.RLock()  # another thread may have held it when the process was copied

    def _carry(self) -> None:
        """Be the courier; a worker without one could not be reached, so the end of one is the end of the other."""
        while True:
            try:
                self._send_and_listen()
            except MemoryError:
                time.sleep(_NEWS_SECONDS)  # the task has taken it all; it ends, or gives it back
            except BaseException:  # noqa: BLE001 - whatever it is, the runner must learn of it
                traceback.print_exc()
                os._exit(EXIT_COURIER_FAILED)

    def _send_and_listen(self) -> None:
        """Send news of a busy worker every few hundredths of a second, and listen meanwhile."""
        while self._busy.wait():
            # Not listening at first: short attempts come and go quicker if only one thread looks for messages.
            time.sleep(_FIRST_NEWS_SECONDS)
            while self._busy.is_set() and self._send_news():
                self._look(_NEWS_SECONDS)

    def _send_news(self) -> bool:
        """Send what is old enough; return whether the current attempt is a long one."""
        with self._lock:
            current = self._current
            is_long = current is not None and not current.began_just_now()
            if current is not None and not current.is_fresh():
                self._collect(current)
            self.flush()
            return is_long

    def _collect(self, current: Current) -> None:
        self._collect_printed(current, final=False)
        if current.has_news():
            self._updates.append(current.take_update())

    def _collect_printed(self, current: Current, *, final: bool) -> None:
        try:
            texts = self._capture.take(final=final)
        except OSError as error:
            if final:
                current.add_line(notice(f"What the task printed last is lost: it closed file descriptors ({error})."))
            return
        if texts:
            for line in printed(texts):
                current.add_line(line)

    def _note_dropped(self, current: Current) -> None:
        if current.budget.dropped:
            line = notice(f"{current.budget.dropped:,} or more further lines of this attempt were dropped.")
            current.budget = LineBudget()  # for this one line there is always room
            current.add_line(line)

    def _count_duration(self, name: str, seconds: float) -> None:
        count, together = self._durations.get(name, (0, 0.0))
        self._durations[name] = count + 1, together + seconds

    def _check_current(self, current: Current) -> None:
        if self._is_fork:
            raise RuntimeError("A fork of the worker process can't report: only the process that runs the task can.")
        if current is not self._current:
            raise RuntimeError("The attempt has ended already; a thread that it left behind still reports.")
