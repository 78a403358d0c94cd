"""The threads of a worker process, and those that a task leaves behind."""

from __future__ import annotations

import _thread
import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Final

#: A thread that is about to end anyway gets this long.
_JOIN_SECONDS: Final = 0.05
#: Those that `threading` knows. To ask `threading.active_count` takes a lock, and this is asked after every attempt.
_ACTIVE: Final[dict[int, threading.Thread]] = vars(threading)["_active"]


class Threads:
    """The threads that should be: those of the worker, and those that an import has started."""

    def remember(self) -> None:
        """Take what is now for what should be."""
        self._known = frozenset(threading.enumerate())
        # Those too that are no `threading.Thread`.
        self._count = _thread._count()  # noqa: SLF001 - the only way to learn of them

    @contextlib.contextmanager
    def meant(self) -> Iterator[None]:
        """Take the threads that come up meanwhile for what should be: a library starts them for lilota."""
        before, count = frozenset(threading.enumerate()), _thread._count()  # noqa: SLF001 - as above
        try:
            yield
        finally:
            self._known |= frozenset(threading.enumerate()) - before
            self._count += max(0, _thread._count() - count)  # noqa: SLF001 - as above

    def find_left(self) -> str | None:
        """Return what the last task left behind, to continue a sentence, or None."""
        if len(_ACTIVE) == len(self._known) and _thread._count() == self._count:  # noqa: SLF001 - as above
            return None
        left = [thread for thread in threading.enumerate() if thread not in self._known]
        for thread in left:
            thread.join(_JOIN_SECONDS)
        names = [repr(thread.name) for thread in left if thread.is_alive()]
        if names:
            return f"left {len(names)} thread{'s' * (len(names) != 1)} behind: {', '.join(names[:5])}"
        return self._find_nameless()

    def _find_nameless(self) -> str | None:
        """Count the threads that `threading` does not know."""
        if _thread._count() > self._count:  # noqa: SLF001 - as above
            time.sleep(_JOIN_SECONDS)
        count = _thread._count() - self._count  # noqa: SLF001 - as above
        return f"left {count} thread{'s' * (count != 1)} without a name behind" if count > 0 else None
