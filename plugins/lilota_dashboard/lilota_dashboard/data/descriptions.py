"""What tasks take and give, remembered for a minute: to look is to start a process, and a form is looked at often."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from lilota.client import TaskClient
from lilota.describing import TaskDetails
from lilota.describing import describe as describe_by_registry

#: How old a description may be: code that has changed is seen after this.
_SECONDS: Final = 60.0
_MOST: Final = 500

#: Describes a task that a client may know, as `describe` does.
Describe = Callable[[TaskClient, str], TaskDetails]


def describe(client: TaskClient, name: str) -> TaskDetails:
    """Return what is known of a task; one that is not imported here is imported in a process of its own.

    Raises:
        UnknownTaskError: the name stands for nothing here.
        LilotaError: the task can't be imported, or no process can be started for that.
    """
    return describe_by_registry(name, client.registry)


class Descriptions:
    """Describes the tasks of one client, from any thread; nothing is lost with it but the time of a look.

    Args:
        clock: tells seconds, for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, TaskDetails]] = {}

    def __call__(self, client: TaskClient, name: str) -> TaskDetails:
        """Return what is known of a task, and raise as `describe` does; what can't be described is tried anew."""
        with self._lock:
            found = self._known.get(name)
        if found is not None and self._clock() - found[0] < _SECONDS:
            return found[1]
        details = describe(client, name)
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[name] = self._clock(), details
        return details
