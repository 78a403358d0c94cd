"""Run a management command in a process that is started again whenever the code of the project changes.

This process only watches, with Django's own watcher, and so outlives code that can't be imported.
"""

from __future__ import annotations

import os
import queue
import site
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM
from typing import Any

from django.apps import apps
from django.conf import settings
from django.utils import autoreload

from lilota.foreground import StopSignals, stop_signals


def run_and_reload(say: Callable[[str], object]) -> None:
    """Do as the command line of this process says, again and again, until a signal or a clean end.

    Args:
        say: tells the person what happens.
    """
    with stop_signals() as signals, _changes() as changes:
        while True:
            child = _start()
            changed = _wait(child, changes, signals, say)
            if changed is None:
                sys.exit(child.returncode)
            say(f"{changed} has changed; starting again.")
            _stop(child, signals)


def _start() -> subprocess.Popen[bytes]:
    """Start the command in a process group of its own: Ctrl-C comes to this process, which passes it on."""
    environment = {**os.environ, autoreload.DJANGO_AUTORELOAD_ENV: "true"}
    return subprocess.Popen(autoreload.get_child_arguments(), env=environment, process_group=0)  # noqa: S603 - ourselves


def _wait(
    child: subprocess.Popen[bytes], changes: Iterator[Path | None], signals: StopSignals, say: Callable[[str], object]
) -> Path | None:
    """Return the file that changed, or None once the child has ended because of a signal."""
    is_told = False
    while True:
        if _pass_on(signals, child):
            child.wait()
            return None
        changed = next(changes)
        if changed is not None:
            return changed
        if child.poll() is not None and not is_told:
            is_told = True
            say(f"The worker has ended (exit code {child.returncode}); waiting for a change of the code.")


def _stop(child: subprocess.Popen[bytes], signals: StopSignals) -> None:
    """Let the child stop in good order; signals that come meanwhile shorten that."""
    child.poll()
    if child.returncode is None:
        child.send_signal(SIGTERM)
    while child.poll() is None:
        _pass_on(signals, child)


def _pass_on(signals: StopSignals, child: subprocess.Popen[bytes]) -> bool:
    """Tell the child of a signal that came; return whether one came."""
    try:
        number = signals.get(timeout=0.05)
    except queue.Empty:
        return False
    if child.poll() is None:
        child.send_signal(number)
    return True


@contextmanager
def _changes() -> Iterator[Iterator[Path | None]]:
    """Give one look per second at the code: the file that changed, or None."""
    seen: list[Path] = []

    def remember(file_path: Path, **_: Any) -> bool:  # noqa: ANN401 - a receiver gets more than it wants
        seen.append(file_path)
        return True  # or else Django would end this process

    reloader = autoreload.get_reloader()
    for folder in _folders():
        reloader.watch_dir(folder, "**/*.py")
    autoreload.file_changed.connect(remember, weak=False)

    def look() -> Iterator[Path | None]:
        for _ in reloader.tick():
            changed = [path for path in seen if path.suffix == ".py"]
            seen.clear()
            yield changed[0] if changed else None

    try:
        yield look()
    finally:
        autoreload.file_changed.disconnect(remember)


def _folders() -> Iterator[Path]:
    """Return the folders that are the project's own: tasks are imported by workers, not by this process."""
    paths = sysconfig.get_paths()
    installed = [Path(path).resolve() for path in (*site.getsitepackages(), paths["purelib"], paths["stdlib"])]
    project = sys.modules.get((settings.SETTINGS_MODULE or "").partition(".")[0])
    folders = [*getattr(project, "__path__", ()), *(config.path for config in apps.get_app_configs())]
    for folder in map(Path.resolve, map(Path, folders)):
        if not any(folder.is_relative_to(path) for path in installed):
            yield folder
