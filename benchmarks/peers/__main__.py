"""Measure one candidate once, in a process of its own; print the rate, or the version of the candidate.

    LILOTA_BENCH_URL=... python -m peers postgres pgqueuer drain 1000
    LILOTA_BENCH_URL=... python -m peers postgres pgqueuer version

It is started by `fresh.py`, perhaps with a Python that has other packages.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from importlib.metadata import version

from peers.candidate import URL_VARIABLE, Candidate
from peers.roll import BY_SERVER, Entry
from peers.scenarios import SCENARIOS


def opened(entry: Entry) -> Candidate:
    """Import a candidate and make its database ready."""
    module, _, class_name = entry.place.partition(":")
    kind: type[Candidate] = getattr(importlib.import_module(module), class_name)
    candidate = kind(os.environ[URL_VARIABLE])
    candidate.prepare()
    return candidate


def measured(entry: Entry, scenario: str, count: int) -> float:
    """Measure."""
    candidate = opened(entry)
    try:
        return SCENARIOS[scenario](candidate, count)
    finally:
        candidate.close()


def main() -> None:
    """Do as the arguments say."""
    # The workers are stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    server, name, scenario, *count = sys.argv[1:]
    entry = BY_SERVER[server][name]
    print(version(entry.distribution) if scenario == "version" else measured(entry, scenario, int(count[0])))


if __name__ == "__main__":
    main()
