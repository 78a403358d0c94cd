"""The heartbeat file: its age tells whether a runner goes on, to programs that ask neither it nor its store.

The age is that of its last change, as `stat` and `find` know it. Nobody ever sees a part of it: it gets its name
when it is whole.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
import time

from lilota.errors import ConfigurationError


class HeartbeatFile:
    """The file of one runner. A path that is used by two of them tells of that which was started last.

    Args:
        path: where it is; one that is relative counts from the working folder of now.
        content: what is in it, for people.

    Raises:
        ConfigurationError: there can be no such file; nothing was left behind.
    """

    def __init__(self, path: str | os.PathLike[str], content: str) -> None:
        self.path: str = os.path.abspath(path)
        self._content = content
        #: The file that was written: its device and number. Another one at the same path belongs to somebody else.
        self._written: tuple[int, int] | None = None
        try:
            _check_place(self.path)
            os.unlink(self._new())
        except OSError as error:
            raise ConfigurationError(
                f"The heartbeat file {self.path} can't be written: {error.strerror}. Choose another place."
            ) from error

    def beat(self) -> None:
        """Make it young; write it, if it is not there.

        Raises:
            OSError: it can't be done, or another runner has written one at the same path.
        """
        found = _identity(self.path)
        if found is None or self._written is None:
            self._written = self._put()
        elif found == self._written:
            os.utime(self.path)
        else:
            raise FileExistsError(errno.EEXIST, "another runner writes it, too; give each a path of its own")

    def remove(self) -> None:
        """Remove it, unless it is that of another runner.

        Raises:
            OSError: it can't be done.
        """
        if self._written is not None and _identity(self.path) == self._written:
            os.unlink(self.path)

    def _put(self) -> tuple[int, int] | None:
        """Write it, in the place of whatever file is there, and return which one it is."""
        new = self._new()
        try:
            written = _identity(new)
            os.replace(new, self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(new)
            raise
        return written

    def _new(self) -> str:
        """Write all of it under another name, which is returned."""
        descriptor, path = tempfile.mkstemp(prefix=".lilota-heartbeat-", dir=os.path.dirname(self.path))
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(self._content)
                os.fchmod(file.fileno(), 0o644)  # who watches may be another user
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
        return path


def age_seconds(path: str) -> float | None:
    """Return how old a heartbeat file is, below 0 if it is dated in the future, or None if there is none.

    Raises:
        OSError: nobody can tell, as in a folder that this user may not enter.
    """
    try:
        return time.time() - os.stat(path).st_mtime
    except FileNotFoundError:
        return None


def _check_place(path: str) -> None:
    """Refuse a path at which there is something else: a folder, or a device, which must not be replaced."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise ConfigurationError(f"The heartbeat file {path} can't be written: there is no folder {folder}. Make it.")
    with contextlib.suppress(FileNotFoundError):
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            raise ConfigurationError(f"The heartbeat file can't be {path}: that is {what}. Name a file of its own.")


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
