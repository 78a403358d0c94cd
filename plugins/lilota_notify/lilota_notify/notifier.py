"""The thread of a runner that sees to it that somebody is told: of what ends here, and of what nobody else has told."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from lilota import TaskClient
from lilota.contract import TaskQuery
from lilota.errors import LilotaError
from lilota_notify.asking import is_delivery
from lilota_notify.deliveries import Deliveries
from lilota_notify.settings import NotifySettings

if TYPE_CHECKING:
    from lilota.hookspecs import RunnerDetails

logger: logging.Logger = logging.getLogger(__name__)

_CHORE: Final = "lilota_notify"
_STOP_SECONDS: Final = 3.0


class Notifier:
    """Adds deliveries to the store of one runner.

    The hook of an end only names the task, since the engine waits for it; all that asks the store is done in the
    thread. What the hook was not there for is found by a look: the end of a task that was cancelled while it waited, or
    whose runner died, or between whose end and its delivery the process was killed, or that ended while the runner was
    about to start. One runner of a store looks at a time, and only at ends that the others had time to tell.
    """

    def __init__(self, runner: RunnerDetails, settings: NotifySettings) -> None:
        self._runner_id = runner.runner_id
        self._store = runner.task_store
        self._settings = settings
        self._ended: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lilota-notify", daemon=True)
        self._look_time = timedelta(seconds=settings.look_seconds)
        self._looked_until = datetime.min.replace(tzinfo=UTC) + 2 * self._look_time

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def has_rule_about(self, name: str) -> bool:
        """Tell whether the operator wants to be told of tasks of a name."""
        return not is_delivery(name) and any(rule.is_about(name) for rule in self._settings.rules)

    def note(self, task_id: int) -> None:
        """Take up that an attempt of a task has ended; quick, for the thread of the engine."""
        self._ended.put(task_id)

    def stop(self) -> None:
        """Tell of what was noted, and end."""
        self._stopping.set()
        self._ended.put(None)  # wakes it
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        try:
            with TaskClient(self._store, accept_unknown_names=True) as client:
                self._work(Deliveries(client, self._settings))
        except LilotaError as error:
            logger.error("This runner tells nobody of ends: %s", error)  # noqa: TRY400 - the sentence says it all

    def _work(self, deliveries: Deliveries) -> None:
        next_look = time.monotonic()
        while not (self._stopping.is_set() and self._ended.empty()):
            if time.monotonic() >= next_look:
                self._safely(lambda: self._look(deliveries))
                next_look = time.monotonic() + self._settings.look_seconds
            with contextlib.suppress(queue.Empty):
                task_id = self._ended.get(timeout=max(0.0, next_look - time.monotonic()))
                if task_id is not None:
                    self._safely(partial(self._tell, deliveries, task_id))

    def _safely(self, act: Callable[[], None]) -> None:
        try:
            act()
        except LilotaError as error:  # the store is away, or a plugin lets nothing be added
            logger.warning("An end could not be told this time; a later look will find it: %s", error)
        except Exception:
            logger.exception("An end could not be told this time; lilota-notify has a bug.")

    def _tell(self, deliveries: Deliveries, task_id: int) -> None:
        """Tell of a task that has ended here: not of one that runs again, nor of another runner's of this process."""
        for info in self._store.find(TaskQuery(ids=(task_id,))):
            if info.runner_id == self._runner_id:
                deliveries.add(info)

    def _look(self, deliveries: Deliveries) -> None:
        """Tell of the ends that nobody has told, if it is this runner's turn."""
        if not self._store.take_turn(_CHORE, self._settings.look_seconds):
            return
        now = datetime.now(UTC)
        # Looks overlap: the store has a clock of its own, and what it writes may be seen a moment later.
        since = max(self._looked_until - self._look_time, now - timedelta(seconds=self._settings.look_back_seconds))
        before = now - self._look_time
        if since < before:
            deliveries.add_missing(since, before)
            self._looked_until = before
