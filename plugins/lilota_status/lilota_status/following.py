"""Follow some tasks for one page: which events it gets, whatever way they travel.

All pages of a process share one look at the store; see `TaskClient.changes_behind`. Of a page that is slow, nothing
piles up: it gets the newest state with its next event, and the lines behind those that it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec

from lilota.changes import Changes, Heard, mark_of
from lilota.contract import TaskQuery
from lilota.foresight import Estimate
from lilota.models import LogLine, TaskInfo
from lilota.serving import WAITING_STATES
from lilota_status.cursors import Known, read, version_of, written
from lilota_status.files import FileLists
from lilota_status.limits import MOST_LINES, MOST_REFS
from lilota_status.records import Asked, Refusal
from lilota_status.snapshots import Seen, estimates_of, is_estimated, snapshot
from lilota_status.texts import lines_of
from lilota_status.visitors import Visitors

#: What a page is told while the store is away.
TROUBLE = "The tasks can't be asked just now. This goes on by itself as soon as they can."


class Event(NamedTuple):
    """Something that a page is told."""

    kind: str
    data: Any

    def to_dict(self) -> dict[str, Any]:
        """Return it as a long poll has it."""
        return {"event": self.kind, "data": self.data}


class Watched(msgspec.Struct):
    """A task of a page.

    Attributes:
        task_id: 0 for what is no task that this visitor may see.
        granted: what he may do with it.
        lines: how many lines of its log he has; None where he does not want them.
        version: which version of it he has, "" for none.
        is_over: nothing more happens to it.
    """

    ref: str
    task_id: int = 0
    granted: tuple[str, ...] = ()
    lines: int | None = None
    version: str = ""
    is_over: bool = False


class Wanted(NamedTuple):
    """What a page asks for: references in the order of its cursor, and those of which it wants the log."""

    refs: tuple[str, ...]
    logs: frozenset[str]
    known: list[Known]


def wanted_of(asked: Asked) -> Wanted:
    """Return what a page asks for.

    Raises:
        Refusal: nothing, or too much.
    """
    refs = tuple(dict.fromkeys(filter(None, asked.parameters.get("refs", "").split(","))))
    if not refs:
        raise Refusal(HTTPStatus.BAD_REQUEST, "Name the tasks: ?refs=REFERENCE,REFERENCE.")
    if len(refs) > MOST_REFS:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"Up to {MOST_REFS} tasks can be followed at once, not {len(refs)}.")
    cursor = asked.headers.get("last-event-id") or asked.parameters.get("after", "")
    logs = frozenset(asked.parameters.get("logs", "").split(","))
    return Wanted(refs, logs, read(cursor, len(refs)))


class Following:
    """What one page follows.

    Args:
        watched: in the order of the cursor.
        base: where the pages are mounted.
    """

    __slots__ = ("_base", "_files", "_heard", "_visitors", "_watched")

    def __init__(self, visitors: Visitors, files: FileLists, watched: Sequence[Watched], base: str) -> None:
        self._visitors = visitors
        self._files = files
        self._watched = watched
        self._base = base
        self._heard: dict[int, Heard] = {}

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to any of the tasks."""
        return all(each.is_over for each in self._watched)

    @property
    def cursor(self) -> str:
        """What the page knows now, for the next time."""
        return written(Known(each.version, each.lines or 0) for each in self._watched)

    def ask(self) -> Future[Changes]:
        """Return a future of what happens next. Cancel it to ask no more."""
        return self._visitors.client.changes_behind(self._heard)

    def needs_store(self, changes: Changes) -> bool:
        """Tell whether `events` would ask the store, for files or an estimate: then it belongs into a thread."""
        infos = [change.info for change in changes.values() if change is not None]
        return any(is_estimated(info) or not self._files.knows(info) for info in infos)

    def events(self, changes: Changes) -> list[Event]:
        """Return what a page is told of changes.

        Raises:
            StoreError: the store can't be asked.
        """
        foreseen = self._foresee(change.info for change in changes.values() if change is not None)
        told = []
        for task_id, change in changes.items():
            before = self._heard.pop(task_id)
            for each in self._of(task_id):
                if change is None:
                    each.is_over = True
                    told.append(Event("gone", {"ref": each.ref}))
                elif event := self._event(each, change.info, foreseen, change.lines, before.lines or 0):
                    told.append(event)
            if change is not None and not change.info.state.is_terminal:
                self._heard[task_id] = before.with_change(change)
        return told

    def begin(self, infos: Mapping[int, TaskInfo]) -> list[Event]:
        """Return what a page is told at first: of each task as it is, unless it knows that. Raises as `events`."""
        foreseen = self._foresee(infos.values())
        told = []
        for each in self._watched:
            if each.is_over:
                told.append(Event("gone", {"ref": each.ref}))
                continue
            info, first = infos[each.task_id], each.lines or 0
            lines = self._lines(each, info)
            is_all = len(lines) < MOST_LINES
            event = self._event(each, info, foreseen, lines, first, is_end=is_all)
            told += [event] if event else []
            if not each.is_over:
                self._listen(each, info, is_all=is_all)
        return told

    def ask_for_the_line(self) -> None:
        """Have the page told once more of tasks that wait: what is before them changes, though they do not."""
        waiting = [task_id for task_id, heard in self._heard.items() if heard.mark and heard.mark[0] in WAITING_STATES]
        for task_id in waiting:
            self._heard[task_id] = Heard(None, self._heard[task_id].lines)
            for each in self._of(task_id):
                each.version = ""

    def forget(self) -> None:
        """Have the page told of all tasks that go on, with the next event: it has been told of trouble."""
        for each in self._watched:
            each.version = ""
        self._heard = {task_id: Heard(None, heard.lines) for task_id, heard in self._heard.items()}

    def _of(self, task_id: int) -> Iterator[Watched]:
        return (each for each in self._watched if each.task_id == task_id and not each.is_over)

    def _lines(self, each: Watched, info: TaskInfo) -> tuple[LogLine, ...]:
        """Return what a page lacks of a log, the beginning of it if that is long."""
        if each.lines is None or info.token == 0:
            return ()
        return tuple(self._visitors.client.store.logs(info.id, each.lines, MOST_LINES))

    def _listen(self, each: Watched, info: TaskInfo, *, is_all: bool) -> None:
        """Hear what happens to a task; at once, if there is more of its log already."""
        mark = mark_of(info) if is_all else None
        before = self._heard.get(info.id)
        if before is None or before.lines is None:
            self._heard[info.id] = Heard(mark, each.lines)
        elif each.lines is not None:
            self._heard[info.id] = Heard(mark and before.mark, min(before.lines, each.lines))

    def _foresee(self, infos: Iterable[TaskInfo]) -> Mapping[int, Estimate]:
        return estimates_of(self._visitors.client, infos)

    def _event(
        self,
        each: Watched,
        info: TaskInfo,
        foreseen: Mapping[int, Estimate],
        lines: tuple[LogLine, ...],
        first: int,
        *,
        is_end: bool = True,
    ) -> Event | None:
        """Return an event of a task, None if the page knows all of it.

        Args:
            foreseen: by id what is foreseen of tasks.
            lines: what is new in its log, without `first` lines.
            is_end: whether all is told with it, if the task has ended.
        """
        new = [] if each.lines is None else lines[max(0, each.lines - first) :]
        version = version_of(mark_of(info))
        each.is_over = is_end and info.state.is_terminal
        if not new and version == each.version:
            return None
        each.version = version
        seen = Seen(each.ref, self._visitors.key(info.id), info, each.granted)
        files = self._files.of(self._visitors.client, info, each.granted)
        data = snapshot(seen, self._base, files, foreseen.get(info.id))
        if each.lines is not None:
            data["lines"] = lines_of(new, each.lines)
            each.lines += len(new)
        return Event("task", data)


def open_following(asked: Asked, visitors: Visitors, files: FileLists) -> tuple[Following, list[Event]]:
    """Return what follows the tasks that a page asks for, and its first events.

    Raises:
        Refusal: as for `wanted_of`.
        StoreError: the store can't be asked.
    """
    wanted = wanted_of(asked)
    ids = {ref: _id_of(ref, visitors) for ref in wanted.refs}
    query = TaskQuery(ids=tuple(set(ids.values()) - {0}), limit=len(ids))
    infos = {info.id: info for info in visitors.client.store.find(query)}
    watched = []
    for ref, known in zip(wanted.refs, wanted.known, strict=True):
        info = infos.get(ids[ref])
        seen = None if info is None else visitors.see(asked, ref, info)
        if seen is None:
            watched.append(Watched(ref, is_over=True))
        else:
            lines = known.lines if ref in wanted.logs and "logs" in seen.granted else None
            watched.append(Watched(ref, seen.info.id, tuple(seen.granted), lines, known.version))
    following = Following(visitors, files, watched, asked.base)
    return following, following.begin(infos)


def _id_of(ref: str, visitors: Visitors) -> int:
    try:
        return visitors.handle(ref).id
    except Refusal:
        return 0
