"""Hear what happens to tasks of one store: one thread looks at all of them, as long as somebody listens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Final, NamedTuple

from lilota.adding.lines import lines_of_many
from lilota.adding.unserved import IDS_PER_LOOK, Lookout
from lilota.contract import TaskQuery, TaskStore
from lilota.contract.forks import renew_in_forks
from lilota.errors import LilotaError, StoreError, TaskNotFoundError
from lilota.models import TaskChange, TaskInfo, TaskState
from lilota.plugins.strangers import let_pass, one_line

#: Progress and log lines come without a hint of the store: this is how late they may be.
_LOOK_AGAIN_SECONDS: Final = 0.25
#: How long the thread waits for the next who listens: a loop is back soon, and a thread may have a connection.
_LINGER_SECONDS: Final = 1.0

_of_thread: Final = threading.local()

#: What makes a task another one for those who listen, besides its log.
Mark = tuple[TaskState, int, float, str | None, bool]


class Heard(NamedTuple):
    """How much of a task somebody has heard of.

    Attributes:
        mark: of the task as it was told last; None before the first time.
        lines: how many lines of its log.
    """

    mark: Mark | None = None
    lines: int = 0

    def with_change(self, change: TaskChange) -> Heard:
        """Return what is known by whoever has heard of this change, too."""
        return Heard(_mark_of(change.info), self.lines + len(change.lines))


class News:
    """Tells what has happened to tasks of one store. Thread-safe.

    Somebody asks for what comes behind that of which he has heard, and asks again when he has got it. So nothing
    piles up for whoever is slow, and nothing is left behind by whoever goes away.
    """

    def __init__(self, store: TaskStore) -> None:
        self._store = store
        self._begin()
        renew_in_forks(self, News._begin)

    def _begin(self) -> None:
        """Tell nobody: at first, and in a fork of the process, where threads and their locks are copies."""
        self._lock = threading.Lock()
        self._asked = threading.Event()
        self._wanted: dict[Future[TaskChange], tuple[int, Heard]] = {}
        self._watcher: threading.Thread | None = None
        self._failure: Callable[[], Exception] | None = None
        self._lookout = Lookout(self._store)

    def behind(self, heard: Heard, task_id: int) -> Future[TaskChange]:
        """Return a future that is done when more has happened to a task; any number of them share one thread.

        It raises TaskNotFoundError if the store has no such task, and StoreError if it can't be asked.
        """
        future: Future[TaskChange] = Future()
        with self._lock:
            self._wanted[future] = task_id, heard
            self._asked.set()
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, name="lilota-news", daemon=True)
                self._watcher.start()
        return future

    def note_failure(self, failure: Callable[[], Exception] | None) -> None:
        """Let those who listen see why nothing will happen here any more; None if it may."""
        self._failure = failure

    def _watch(self) -> None:
        """Look as long as somebody listens. Runs in a thread of its own."""
        # The thread may be the last who has the store, which closes what it opened for a thread when that has ended.
        _of_thread.news = self
        while not self._ends():
            try:
                wanted = self._listened_to()
                self._look(wanted)
                if self._failure is not None:
                    self._fail_all(self._failure())
                self._lookout.look_now_and_then(wanted)
                wait_for_news(self._store, _LOOK_AGAIN_SECONDS)
            except BaseException as error:  # noqa: BLE001 - a stranger's store may raise anything, and somebody waits
                let_pass(error)
                self._fail_all(error)

    def _listened_to(self) -> dict[int, list[tuple[Future[TaskChange], Heard]]]:
        """Return task id -> who wants to hear of it, and how much he has heard."""
        wanted: dict[int, list[tuple[Future[TaskChange], Heard]]] = {}
        with self._lock:
            self._asked.clear()
            for future, (task_id, heard) in list(self._wanted.items()):
                if future.cancelled():
                    del self._wanted[future]
                else:
                    wanted.setdefault(task_id, []).append((future, heard))
        return wanted

    def _ends(self) -> bool:
        """Tell whether the thread is to end, as nobody has come for a while."""
        if not self._wanted:
            self._asked.wait(_LINGER_SECONDS)
        with self._lock:
            if self._wanted:
                return False
            self._watcher = None
            return True

    def _look(self, wanted: Mapping[int, list[tuple[Future[TaskChange], Heard]]]) -> None:
        for ids in _pages(tuple(wanted)):
            found = {info.id: info for info in self._store.find(TaskQuery(ids=ids, limit=len(ids)))}
            first_lines = {
                info.id: min(heard.lines for _, heard in wanted[info.id])
                for info in found.values()
                if _may_have_logged(info, [heard for _, heard in wanted[info.id]])
            }
            # The states were read before the lines: what was logged before an end is among them.
            lines = lines_of_many(self._store, first_lines)
            for task_id in ids:
                for future, heard in wanted[task_id]:
                    if task_id not in found:
                        self._answer(future, TaskNotFoundError(task_id))
                        continue
                    new = lines.get(task_id, [])[max(0, heard.lines - first_lines.get(task_id, 0)) :]
                    if new or heard.mark != _mark_of(found[task_id]):
                        self._answer(future, TaskChange(info=found[task_id], lines=tuple(new)))

    def _answer(self, future: Future[TaskChange], answer: TaskChange | Exception) -> None:
        with self._lock:
            self._wanted.pop(future, None)
        if not future.set_running_or_notify_cancel():  # whoever listens may give up in this very moment
            return
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)

    def _fail_all(self, error: BaseException) -> None:
        """Let those who listen see that the store can't be asked."""
        fault = fault_of(self._store, error)
        with self._lock:
            futures = list(self._wanted)
        for future in futures:
            self._answer(future, fault)


def fault_of(store: TaskStore, error: BaseException) -> Exception:
    """Return what those hear who wait, when their store has raised something: it, or a StoreError that tells of it."""
    if isinstance(error, LilotaError):
        return error
    fault = StoreError(f"The store {type(store).__name__} can't be asked: it raised {one_line(error)}.")
    fault.__cause__ = error
    return fault


def wait_for_news(store: TaskStore, longest_seconds: float, shortest_seconds: float = 0.1) -> None:
    """Return after a change, or after `longest_seconds`.

    Never before `shortest_seconds`, so that a busy store is not read without a pause.
    """
    began = time.monotonic()
    store.wait_for_change(longest_seconds)
    too_early = shortest_seconds - (time.monotonic() - began)
    if too_early > 0:
        time.sleep(too_early)


def _may_have_logged(info: TaskInfo, heard: Iterable[Heard]) -> bool:
    """Tell whether a task may have lines of which one of these has not heard; none has that never ran."""
    return info.token > 0 and (info.state is TaskState.RUNNING or any(each.mark != _mark_of(info) for each in heard))


def _mark_of(info: TaskInfo) -> Mark:
    return info.state, info.token, info.reported_progress, info.progress_note_json, info.cancel_requested


def _pages(ids: tuple[int, ...]) -> Iterable[tuple[int, ...]]:
    return (ids[start : start + IDS_PER_LOOK] for start in range(0, len(ids), IDS_PER_LOOK))
