"""How many no-op tasks a second on PostgreSQL or Redis, beside other task queues on the very same server?

    python benchmarks/servers_throughput.py postgres [--runs 5] [--tasks 30000] [--peers pgqueuer,procrastinate]
    python benchmarks/servers_throughput.py redis [--appendfsync none|everysec|always]

Two worker processes each. For each question every candidate is measured once in turn, then all again, `--runs` times:
- drain: the tasks are in the store before a worker starts; from the start of the first task until the store shows all
  results,
- add_many: one process adds 100 tasks a call (LILOTA_BENCH_CALL_SIZE); only candidates that have such a call,
- add_each: one process adds one task a call.

Slow candidates get fewer tasks, so that each measurement takes some seconds; rates are compared. README.md says what
has to be installed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from functools import partial

import places
from measure import alternate
from peers.candidate import call_size
from peers.fresh import CandidateError, rate_of, version_of
from peers.roll import BY_SERVER, OURS, Entry
from side_by_side import print_comparison

_TITLES = {
    "drain": "Drained, tasks/s with two worker processes",
    "add_many": f"Added, tasks/s, {call_size()} a call",
    "add_each": "Added, tasks/s, one a call",
}


def chosen(entries: Mapping[str, Entry], peers: str | None) -> dict[str, Entry]:
    """Return our entry and the peers that are named; all without a name."""
    wanted = entries if peers is None else [OURS, *filter(None, peers.split(","))]
    unknown = sorted(set(wanted) - set(entries))
    if unknown:
        sys.exit(f"Unknown peers: {', '.join(unknown)}. There are: {', '.join(entries)}.")
    return {name: entries[name] for name in entries if name in wanted}


def measure(place: places.Place, server: str, name: str, scenario: str, count: int) -> float:
    """Measure one candidate once, on an empty database."""
    return rate_of(server, name, scenario, count, place.emptied())


def measure_in_turn(
    place: places.Place, entries: Mapping[str, Entry], scenario: str, arguments: argparse.Namespace
) -> dict[str, list[float]]:
    """Measure every candidate that can do the scenario, `runs` times."""
    factor = arguments.tasks / entries[OURS].drain
    counts = {name: round(entry.count(scenario) * factor) for name, entry in entries.items()}
    return alternate(
        {
            name: partial(measure, place, arguments.server, name, scenario, count)
            for name, count in counts.items()
            if count
        },
        arguments.runs,
    )


def names_with_versions(server: str, names: Iterable[str]) -> str:
    """Return what is measured, for the heading."""
    return ", ".join(f"{name} ({version_of(server, name)})" for name in names)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    places.add_arguments(parser)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tasks", type=int, help="how many lilota drains; all other counts change in proportion")
    parser.add_argument("--peers", help="names, with commas between them (default: all)")
    parser.add_argument("--scenarios", default=",".join(_TITLES), help="(default: %(default)s)")
    arguments = parser.parse_args()
    entries = chosen(BY_SERVER[arguments.server], arguments.peers)
    arguments.tasks = arguments.tasks or entries[OURS].drain
    try:
        versions = names_with_versions(arguments.server, entries)
        with places.running(arguments) as place:
            print(f"{place.describe()}\n{versions}", flush=True)
            results = {
                scenario: measure_in_turn(place, entries, scenario, arguments)
                for scenario in arguments.scenarios.split(",")
            }
    except CandidateError as error:
        sys.exit(str(error))
    for scenario, values in results.items():
        print_comparison(_TITLES[scenario], values, OURS)


if __name__ == "__main__":
    main()
