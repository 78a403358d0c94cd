"""The real `lilota worker`, with a store `watched://URL` that notes calls and passes them on to the store of URL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from history.recorder import FOLDER_VARIABLE, Recorder
from history.watching import WatchedStore

from lilota.stores import open_store

_SCHEME = "watched"
_WAIT_SECONDS = 60


def open_watched_store(url: str) -> WatchedStore:
    """Open the store of a URL behind `watched://`."""
    recorder = Recorder(Path(os.environ[FOLDER_VARIABLE]), "worker")
    return WatchedStore(open_store(url.removeprefix(f"{_SCHEME}://")), recorder)


def install(folder: Path) -> None:
    """Make a distribution in a folder of the Python path that has this store."""
    metadata = folder / "watched_store-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: watched-store\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        f"[lilota.stores]\n{_SCHEME} = {__name__}:{open_watched_store.__name__}\n"
    )


class WatchedWorker:
    """A `lilota worker` with three processes, started on the host of the calling thread.

    Args:
        folder: where the distribution is installed and the worker writes its log.
        history: the folder of the history.
    """

    def __init__(self, folder: Path, history: Path, url: str, *, lease_seconds: float) -> None:
        options = ["--store", f"{_SCHEME}://{url}", "--processes", "3", "--lease-seconds", f"{lease_seconds}"]
        options += ["--task", "recorded=history.recorded_tasks:Recorded", "--log-level", "debug"]
        paths = os.pathsep.join([str(Path(__file__).parent), str(folder)])
        environment = {**os.environ, "PYTHONPATH": paths, FOLDER_VARIABLE: str(history)}
        self._log = folder / f"worker-{len(list(folder.glob('worker-*')))}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lilota", "worker", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=environment,
            )

    @property
    def log(self) -> str:
        """What it has written."""
        return self._log.read_text(errors="replace")

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end, and return its exit code."""
        return self._process.wait(_WAIT_SECONDS)
