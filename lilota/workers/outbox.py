"""Send what a worker has to tell its runner, in few frames.

The outcomes of short attempts travel together; whatever is older than a moment is sent by a thread of its own, the
courier, so that nothing waits behind a long attempt.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from lilota.engine.messages import FromWorker, Remarks, Report
from lilota.models import AttemptUpdate, Claim, LogLine, Outcome
from lilota.workers.capture import OutputCapture
from lilota.workers.current import FIRST_NEWS_SECONDS, OWNER, RunningAttempt
from lilota.workers.frames import encode
from lilota.workers.guard import Guard
from lilota.workers.logs import LineBudget, kept_line, notice, printed

#: How a worker exits whose courier has met an error that should not be; its last lines say which.
EXIT_COURIER_FAILED: Final = 70
#: Stands before a line that was printed while several attempts ran, by a child of one of them or by C code.
SHARED_MARK: Final = "[shared] "
#: How long further news of a long attempt may wait in the worker.
_NEWS_SECONDS: Final = 0.05


class Outbox:
    """Sends what attempts have collected. Any thread may call it.

    Args:
        send: sends a frame; never raises, since there is nobody to report to without it.
        look: looks for messages of the runner, up to so many seconds; whoever wants the courier to hurry sends one.
    """

    def __init__(
        self, send: Callable[[bytes], None], look: Callable[[float], None], capture: OutputCapture, guard: Guard
    ) -> None:
        self._send = send
        self._look = look
        self._capture = capture
        self._guard = guard
        self._updates: list[AttemptUpdate] = []
        self._durations: dict[str, tuple[int, float]] = {}
        #: Those that run, in the order in which they began; more than one only where they share the process.
        self._attempts: dict[RunningAttempt, None] = {}
        #: Called by the courier while attempts share the process.
        self._watch: Callable[[], None] | None = None
        self._is_clear_who_printed = True
        #: For lines outside of any attempt, since the last one ended; the runner counts them in the same way.
        self._budget: LineBudget | None = None
        self._flushed = 0.0
        self._busy = threading.Event()
        threading.Thread(target=self._carry, name="lilota-courier", daemon=True).start()

    # --- the life of an attempt, in the main thread, where nothing is interrupted before it and after it

    def begin(self, claim: Claim) -> RunningAttempt:
        """Return the attempt of a claim; its news are sent from now on."""
        if not self._busy.is_set():  # asking is much cheaper than setting again
            self._busy.set()
        attempt = RunningAttempt(claim, self._capture, self._guard, self._send_news)
        self._attempts[attempt] = None
        return attempt

    def finish(self, outcome: Outcome, *, more_follows: bool, attempt: RunningAttempt | None = None) -> None:
        """End an attempt; send the news unless the next attempt follows at once and they can wait a moment.

        Args:
            attempt: which one, None if there is only one.
        """
        with self._guard.lock:
            attempt = attempt or next(iter(self._attempts), None)
            if attempt is None:
                raise RuntimeError("An attempt was finished that had not begun.")
            if attempt.is_shared:
                self._share_printed(final=len(self._attempts) == 1)
            self._updates.append(attempt.end(outcome))
            now = time.monotonic()
            if not attempt.is_shared:  # how long others wait for one of many says nothing of how many to ask for
                self._count_duration(attempt.claim.name, now - attempt.began)
            del self._attempts[attempt]
            self._budget = None
            if not more_follows or now - self._flushed > FIRST_NEWS_SECONDS / 2:
                self.flush()

    def tell_of_start(self, attempt: RunningAttempt) -> None:
        """Tell now that an attempt runs: somebody has to watch it, and its code may soon let no other thread run."""
        with self._guard.shield, self._guard.lock:
            news = attempt.take_news()
            if news is not None:
                self._updates.append(news)
                self.flush()

    def share(self, attempt: RunningAttempt) -> None:
        """Let others run beside an attempt: from now on, what was printed has to be told apart."""
        with self._guard.lock:
            attempt.is_shared = True
            self._is_clear_who_printed &= len(self._attempts) == 1

    @contextlib.contextmanager
    def watched(self, watch: Callable[[], None]) -> Iterator[None]:
        """Have the courier call something now and then, while attempts share the process."""
        self._watch = watch
        try:
            yield
        finally:
            self._watch = None
            self._is_clear_who_printed = True

    def rest(self) -> None:
        """Send what is left and let the courier sleep until the next attempt."""
        self._busy.clear()
        self.flush()

    def line(self, line: LogLine) -> None:
        """Take a log line; outside of any attempt it has no task, and goes into the log of the runner."""
        if self._guard.is_fork:
            # It joins what the fork prints, and with that the lines of the task.
            sys.stderr.write(f"{line.text}\n")
            return
        with self._guard.shield, self._guard.lock:
            attempt = next(iter(self._attempts), None)
            if len(self._attempts) > 1:
                attempt = OWNER.get()
            if attempt in self._attempts and attempt is not None:
                attempt.add_line(line)
            else:
                self._remark(line)

    def printed(self) -> None:
        """Send what was printed since the last attempt; what is not sent belongs to the next one."""
        with contextlib.suppress(OSError):  # somebody closed the file: the next attempt tells of it
            for line in printed(self._capture.take(final=True)):
                self.line(line)

    # --- sending

    def tell(self, message: FromWorker) -> None:
        """Send a message now, behind everything that was collected before."""
        with self._guard.shield, self._guard.lock:
            self.flush()
            self._send(encode(message))

    def append(self, update: AttemptUpdate) -> None:
        """Add an update about an attempt that is not the current one, and send it."""
        with self._guard.shield, self._guard.lock:
            self._updates.append(update)
            self.flush()

    def flush(self, question: tuple[int, int, int] | None = None) -> None:
        """Send what was collected, and a question behind it."""
        with self._guard.shield, self._guard.lock:
            if self._updates or question is not None:
                # Encoded before it is forgotten: a task may have left too little memory for that just now.
                report = Report(updates=tuple(self._updates), durations=self._durations, question=question)
                frame = encode(report)
                self._updates = []
                self._durations = {}
                self._send(frame)
            self._flushed = time.monotonic()

    def _share_printed(self, *, final: bool) -> None:
        """Give what was printed to the attempt that has run for longest; mark it where it may be of another one."""
        oldest = next(iter(self._attempts), None)
        texts: Sequence[str] = ()
        with contextlib.suppress(OSError):  # a task closed the file, and is told so when none runs any more
            texts = self._capture.take(final=final)
        if not self._is_clear_who_printed:
            texts = [f"{SHARED_MARK}{text}" for text in texts]
        for line in printed(texts):
            if oldest is not None:
                oldest.add_line(line)
            else:
                self._remark(line)
        self._is_clear_who_printed = len(self._attempts) <= 1

    def _remark(self, line: LogLine) -> None:
        budget = self._budget = self._budget or LineBudget()
        kept = kept_line(line, 0)
        if not budget.admit(kept.text):
            if budget.dropped > 1:
                return
            kept = notice("What is logged outside of any attempt is dropped from here on, until the next one has run.")
        self.tell(Remarks(os.getpid(), (kept,)))

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
            time.sleep(FIRST_NEWS_SECONDS)
            while self._busy.is_set() and self._send_news():
                watch = self._watch
                if watch is not None:
                    watch()
                self._look(_NEWS_SECONDS)

    def _send_news(self) -> bool:
        """Send what is old enough; return whether an attempt is a long one."""
        with self._guard.lock:
            is_long = False
            question = None
            if self._watch is not None:
                self._share_printed(final=False)
            for attempt in tuple(self._attempts):  # the main thread may begin one
                is_long = is_long or not attempt.began_just_now()
                if attempt.has_question or not attempt.is_fresh():
                    news = attempt.take_news()
                    if news is not None:
                        self._updates.append(news)
                    if question is not None:
                        self.flush(question)
                    question = attempt.take_question()
            self.flush(question)
            return is_long

    def _count_duration(self, name: str, seconds: float) -> None:
        count, together = self._durations.get(name, (0, 0.0))
        self._durations[name] = count + 1, together + seconds
