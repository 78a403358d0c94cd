"""Does a store on PostgreSQL or Redis stay flat from ten thousand to a million stored tasks?

    python benchmarks/servers_scale.py postgres [--sizes 10000 1000000] [--rounds 5]
    python benchmarks/servers_scale.py redis [--appendfsync none|everysec|always]

All sizes are filled first, each in a database of its own on one server: 95 of 100 tasks have ended, one of two hundred
has a rare name, the rest wait. Then all are measured in turn, so that a noisy moment hits all of them alike. Printed
are the median of the rounds, the ratio to the smallest size, and the smallest and the largest ratio of a round.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

import places
import scale

from lilota.contract import StoredTask, TaskStore
from lilota.models import TaskInfo, TaskState
from lilota.stores import open_store

_BATCH = 1000
#: How ended the tasks whose number ends in these two digits; all others succeeded.
_ENDS = {**dict.fromkeys(range(3), TaskState.FAILED), 3: TaskState.CANCELLED}

Medians = Mapping[str, float]


def stored_tasks(size: int) -> Iterator[StoredTask]:
    """Yield tasks as another store would have kept them: the oldest have ended."""
    now = datetime.now(UTC)
    for number in range(1, size + 1):
        has_ended = number <= size * 95 // 100
        yield stored_task(number, now - timedelta(seconds=(size - number) / 100), has_ended=has_ended)


def stored_task(number: int, at: datetime, *, has_ended: bool) -> StoredTask:
    """Return one of them."""
    state = _ENDS.get(number % 100, TaskState.SUCCEEDED) if has_ended else TaskState.PENDING
    info = TaskInfo(
        id=number,
        name=scale.RARE if number % 200 == 50 else "noop",
        state=state,
        input_json='{"number": 1}',
        output_json='{"done": true}' if state is TaskState.SUCCEEDED else None,
        created_at=at,
        run_at=at,
        started_at=at if has_ended else None,
        finished_at=at if has_ended else None,
        attempt=int(has_ended),
        token=int(has_ended),
    )
    return StoredTask(info=info)


def filled(url: str, size: int) -> TaskStore:
    """Return an open store with that many tasks, and a runner that can claim."""
    store = open_store(url)
    store.open()
    tasks = stored_tasks(size)
    while batch := list(islice(tasks, _BATCH)):
        store.restore(batch)
    return store


def measure_in_turn(stores: Mapping[int, TaskStore], rounds: int) -> dict[int, list[Medians]]:
    """Measure every store once a round."""
    measured: dict[int, list[Medians]] = {size: [] for size in stores}
    for number in range(rounds):
        for size, store in stores.items():
            print(f"  round {number + 1}, {size:,} tasks", flush=True)
            scale.keep_lease(store)
            scale.let_wait(store)
            measured[size].append(scale.measure(store))
    return measured


def print_table(measured: Mapping[int, Sequence[Medians]]) -> None:
    """Print a line for each call and a column for each size."""
    sizes = list(measured)
    print("\nMicroseconds per call; in brackets the ratio to the smallest, round by round")
    print(" " * 25, *(f"{size:>12,}{'':20}" for size in sizes))
    for name in measured[sizes[0]][0]:
        columns = {size: [medians[name] for medians in measured[size]] for size in sizes}
        cells = (cell(columns[size], columns[sizes[0]]) for size in sizes)
        print(f"  {name:<23}", *cells)


def cell(column: Sequence[float], smallest: Sequence[float]) -> str:
    """Return a median and the ratios to the smallest size."""
    ratios = [one / other for one, other in zip(column, smallest, strict=True)]
    ratio = f"({statistics.median(ratios):.2f}; {min(ratios):.2f} to {max(ratios):.2f})"
    return f"{statistics.median(column):12,.0f} {ratio if column is not smallest else '':<22}"


def main() -> None:
    """Fill, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    places.add_arguments(parser)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with places.running(arguments) as place:
        print(place.describe(), flush=True)
        stores: dict[int, TaskStore] = {}
        for size in arguments.sizes:
            print(f"  storing {size:,} tasks", flush=True)
            stores[size] = filled(place.new(), size)
        measured = measure_in_turn(stores, arguments.rounds)
        for store in stores.values():
            store.close()
    print_table(measured)


if __name__ == "__main__":
    main()
