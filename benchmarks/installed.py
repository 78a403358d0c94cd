"""What do hundreds of installed packages cost at the start?

    python benchmarks/installed.py [--distributions 300] [--with-tasks 100] [--runs 9]

Writes the metadata of distributions into a temporary folder, some of which bring a task, and measures `Plugins()` in
one process, where all files are in the system's cache, and `lilota add` in processes of its own; with and without the
folder on the import path.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from measure import alternate, report, seconds

from lilota.config import Settings
from lilota.plugins import Plugins

#: As long as descriptions are that people write.
_DESCRIPTION = "A sentence of a long description, as people write it.\n" * 200
_REQUIREMENTS = "".join(f"Requires-Dist: requirement-{number}>=1.0; extra == 'all'\n" for number in range(20))


def install(folder: Path, distributions: int, with_tasks: int) -> None:
    """Write the metadata of distributions; half of those without a task have a script."""
    for number in range(distributions):
        info = folder / f"package_{number}-1.{number}.dist-info"
        info.mkdir()
        headers = f"Metadata-Version: 2.1\nName: package-{number}\nVersion: 1.{number}\n{_REQUIREMENTS}"
        (info / "METADATA").write_text(f"{headers}\n{_DESCRIPTION}")
        if number < with_tasks:
            (info / "entry_points.txt").write_text(f"[lilota.tasks]\ntask_{number} = package_{number}:Task\n")
        elif number % 2:
            (info / "entry_points.txt").write_text(f"[console_scripts]\nscript_{number} = package_{number}:main\n")


def look(folder: Path | None) -> float:
    """Return how many milliseconds it takes to find all plugins."""
    before = sys.path[:]
    if folder:
        sys.path.append(str(folder))
    try:
        return seconds(lambda: Plugins(Settings())) * 1000
    finally:
        sys.path[:] = before


def add(store: Path, folder: Path | None) -> float:
    """Return how many milliseconds `lilota add` takes."""
    command = [sys.executable, "-m", "lilota", "add", "anything", "--any-name", "--store", f"sqlite:///{store}"]
    environment = {**os.environ, "PYTHONPATH": str(folder or "")}
    return seconds(lambda: subprocess.run(command, env=environment, capture_output=True, check=True)) * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--distributions", type=int, default=300)
    parser.add_argument("--with-tasks", type=int, default=100)
    parser.add_argument("--runs", type=int, default=9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-installed-") as temporary:
        folder, store = Path(temporary) / "site", Path(temporary) / "lilota.db"
        folder.mkdir()
        install(folder, arguments.distributions, arguments.with_tasks)
        measurements = {
            "Plugins() without": partial(look, None),
            "Plugins() with": partial(look, folder),
            "lilota add without": partial(add, store, None),
            "lilota add with": partial(add, store, folder),
        }
        for measure in measurements.values():
            measure()  # the first one reads from the disk
        values = alternate(measurements, arguments.runs)
    report(
        f"{arguments.distributions} more distributions, {arguments.with_tasks} of them with a task",
        "milliseconds",
        values,
        {"Plugins() with": "Plugins() without", "lilota add with": "lilota add without"},
    )


if __name__ == "__main__":
    main()
