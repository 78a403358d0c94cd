"""Which files tasks have, for pages that many people have open: a store is asked once for all of them."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Collection
from typing import Final

from lilota.client import TaskClient
from lilota.errors import FileError, TaskNotFoundError
from lilota.files.reading import TaskFile
from lilota.models import TaskInfo, TaskState

logger: logging.Logger = logging.getLogger(__name__)

_MOST_KEPT: Final = 1_000
#: What is asked for again when a task begins an attempt, and when it ends: for what happens between, a page is loaded.
_Key = tuple[int, int, TaskState]


class FileLists:
    """The files of tasks, as of the moment in which each came into its state. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, Collection[TaskFile]] = OrderedDict()

    def knows(self, info: TaskInfo) -> bool:
        """Tell whether the files of a task are known without a question to the store."""
        return info.token == 0 or _key(info) in self._kept

    def of(self, client: TaskClient, info: TaskInfo, granted: Collection[str]) -> Collection[TaskFile]:
        """Return the files of a task for who may have them; none where it has never run."""
        if info.token == 0 or "files" not in granted:
            return ()
        found = self._kept.get(_key(info))
        if found is None:
            found = files_now(client, info)
            with self._lock:
                self._kept[_key(info)] = found
                while len(self._kept) > _MOST_KEPT:
                    self._kept.popitem(last=False)
        return found


def files_now(client: TaskClient, info: TaskInfo) -> Collection[TaskFile]:
    """Return the files that a task has now; none where it is gone, or a record of them is damaged."""
    try:
        return tuple(client.handle(info.id).files().values())
    except TaskNotFoundError:
        return ()
    except FileError as error:
        logger.warning("The files of task %d can't be told: %s", info.id, error)
        return ()


def _key(info: TaskInfo) -> _Key:
    return info.id, info.token, info.state
