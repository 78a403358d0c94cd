"""Hear what happens to tasks of one store: one thread looks at all of them, as long as somebody listens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from lilota.adding.lines import lines_of_many
from lilota.adding.unserved import Lookout
from lilota.contract import TaskQuery, TaskStore
from lilota.contract.forks import renew_in_forks
from lilota.errors import LilotaError, StoreError
from lilota.models import LogLine, TaskChange, TaskInfo, TaskState
from lilota.plugins.strangers import let_pass, one_line

if TYPE_CHECKING:
    from lilota.foresight import Estimator

#: Progress and log lines come without a hint of the store: this is how late they may be.
_LOOK_AGAIN_SECONDS: Final = 0.2
#: The same where no task runs: what happens to those comes with a hint, but for their start.
_LOOK_AT_WAITING_SECONDS: Final = 0.5
#: How late somebody may hear that others were started before a task.
_LOOK_AT_LINES_SECONDS: Final = 5.0
#: So many tasks are asked about in one question to the store.
_IDS_PER_LOOK: Final = 5_000
#: How long the thread waits for the next who listens: a loop is back soon, and a thread may have a connection.
_LINGER_SECONDS: Final = 1.0

_of_thread: Final = threading.local()

#: What makes a task another one for those who listen, besides its log. The last is its place in the line, where that
#: was asked for.
Mark = tuple[TaskState, int, float, str | None, bool, int | None]
#: What has happened to tasks, by their ids; None where there is no such task.
Changes = dict[int, TaskChange | None]


class Heard(NamedTuple):
    """How much of a task somebody has heard of.

    Attributes:
        mark: of the task as it was told last; None before the first time.
        lines: how many lines of its log; None for who does not want to hear of it.
    """

    mark: Mark | None = None
    lines: int | None = 0

    def with_change(self, change: TaskChange) -> Heard:
        """Return what is known by whoever has heard of this change, too."""
        return Heard(mark_of(change.info), None if self.lines is None else self.lines + len(change.lines))


class _Listener(NamedTuple):
    """Somebody who waits for the next change: of which tasks, and whether he wants to hear when they start and end."""

    heard: Mapping[int, Heard]
    estimates: bool

    def may_be_told(self, known: Heard) -> bool:
        """Tell whether there may be news of a task that is as it was: its place in the line, or lines of its log."""
        return self.estimates or known.mark is None or (known.lines is not None and known.mark[0] is TaskState.RUNNING)


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
        self._wanted: dict[Future[Changes], _Listener] = {}
        self._watcher: threading.Thread | None = None
        self._failure: Callable[[], Exception] | None = None
        self._lookout = Lookout(self._store)

    @cached_property
    def _estimator(self) -> Estimator:
        from lilota.foresight import Estimator  # noqa: PLC0415 - start-up stays quick
        from lilota.serving import commands_of  # noqa: PLC0415 - as above

        return Estimator(self._store, commands_of(self._store), kept_seconds=_LOOK_AT_LINES_SECONDS)

    def behind(self, heard: Mapping[int, Heard], *, estimates: bool = False) -> Future[Changes]:
        """Return a future that is done when more has happened to some of the tasks; any number share one thread.

        Its result has those tasks alone. It raises StoreError if the store can't be asked. Whoever waits no longer
        cancels it.

        Args:
            heard: how much of each task is known; not to be changed any more.
            estimates: tell with each task when it may start and end, and also when its place in the line changes.
        """
        future: Future[Changes] = Future()
        with self._lock:
            self._wanted[future] = _Listener(heard, estimates)
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
                something_runs = self._look(wanted)
                if self._failure is not None:
                    self._fail_all(self._failure())
                self._lookout.look_now_and_then({task_id for each in wanted.values() for task_id in each.heard})
                wait_for_news(self._store, _LOOK_AGAIN_SECONDS if something_runs else _LOOK_AT_WAITING_SECONDS)
            except BaseException as error:  # noqa: BLE001 - a stranger's store may raise anything, and somebody waits
                let_pass(error)
                self._fail_all(error)

    def _listened_to(self) -> dict[Future[Changes], _Listener]:
        """Return who listens."""
        with self._lock:
            self._asked.clear()
            for future in [future for future in self._wanted if future.cancelled()]:
                del self._wanted[future]
            return dict(self._wanted)

    def _ends(self) -> bool:
        """Tell whether the thread is to end, as nobody has come for a while."""
        if not self._wanted:
            self._asked.wait(_LINGER_SECONDS)
        with self._lock:
            if self._wanted:
                return False
            self._watcher = None
            return True

    def _look(self, wanted: Mapping[Future[Changes], _Listener]) -> bool:
        """Answer those of whose tasks there is news, and return whether one of the tasks runs."""
        infos = self._read(wanted.values())
        foreseen = self._foresee(infos, wanted.values())
        seen = {future: foreseen if each.estimates else infos for future, each in wanted.items()}
        after = _first_lines((seen[future], each.heard) for future, each in wanted.items())
        # The states were read before the lines: what was logged before an end is among them.
        lines = lines_of_many(self._store, after)
        for future, each in wanted.items():
            changes: Changes = {}
            for task_id, known in each.heard.items():
                info = seen[future].get(task_id)
                new = _new_lines(known, lines.get(task_id, []), after.get(task_id, 0))
                if info is None:
                    changes[task_id] = None
                elif new or known.mark != mark_of(info):
                    changes[task_id] = TaskChange(info=info, lines=new)
            if changes:
                self._answer(future, changes)
        return any(info.state is TaskState.RUNNING for info in infos.values())

    def _read(self, listeners: Collection[_Listener]) -> dict[int, TaskInfo]:
        """Return the tasks as they are now: whole, or briefly where there is nothing to tell of them.

        Most of many tasks are as they were: what they take and have put out would be read again with each look.
        """
        heard = [(task_id, known, each) for each in listeners for task_id, known in each.heard.items()]
        whole = {task_id for task_id, known, each in heard if each.may_be_told(known)}
        infos = self._find(whole) | self._find({task_id for task_id, *_ in heard} - whole, brief=True)
        changed = {task_id for task_id, known, _ in heard if _is_news(infos.get(task_id), known)} - whole
        # What is pruned between the two looks is not there: it has no output any more.
        unchanged = {task_id: info for task_id, info in infos.items() if task_id not in changed}
        return unchanged | self._find(changed)

    def _find(self, ids: Iterable[int], *, brief: bool = False) -> dict[int, TaskInfo]:
        queries = (TaskQuery(ids=page, limit=len(page), brief=brief) for page in _pages(tuple(ids)))
        return {info.id: info for query in queries for info in self._store.find(query)}

    def _foresee(self, infos: Mapping[int, TaskInfo], listeners: Iterable[_Listener]) -> dict[int, TaskInfo]:
        """Return with their estimates those tasks of which somebody wants these."""
        ids = {task_id for each in listeners if each.estimates for task_id in each.heard}
        wanted = [infos[task_id] for task_id in ids if task_id in infos]
        return {info.id: info for info in self._estimator.foreseen(wanted)} if wanted else {}

    def _answer(self, future: Future[Changes], answer: Changes | Exception) -> None:
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


def mark_of(info: TaskInfo) -> Mark:
    """Return what makes a task, as it was read, another one than before for those who listen."""
    place = None if info.estimate is None else info.estimate.before
    return info.state, info.token, info.reported_progress, info.progress_note_json, info.cancel_requested, place


def _first_lines(listeners: Iterable[tuple[Mapping[int, TaskInfo], Mapping[int, Heard]]]) -> dict[int, int]:
    """Return from where on lines are to be read: of the tasks that may have some of which somebody has not heard."""
    after: dict[int, int] = {}
    for infos, heard in listeners:
        for task_id, known in heard.items():
            info = infos.get(task_id)
            if known.lines is not None and info is not None and _may_have_logged(info, known):
                after[task_id] = min(known.lines, after.get(task_id, known.lines))
    return after


def _new_lines(known: Heard, lines: list[LogLine], first: int) -> tuple[LogLine, ...]:
    """Return those lines of which somebody has not heard; `first` oldest ones are not among those that were read."""
    return () if known.lines is None else tuple(lines[max(0, known.lines - first) :])


def _may_have_logged(info: TaskInfo, known: Heard) -> bool:
    """Tell whether a task may have lines of which somebody has not heard; none has that never ran."""
    return info.token > 0 and (info.state is TaskState.RUNNING or known.mark != mark_of(info))


def _is_news(info: TaskInfo | None, known: Heard) -> bool:
    return info is not None and known.mark != mark_of(info)


def _pages(ids: tuple[int, ...]) -> Iterable[tuple[int, ...]]:
    return (ids[start : start + _IDS_PER_LOOK] for start in range(0, len(ids), _IDS_PER_LOOK))
