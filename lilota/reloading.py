"""Run a command in a process that is started again whenever code changes: for development.

The process that calls this only watches, and so outlives code that can't be imported.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from lilota.errors import ConfigurationError
from lilota.foreground import StopSignals, stop_signals

#: What decides, beside modules, which tasks there are.
_SETTINGS_FILES: Final = ("lilota.toml", "pyproject.toml")
#: How late a signal and the end of the command are noticed. Whatever else is written below the folders, such as the
#: database of a store, must not delay that either.
_LOOK_MILLISECONDS: Final = 200
#: How late a command notices that nobody reloads it any more.
_PARENT_SECONDS: Final = 1.0
#: Tells a command the process that reloads it, and what the command starts, that it is another one.
_VARIABLE: Final = "LILOTA_RELOADED_BY"


def run_and_reload(
    command: Sequence[str],
    changes: Iterator[Path | None],
    say: Callable[[str], object],
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run a command, and again after each change, until a signal says stop. Only in the main thread.

    After a change the command gets SIGTERM, and is started again when it has ended: what it has in hand ends in the
    old code. If it ends by itself, the next change starts it again. Signals are passed on, so they mean what they mean
    to the command; after the first one it is not started again.

    Args:
        command: a program and its arguments.
        changes: gives a file that has changed, or None, at least once per second, for as long as it is asked.
        say: is called with each sentence about what happens, for people.
        environment: of the command; None means that of this process.

    Returns:
        The exit code of the command: 128 and the number of the signal if one ended it, as shells have it.
    """

    environment = {**(os.environ if environment is None else environment), _VARIABLE: str(os.getpid())}

    def start() -> subprocess.Popen[bytes]:
        # In a process group of its own: Ctrl-C comes to this process alone, which passes it on.
        return subprocess.Popen(command, env=environment, process_group=0)  # noqa: S603 - the command of the caller

    with stop_signals() as signals:
        reloading = _Reloading(start, say)
        try:
            code = reloading.run(changes, signals)
        finally:
            reloading.close()
    return code if code >= 0 else 128 - code


def is_reloaded() -> bool:
    """Tell whether this process is a command that `run_and_reload` runs."""
    return os.environ.get(_VARIABLE) == str(os.getppid())


def stop_with_parent() -> None:
    """Send this process SIGTERM when its parent has ended: killed, that can pass on nothing."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="lilota-parent", daemon=True).start()


def code_changes(folders: Iterable[Path]) -> Iterator[Path | None]:
    """Give the Python or settings file below some folders that has changed, or None, some times per second.

    Changes count from when this returns.

    Raises:
        ConfigurationError: the package watchfiles is not installed, or the folders can't be watched.
    """
    try:
        from watchfiles import DefaultFilter, watch  # noqa: PLC0415 - an extra, which only developers need
    except ImportError as error:
        raise ConfigurationError(
            "To start again when code changes, lilota needs the package watchfiles: pip install 'lilota[reload]'."
        ) from error
    is_wanted = DefaultFilter()

    def look() -> Iterator[Path | None]:
        try:
            # Without a filter of its own, which would look on, and not come back, while other files change.
            for changes in watch(
                *folders,
                watch_filter=None,
                debounce=_LOOK_MILLISECONDS,
                rust_timeout=_LOOK_MILLISECONDS,
                yield_on_timeout=True,
            ):
                yield next((Path(path) for kind, path in changes if _is_code(path) and is_wanted(kind, path)), None)
        except OSError as error:  # no more inotify watches, say
            raise ConfigurationError(
                f"The files can't be watched: {error}. Start in a smaller folder, raise the limit of the system, or "
                "set WATCHFILES_FORCE_POLLING=1."
            ) from error

    looks = look()
    next(looks)  # only now they are watched
    return looks


def folders_of(modules: Iterable[str]) -> list[Path]:
    """Return the folders with the code of some modules, and the working folder; none that lies in another one.

    Nothing is imported: what is found is the package of each, or the folder of a module that is in none.
    """
    folders = {Path.cwd()}
    for name in {module.partition(".")[0] for module in modules}:
        spec = importlib.util.find_spec(name)
        if spec is not None:
            folders.update(Path(place) for place in spec.submodule_search_locations or ())
            if not spec.submodule_search_locations and spec.has_location and spec.origin:
                folders.add(Path(spec.origin).parent)
    return [folder for folder in sorted(folders) if not folders.intersection(folder.parents)]


class _Reloading:
    """A command that runs as a child of this process."""

    def __init__(self, start: Callable[[], subprocess.Popen[bytes]], say: Callable[[str], object]) -> None:
        self._start = start
        self._say = say
        self._child = start()
        #: Code has changed since the child was started, so it was asked to end.
        self._is_outdated = False
        #: A signal says that it shall not be started again.
        self._is_last = False
        self._has_told_of_end = False

    def run(self, changes: Iterator[Path | None], signals: StopSignals) -> int:
        for changed in changes:
            while not signals.empty():
                self._heed(signals.get())
            if changed is not None:
                self._note(changed)
            if not self._runs() and self._is_over():
                break
        return self._child.wait()

    def close(self) -> None:
        """Have the child end, if it runs still: files can't be watched any more."""
        if self._runs():
            self._child.terminate()
            self._child.wait()

    def _heed(self, number: signal.Signals) -> None:
        if self._is_outdated and not self._is_last and self._runs():
            # The child has got its first signal already, and must not take this one for a second.
            self._say(f"{number.name}: not starting again. Once more stops now what still runs.")
        elif self._runs():
            self._child.send_signal(number)
        self._is_last = True

    def _note(self, changed: Path) -> None:
        if self._is_outdated or self._is_last:
            return
        self._is_outdated = True
        self._say(f"{changed} has changed; starting again.")
        if self._runs():
            self._child.terminate()

    def _is_over(self) -> bool:
        """Do what comes after the end of the child; tell whether that is all."""
        if self._is_last:
            return True
        if self._is_outdated:
            self._child = self._start()
            self._is_outdated = self._has_told_of_end = False
        elif not self._has_told_of_end:
            self._has_told_of_end = True
            self._say(f"It has ended (exit code {self._child.returncode}); waiting for a change of the code.")
        return False

    def _runs(self) -> bool:
        return self._child.poll() is None


def _is_code(path: str) -> bool:
    return path.endswith((".py", *_SETTINGS_FILES))
