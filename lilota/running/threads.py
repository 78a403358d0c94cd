"""The threads of a runner: that of its engine is waited for, and none beside it ends by an error without a word."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger: logging.Logger = logging.getLogger(__name__)


def runner_thread(
    name: str, work: Callable[[], None], on_failure: Callable[[BaseException], object]
) -> threading.Thread:
    """Return a thread that is not started.

    Args:
        on_failure: called in that thread when its work has ended by an error. Those of the store that can be waited
            out never come so far: what does is a bug, of lilota or of a store that answers nonsense.
    """

    def run() -> None:
        try:
            work()
        except BaseException as error:
            logger.critical("The thread %r of the runner failed, and the runner with it.", name, exc_info=True)
            on_failure(error)

    return threading.Thread(target=run, name=name, daemon=True)


class AwaitedThread(threading.Thread):
    """A thread whose end the main thread waits for, where Ctrl-C may interrupt the wait.

    `join` is no use there: before Python 3.13, one that is interrupted takes a thread that runs for one that has ended
    (https://github.com/python/cpython/issues/90882). Nor is an `Event`: interrupted between two steps, its `wait` can
    leave a lock behind for which `set` then waits.
    """

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        super().__init__(target=work, name=name, daemon=True)
        self.has_ended: bool = False
        self._running = threading.Lock()
        self._running.acquire()

    def run(self) -> None:
        try:
            super().run()
        finally:
            self.has_ended = True
            self._running.release()

    def wait_for_end(self, timeout_seconds: float) -> bool:
        """Wait until its work has ended; tell whether it has."""
        # Who is interrupted before the release makes others wait out their time, but they are told nothing false.
        if not self.has_ended and self._running.acquire(timeout=timeout_seconds):
            self._running.release()
        if self.has_ended:
            self.join()  # all that is left of it are the last steps of the interpreter's own
        return self.has_ended
