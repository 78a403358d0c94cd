"""How long does a program take from its start until it has the first result, and how long does it import?

    python benchmarks/start.py [--runs 20]

Whole programs, from the start of their interpreter to its end, on the memory store. Peer in the same run:
`concurrent.futures.ProcessPoolExecutor` (forkserver). Measure an installation with compiled modules, as pip makes it: a
checkout that is installed with `-e` pays for its import hook, and for compiling where PYTHONDONTWRITEBYTECODE is set.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Final

from measure import Measurement, alternate, report, seconds

_POOL: Final = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

def add(numbers):
    return {"sum": sum(numbers)}

if __name__ == "__main__":
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")) as pool:
        assert pool.submit(add, [1, 2]).result() == {"sum": 3}
"""
_LILOTA: Final = """
from lilota import TaskBase, TaskRunner

class Add(TaskBase):
    def run(self):
        return {"sum": sum(self.task_info.input["numbers"])}

if __name__ == "__main__":
    runner = TaskRunner("memory", number_of_processes=2)
    runner.register("add", Add)
    with runner:
        assert runner.add("add", "", {"numbers": [1, 2]}).result() == {"sum": 3}
"""
_PROGRAMS: Final = {
    "Python alone": "",
    "import of the pool": "import multiprocessing.forkserver, concurrent.futures.process",
    "import of lilota": "from lilota import TaskRunner",
    "pool, first result": _POOL,
    "lilota, first result": _LILOTA,
}


def program(path: Path) -> Measurement:
    """Return what runs a program in an interpreter of its own, and says how many milliseconds it took."""
    run = partial(subprocess.run, [sys.executable, str(path)], check=True)
    return lambda: 1000 * seconds(run)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-lilota-") as folder:
        candidates = {}
        for number, (name, source) in enumerate(_PROGRAMS.items()):
            path = Path(folder) / f"program_{number}.py"
            path.write_text(source)
            candidates[name] = program(path)
        values = alternate(candidates, arguments.runs)
    compared_with = {"lilota, first result": "pool, first result", "import of lilota": "import of the pool"}
    report("From the start of a program to its end", "ms, lower is better", values, compared_with)


if __name__ == "__main__":
    main()
