"""Measure a candidate in a fresh process, with the Python that has its packages."""

from __future__ import annotations

import os
import subprocess
import sys

from peers.candidate import BENCHMARKS, URL_VARIABLE
from peers.roll import BY_SERVER


class CandidateError(Exception):
    """A candidate could not be measured."""


def version_of(server: str, name: str) -> str:
    """Return the version of a candidate.

    Raises:
        CandidateError: it is not installed.
    """
    return _run(server, name, "version", url="")


def rate_of(server: str, name: str, scenario: str, count: int, url: str) -> float:
    """Return tasks per second in a scenario, on an empty database."""
    return float(_run(server, name, scenario, str(count), url=url))


def _run(server: str, name: str, *arguments: str, url: str) -> str:
    variable = f"LILOTA_BENCH_PYTHON_{BY_SERVER[server][name].distribution.upper()}"
    python = os.environ.get(variable, sys.executable)
    command = [python, "-m", "peers", server, name, *arguments]
    environment = {**os.environ, URL_VARIABLE: url}
    done = subprocess.run(command, cwd=BENCHMARKS, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        remedy = f"Install it for {python}, name a Python that has it in {variable}, or leave it out with --peers."
        raise CandidateError(f"{name}, {arguments[0]}: failed. {remedy}\n{done.stderr}")
    return done.stdout.splitlines()[-1]
