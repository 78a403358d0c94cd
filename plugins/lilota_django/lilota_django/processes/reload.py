"""Run a management command in a process that is started again whenever the code of the project changes.

This process only watches, with Django's own watcher, and so outlives code that can't be imported.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.utils import autoreload

from lilota.reloading import run_and_reload


def reload_on_changes(say: Callable[[str], object]) -> int:
    """Do as the command line of this process says, again and again, until a signal; return the exit code.

    Args:
        say: tells the person what happens.
    """
    environment = {**os.environ, autoreload.DJANGO_AUTORELOAD_ENV: "true"}
    with _changes() as changes:
        return run_and_reload(autoreload.get_child_arguments(), changes, say, environment)


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
