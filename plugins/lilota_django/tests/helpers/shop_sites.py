"""A copy of the project of `shop` and `shop_manage.py`, with its commands in processes of their own.

Its database is also the alias "shop" of the project in which the tests run, so that a test can enqueue and look.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import site_settings
from django.core.management import call_command
from django.db import connections
from lilota_django.store import DjangoTaskStore

from lilota.models import TaskInfo

T = TypeVar("T")

ALIAS = "shop"
BACKEND = {
    "BACKEND": "lilota_django.LilotaBackend",
    "QUEUES": ["default", "mails"],
    "OPTIONS": {"store": f"django://{ALIAS}"},
}
HELPERS = Path(__file__).parent
_WAIT_SECONDS = 120


def migrated(folder: Path) -> Path:
    """Make a database file with all tables, to be copied."""
    path = folder / "template.sqlite3"
    with shop_database(path):
        call_command("migrate", database=ALIAS, verbosity=0)
    return path


@contextmanager
def shop_database(path: Path) -> Iterator[None]:
    """Let the alias "shop" be this file."""
    described = {**site_settings.databases()["default"], "NAME": str(path)}
    databases = {"default": site_settings.databases()["default"], ALIAS: described}
    connections.databases[ALIAS] = connections.configure_settings(databases)[ALIAS]
    try:
        yield
    finally:
        connections[ALIAS].close()
        del connections[ALIAS]
        del connections.databases[ALIAS]


class ShopSite:
    """A project in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "site"
        shutil.copytree(HELPERS / "shop", self.folder / "shop", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(HELPERS / "shop_manage.py", self.folder / "manage.py")
        self.database = self.folder / "shop.sqlite3"
        self.store = DjangoTaskStore(ALIAS)

    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "LILOTA_"))}
        return {**own, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "error"}

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=_WAIT_SECONDS,
            check=False,
        )

    def change(self, name: str, old: str, new: str) -> None:
        """Replace a text in a file of the project."""
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    @contextmanager
    def worker(self, *arguments: str) -> Iterator[Worker]:
        """Run `manage.py lilota_worker` with one process until the block ends, by force if need be."""
        worker = Worker(self, ("--processes", "1", *arguments))
        try:
            worker.wait_for("Ready.")
            yield worker
        finally:
            worker.kill()


class Worker:
    """A running `manage.py lilota_worker`."""

    def __init__(self, site: ShopSite, arguments: tuple[str, ...]) -> None:
        self._output = site.folder.parent / f"worker_{time.monotonic_ns()}.txt"
        with self._output.open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "lilota_worker", *arguments],
                cwd=site.folder,
                env=site.environment(),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._output.read_text(errors="replace")

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until it has printed a text, so many times."""
        until(lambda: self.output, lambda output: output.count(text) >= times or self._process.poll() is not None)
        assert self.output.count(text) >= times, self.output

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.send(number)
        return self._process.wait(_WAIT_SECONDS)

    def kill(self) -> None:
        """End it, if it has not ended."""
        if self._process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.stop()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(_WAIT_SECONDS)


def ended(site: ShopSite, task_id: int | str) -> TaskInfo:
    """Wait until a task has ended, and return it."""
    return until(lambda: site.store.get(int(task_id)), lambda info: info.state.is_terminal)


def started(site: ShopSite, task_id: int | str) -> TaskInfo:
    """Wait until a task has reported progress, and return it."""
    return until(lambda: site.store.get(int(task_id)), lambda info: info.reported_progress > 0)


def until(look: Callable[[], T], is_right: Callable[[T], bool]) -> T:
    """Look until what is seen is right, and return it."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while not is_right(seen := look()):
        assert time.monotonic() < deadline, seen
        time.sleep(0.05)
    return seen
