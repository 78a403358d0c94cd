"""The chore of deleting files that belong to nobody; it costs nothing where no task ever attached one."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from lilota.config import Settings
from lilota.contract import TaskStore
from lilota.errors import FileError, PluginError, StoreError
from lilota.plugins import Plugins
from lilota.plugins.strangers import let_pass

if TYPE_CHECKING:
    from lilota.files.sweeping import Sweeper

logger: logging.Logger = logging.getLogger(__name__)

_CHORE: Final = "sweep files"


class FileSweep:
    """Deletes some of what belongs to nobody whenever it is this runner's turn.

    Args:
        settings: those that say where the files are.
        url_of_store: the file area that goes with the store, or None.
        is_stopping: asked between two steps.
    """

    def __init__(
        self,
        store: TaskStore,
        plugins: Plugins,
        settings: Settings,
        url_of_store: str | None,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._plugins = plugins
        self._settings = settings
        self._is_stopping = is_stopping
        #: Whether there may be files at all: not so on a server for which nobody has set an area.
        self.is_possible: bool = settings.files is not None or url_of_store is not None
        self._own_folder = _path_of(url_of_store) if settings.files is None and url_of_store is not None else None
        self._sweeper: Sweeper | None = None

    def run(self, every_seconds: float) -> int:
        """Sweep, if there is something and it is this runner's turn; return how many files were deleted."""
        # Asked first, because a look at a folder costs less than a turn, which is a write.
        if self._own_folder is not None and not os.path.isdir(self._own_folder):
            return 0
        try:
            return self._sweep(every_seconds)
        except (StoreError, FileError, PluginError) as error:
            logger.warning("Files that belong to nobody could not be deleted this time: %s", error)
        except BaseException as error:
            let_pass(error)
            logger.exception("Files that belong to nobody could not be deleted this time; the file area has a bug.")
        return 0

    def _sweep(self, every_seconds: float) -> int:
        sweeper = self._sweeper = self._sweeper or self._new_sweeper()
        if not sweeper.folders() or not self._store.take_turn(_CHORE, every_seconds):
            return 0
        deleted = sweeper.sweep()
        if deleted:
            logger.info("Deleted %d file(s) that belonged to no task any more.", deleted)
        return deleted

    def _new_sweeper(self) -> Sweeper:
        from lilota.files.reading import FilesOfStore  # noqa: PLC0415 - most runners have no files
        from lilota.files.sweeping import Sweeper  # noqa: PLC0415 - as just said

        return Sweeper(self._store, FilesOfStore(self._store, self._plugins, self._settings), self._is_stopping)


def _path_of(url: str) -> str | None:
    parts = urlsplit(url)
    return unquote(parts.path) if parts.scheme == "file" else None
