"""Run a scenario of `huey_peer` on a new file in an interpreter of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path


def in_fresh_process(scenario: str, count: int, *, fast: bool = False) -> float:
    """Return what the scenario of that name measures; `fast` turns fsync off and polls every millisecond."""
    with tempfile.TemporaryDirectory(prefix="bench-huey-") as folder:
        environment = {
            **os.environ,
            "LILOTA_BENCH_HUEY_FILE": str(Path(folder) / "huey.db"),
            "LILOTA_BENCH_HUEY_FAST": "1" if fast else "0",
        }
        command = [sys.executable, "-c", f"import huey_peer; print(huey_peer.{scenario}({count}))"]
        done = subprocess.run(
            command, cwd=Path(__file__).parent, env=environment, capture_output=True, text=True, check=True
        )
        return float(done.stdout)
