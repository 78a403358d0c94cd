"""Delete what belongs to nobody: files that no note names and none can name any more, and those that have expired.

No age decides that. A note is written with the token of its attempt, so what an attempt put there, and no note names,
is nobody's as soon as the attempt is over: a worker was killed between a file and its note, or the attempt was another
runner's by then. While it runs, its files are left alone.

What was uploaded says in its place on which day it expires. After that day it goes, unless a task that has not ended
refers to it.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from lilota.contract import TaskQuery, TaskStore, to_microseconds
from lilota.errors import FileAreaError, TaskNotFoundError
from lilota.files.places import UPLOADS, Owner, owner_of
from lilota.files.reading import FilesOfStore, has_expired
from lilota.files.referring import References
from lilota.models import TaskInfo, TaskState

logger: logging.Logger = logging.getLogger(__name__)

#: Of so many files in one turn, or those of one folder more, it is found out whose they are.
FILES_PER_TURN: Final = 2000
_TASKS_PER_LOOK: Final = 500
#: So many tasks are read in one turn to find those that refer to expired uploads.
TASKS_PER_TURN: Final = 10_000
#: What tasks have referred to is looked at again after so long; as many tasks are read for it as wait.
_UPLOADS_EVERY_SECONDS: Final = 3600.0


class Sweeper:
    """Goes through a file area, folder by folder, each turn where the last one ended.

    Args:
        is_stopping: asked between two tasks; the rest then waits for another turn.
        clock: returns seconds since the epoch.
    """

    def __init__(
        self,
        store: TaskStore,
        files: FilesOfStore,
        is_stopping: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._files = files
        self._is_stopping = is_stopping
        self._clock = clock
        self._last = ""
        self._expired_uploads: list[str] = []
        self._references: References | None = None
        self._next_uploads_at = 0.0

    def folders(self) -> list[str]:
        """Return the folders in which there are files of this store; none is what most stores have."""
        return self._files.area.folders(self._files.settings.namespace)

    def sweep(self, folders: list[str] | None = None) -> int:
        """Go through the next folders, or through those that are given; return how many files were deleted.

        Raises:
            StoreError, FileAreaError: it is not known whose the files are; what is left waits for another turn.
        """
        deleted = seen = 0
        for folder in self._next_folders() if folders is None else folders:
            if seen >= FILES_PER_TURN or self._is_stopping():
                break
            self._last = folder  # first, so that one that can't be read does not keep the next turn from the others
            found, gone = self._sweep_folder(folder)
            seen, deleted = seen + found, deleted + gone
        return deleted

    def sweep_all(self) -> int:
        """Go through all folders; return how many files were deleted. Raises what `sweep` does."""
        deleted = sum(self.sweep([folder]) for folder in self.folders())
        while self._references is not None and not self._is_stopping():
            deleted += self._go_on_with_uploads()
        return deleted

    def count_nobodys(self) -> tuple[int, int]:
        """Return how many files of tasks were looked at, about as many as in one turn, and how many are nobody's.

        Raises what `sweep` does. Nothing is deleted, and what was uploaded is not looked at.
        """
        seen = nobodys = 0
        for folder in self.folders():
            if seen < FILES_PER_TURN and not _is_for_uploads(folder):
                found, places = self._look_into(folder)
                seen, nobodys = seen + found, nobodys + len(places)
        return seen, nobodys

    def _next_folders(self) -> list[str]:
        """Return all folders, those behind the last one first."""
        folders = sorted(self.folders())
        return [*(each for each in folders if each > self._last), *(each for each in folders if each <= self._last)]

    def _sweep_folder(self, folder: str) -> tuple[int, int]:
        """Return how many files are in a folder, and how many of them were deleted."""
        if _is_for_uploads(folder):
            deleted = self._sweep_uploads(folder)
            return deleted, deleted
        found, nobodys = self._look_into(folder)
        for place in nobodys:
            self._files.area.delete(place)
        return found, len(nobodys)

    def _look_into(self, folder: str) -> tuple[int, list[str]]:
        """Return how many files of tasks are in a folder, and the places of those that belong to nobody."""
        by_task: defaultdict[int, list[tuple[str, Owner]]] = defaultdict(list)
        for place in self._files.area.files(folder):
            owner = owner_of(place)
            if owner is not None:  # somebody else's file is none of lilota's
                by_task[owner.task_id].append((place, owner))
        return sum(map(len, by_task.values())), list(self._nobodys(by_task))

    def _nobodys(self, by_task: dict[int, list[tuple[str, Owner]]]) -> Iterable[str]:
        """Give the places of files that can go. The files were listed first, so none is newer than its task here."""
        ids = sorted(by_task)
        for start in range(0, len(ids), _TASKS_PER_LOOK):
            some = tuple(ids[start : start + _TASKS_PER_LOOK])
            tasks = {task.id: task for task in self._store.find(TaskQuery(ids=some, limit=len(some)))}
            for task_id in some:
                if self._is_stopping():
                    return
                yield from self._nobodys_of(tasks.get(task_id), by_task[task_id])

    def _nobodys_of(self, task: TaskInfo | None, files: list[tuple[str, Owner]]) -> Iterable[str]:
        if task is None:
            yield from (place for place, _ in files)
            return
        try:
            expired = self._named(task.id)
        except FileAreaError as error:
            logger.warning("The files of the task %d are left alone: %s", task.id, error)
            return
        for place, owner in files:
            # What a note names belongs to the task, also if that was copied from a store with more exact instants.
            if expired.get(place, not _is_of(task, owner) or _is_over(task, owner)):
                yield place

    def _named(self, task_id: int) -> dict[str, bool]:
        """Return the places that notes name, and whether the file there has expired."""
        now = self._clock()
        try:
            return {file.place: has_expired(file, now) for file in self._files.records(task_id)}
        except TaskNotFoundError:  # it was pruned just now
            return {}

    def _sweep_uploads(self, folder: str) -> int:
        """Go on with expired uploads, or begin with those that there are now; return how many were deleted."""
        if self._references is None:
            if self._clock() < self._next_uploads_at:
                return 0
            self._expired_uploads = list(self._expired_in(folder))
            if not self._expired_uploads:
                return 0
            self._references = References(self._store)
        return self._go_on_with_uploads()

    def _expired_in(self, folder: str) -> Iterable[str]:
        today = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%d")
        for day in self._files.area.folders(folder):
            if day.rpartition("/")[2] < today:
                yield from self._files.area.files(day)

    def _go_on_with_uploads(self) -> int:
        """Read some of the tasks that have not ended; when all are read, delete to what none of them refers."""
        references, read = self._references, 0
        if references is None:
            return 0
        while not references.is_complete:
            if read >= TASKS_PER_TURN or self._is_stopping():
                return 0
            references.read_on(_TASKS_PER_LOOK)
            read += _TASKS_PER_LOOK
        gone = [place for place in self._expired_uploads if not references.name(place)]
        for place in gone:
            self._files.area.delete(place)
        if len(gone) < len(self._expired_uploads):
            self._next_uploads_at = self._clock() + _UPLOADS_EVERY_SECONDS
        self._references = None
        return len(gone)


def _is_for_uploads(folder: str) -> bool:
    return folder.rpartition("/")[2] == UPLOADS


def _is_of(task: TaskInfo, owner: Owner) -> bool:
    """Tell whether the owner is this very task, and not one of the same number in a store that was made anew."""
    return owner.created_us in {0, to_microseconds(task.created_at)}


def _is_over(task: TaskInfo, owner: Owner) -> bool:
    """Tell whether an attempt can write no note any more."""
    return owner.token < task.token or (owner.token == task.token and task.state is not TaskState.RUNNING)
