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
from lilota.models import NewTask, TaskInfo, TaskState
from lilota.stores import open_store

_BATCH = 1000
_INPUT = '{"number": 1}'
#: One of so many tasks has a rare name.
_RARE = 200
#: How ended the tasks whose number ends in these two digits; all others succeeded.
_ENDS = {**dict.fromkeys(range(3), TaskState.FAILED), 3: TaskState.CANCELLED}

Medians = Mapping[str, float]


def ended_tasks(count: int) -> Iterator[StoredTask]:
    """Yield tasks as another store would have kept them, the oldest first."""
    now = datetime.now(UTC)
    for number in range(1, count + 1):
        yield ended_task(number, now - timedelta(seconds=(count - number) / 100))


def ended_task(number: int, at: datetime) -> StoredTask:
    """Return one of them."""
    state = _ENDS.get(number % 100, TaskState.SUCCEEDED)
    info = TaskInfo(
        id=number,
        name=scale.RARE if number % _RARE == 50 else "noop",
        state=state,
        input_json=_INPUT,
        output_json='{"done": true}' if state is TaskState.SUCCEEDED else None,
        created_at=at,
        run_at=at,
        started_at=at,
        finished_at=at,
        attempt=1,
        token=1,
    )
    return StoredTask(info=info)


def filled(url: str, size: int) -> TaskStore:
    """Return an open store with that many tasks, and a runner that can claim."""
    store = open_store(url)
    store.open()
    waiting = size * 5 // 100
    ended = ended_tasks(size - waiting)
    while batch := list(islice(ended, _BATCH)):
        store.restore(batch)
    for _ in range(waiting // _RARE):
        store.add([NewTask(name="noop", input_json=_INPUT)] * (_RARE - 1))
        store.add([NewTask(name=scale.RARE, input_json=_INPUT)])
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
