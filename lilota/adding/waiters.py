"""Wait for tasks to end: a thread for one task, an event loop for many.

A runner tells which of its tasks ended (`tell`). What ends elsewhere is found in the store: after a hint that it
changed, or after a moment. Who has waited for some seconds is warned if no runner serves the task.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import cached_property
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from lilota.adding.news import News, fault_of
from lilota.adding.references import are_same, reference_of
from lilota.adding.unserved import IDS_PER_LOOK, PATIENCE_SECONDS, Lookout
from lilota.contract import TaskQuery, TaskStore
from lilota.contract.forks import renew_in_forks
from lilota.errors import LilotaError, described
from lilota.models import TERMINAL_STATES, TaskInfo
from lilota.plugins.strangers import let_pass

if TYPE_CHECKING:
    from lilota.adding.refs import References
    from lilota.config import Settings
    from lilota.files.reading import FilesOfStore
    from lilota.foresight import Estimator
    from lilota.plugins import Plugins

#: How long a change in the store may go unnoticed when no hint came.
LOOK_AGAIN_SECONDS: Final = 0.25

#: Reference of a store -> those who wait for it by handles that came from elsewhere, as long as there are such handles.
_arrived: Final[WeakValueDictionary[bytes, Waiters]] = WeakValueDictionary()


def waiters_of(store: TaskStore | None) -> Waiters:
    """Return those who wait for a store that came from another process; None is the configured one."""
    configured = store is None
    if store is None:
        from lilota.stores import open_store  # noqa: PLC0415 - it imports plugins, which most handles need not

        store = open_store()
    waiters = Waiters(store, configured=configured)
    return _arrived.setdefault(reference_of(store), waiters)


class Waiters:
    """Those who wait for tasks of one store.

    Args:
        told: a runner in this process calls `tell`; then the store need not be watched for hints.
        configured: the store is the configured one, and another process will find it by its own configuration.
        plugins: what is installed; None means to look when a file of a task is asked for.
        settings: those that say where the files of tasks are; None takes those of the plugins.
    """

    def __init__(
        self,
        store: TaskStore,
        *,
        told: bool = False,
        configured: bool = False,
        plugins: Plugins | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.store: TaskStore = store
        self._plugins = plugins
        self._settings = settings
        self._told = told
        self._configured = configured
        #: For those who want to hear of more than the end.
        self.news: News = News(store)
        self._begin()
        renew_in_forks(self, Waiters._begin)

    def _begin(self) -> None:
        """Wait for nothing: at first, and in a fork of the process, where the threads and their locks are copies."""
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._events: dict[int, list[threading.Event]] = {}
        self._futures: dict[int, list[Future[None]]] = {}
        self._somebody_awaits = threading.Event()
        self._watcher: threading.Thread | None = None
        self._lookout = Lookout(self.store)

    def __reduce__(self) -> tuple[Callable[[TaskStore | None], Waiters], tuple[TaskStore | None]]:
        """Send where the store is, once for all handles that travel together; of the configured one not even that.

        Raises:
            ConfigurationError: the store is for this process only, or can't be sent.
        """
        reference_of(self.store)
        return waiters_of, (None if self._configured else self.store,)

    @cached_property
    def files(self) -> FilesOfStore:
        """The files of the tasks of this store."""
        from lilota.config import load_settings  # noqa: PLC0415 - as below
        from lilota.files.reading import FilesOfStore  # noqa: PLC0415 - start-up stays quick
        from lilota.plugins import Plugins  # noqa: PLC0415 - most handles need none

        return FilesOfStore(self.store, self._plugins or Plugins(load_settings()), self._settings)

    @cached_property
    def estimator(self) -> Estimator:
        """What foresees when tasks of this store start and end."""
        from lilota.foresight import Estimator  # noqa: PLC0415 - start-up stays quick
        from lilota.serving import commands_of  # noqa: PLC0415 - as above

        return Estimator(self.store, commands_of(self.store))

    @cached_property
    def references(self) -> References:
        """What makes references of the tasks of this store, and reads them. Raises what `References` does."""
        from lilota.adding.refs import References  # noqa: PLC0415 - start-up stays quick
        from lilota.config import load_settings  # noqa: PLC0415 - as below

        settings = self._settings or (self._plugins.settings if self._plugins else load_settings())
        return References(settings.ref_keys)

    def are_for_store_of(self, others: Waiters) -> bool:
        """Tell whether others wait for tasks of the same store."""
        return self is others or are_same(self.store, others.store)

    def tell(self, task_ids: list[int]) -> None:
        """Wake those who wait for these tasks, which have ended."""
        if not self._events and not self._futures:
            return
        with self._lock:
            events = [event for task_id in task_ids for event in self._events.get(task_id, ())]
            futures = [future for task_id in task_ids for future in self._futures.pop(task_id, ())]
        for event in events:
            event.set()
        for future in futures:
            if future.set_running_or_notify_cancel():  # whoever awaits may give up in this very moment
                future.set_result(None)

    def note_failure(self, failure: BaseException | None) -> None:
        """The runner in this process has failed, and will run nothing of what is waited for; None if it was stopped."""
        self._failure = failure
        self.news.note_failure(None if failure is None else lambda: self._failed(failure))
        if failure is None:
            return
        self._fail_all(self._failed(failure))
        with self._lock:
            events = [event for waiting in self._events.values() for event in waiting]
        for event in events:
            event.set()

    def wait(self, task_id: int, timeout_seconds: float | None) -> TaskInfo | None:
        """Block until the task has ended and return it, or return None when the time is up."""
        began = time.monotonic()
        deadline = None if timeout_seconds is None else began + timeout_seconds
        looks_out_at = began + PATIENCE_SECONDS
        event = threading.Event()
        with self._lock:
            self._events.setdefault(task_id, []).append(event)
        try:
            while True:
                info = self.store.get(task_id)
                if info.state.is_terminal:
                    return info
                if self._failure is not None:
                    raise self._failed(self._failure)
                now = time.monotonic()
                left = LOOK_AGAIN_SECONDS if deadline is None else min(deadline - now, LOOK_AGAIN_SECONDS)
                if left <= 0:
                    return None
                if now >= looks_out_at:
                    self._lookout.look_at(info)
                    looks_out_at = now + PATIENCE_SECONDS
                self._sleep(event, left)
        finally:
            self._forget(task_id, event)

    def future(self, task_id: int) -> Future[None]:
        """Return a future that is done when the task has ended; any number of them share one thread."""
        future: Future[None] = Future()
        future.add_done_callback(lambda done: self._forget_future(task_id, done))
        with self._lock:
            failure = self._failure
            self._futures.setdefault(task_id, []).append(future)
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, name="lilota-waiters", daemon=True)
                self._watcher.start()
        self._somebody_awaits.set()
        if failure is not None:
            self._fail_all(self._failed(failure))
        return future

    @staticmethod
    def _failed(failure: BaseException) -> LilotaError:
        """Return what is raised where somebody waits; each time a new one, as a traceback grows when it is raised."""
        error = LilotaError(f"The engine of the runner failed, so nothing runs here any more: {described(failure)}")
        error.__cause__ = failure
        return error

    def _sleep(self, event: threading.Event, seconds: float) -> None:
        if self._told:
            event.wait(seconds)
        else:
            self.store.wait_for_change(seconds)

    def _forget(self, task_id: int, event: threading.Event) -> None:
        with self._lock:
            events = self._events[task_id]
            events.remove(event)
            if not events:
                del self._events[task_id]

    def _forget_future(self, task_id: int, future: Future[None]) -> None:
        """Let go of a future that is done, also when it was given up."""
        with self._lock:
            futures = self._futures.get(task_id, [])
            if future in futures:
                futures.remove(future)
                if not futures:
                    del self._futures[task_id]

    def _watch(self) -> None:
        """Look for ended tasks as long as somebody awaits one. Runs in a thread of its own."""
        never = threading.Event()
        while self._somebody_awaits.wait():
            try:
                self._look()
                self._sleep(never, LOOK_AGAIN_SECONDS)
            except BaseException as error:  # noqa: BLE001 - a stranger's store may raise anything, and somebody waits
                let_pass(error)
                self._fail_all(fault_of(self.store, error))

    def _look(self) -> None:
        with self._lock:
            waited_for = tuple(self._futures)
            if not waited_for:
                self._somebody_awaits.clear()
        for start in range(0, len(waited_for), IDS_PER_LOOK):
            ids = waited_for[start : start + IDS_PER_LOOK]
            query = TaskQuery(ids=ids, states=tuple(TERMINAL_STATES), limit=len(ids), brief=True)
            self.tell([info.id for info in self.store.find(query)])
        if waited_for_long := self._lookout.look_now_and_then(waited_for):
            self._tell_missing(waited_for_long)

    def _tell_missing(self, waited_for: list[int]) -> None:
        """Wake those whose task was pruned between two looks: they ask for it, and hear that it is not there."""
        unfinished = sum(row.count for row in self.store.counts() if not row.state.is_terminal)
        if unfinished >= len(waited_for):  # so all of them may be there; to read them all costs too much
            return
        for start in range(0, len(waited_for), IDS_PER_LOOK):
            ids = tuple(waited_for[start : start + IDS_PER_LOOK])
            found = {info.id for info in self.store.find(TaskQuery(ids=ids, limit=len(ids), brief=True))}
            self.tell([task_id for task_id in ids if task_id not in found])

    def _fail_all(self, error: Exception) -> None:
        """Let those who await see that the store can't be asked."""
        with self._lock:
            futures = [future for waiting in self._futures.values() for future in waiting]
            self._futures.clear()
        for future in futures:
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
