"""The threads of a runner beside its engine: none ends by an error without a word, nor without the runner."""

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
