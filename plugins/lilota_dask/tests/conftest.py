"""What the tests on real clusters share; `helpers` and those of the core are on the import path, also of workers.

The core's are in the repository: the checker of histories and the hosts in network namespaces.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

HELPERS = (Path(__file__).parent / "helpers", Path(__file__).parents[3] / "tests" / "helpers")

sys.path[:0] = [str(path) for path in HELPERS if str(path) not in sys.path]


def pytest_collection_modifyitems(items):
    """Begin with the longest, and leave out what Dask leaves of a connection whose opening was cancelled.

    That is found in any later test.
    """
    left = pytest.mark.filterwarnings("ignore:Exception ignored.*socket:pytest.PytestUnraisableExceptionWarning")
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in ours:
        item.add_marker(left)
    if ours == items:
        items[:] = dealt_out(ours, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def dealt_out(items, hands):
    """Let each of the processes of pytest-xdist, which get a stretch of the tests, begin with some of the longest.

    Those are the ones that may take longer than others. In the order of the files, two of minutes came one after the
    other at the end of a stretch, and nobody takes the next test from a process.
    """
    long = sorted(filter(allowed_seconds, items), key=allowed_seconds, reverse=True)
    others = [item for item in items if not allowed_seconds(item)]
    ends = [len(others) * hand // hands for hand in range(hands + 1)]
    return [item for hand in range(hands) for item in (*long[hand::hands], *others[ends[hand] : ends[hand + 1]])]


def allowed_seconds(item):
    """Return how long a test may take by its own mark, 0 if it has none."""
    mark = item.get_closest_marker("timeout")
    return mark.args[0] if mark else 0


@pytest.fixture
def make_field(tmp_path):
    """Return a function that makes a field on the store of a URL, by default a SQLite file."""
    from dask_fields import DaskField  # found only now

    fields = []

    def make(url="", **options):
        fields.append(DaskField(tmp_path, url or f"sqlite:///{tmp_path / 'tasks.db'}", **options))
        return fields[-1]

    yield make
    for field in fields:
        field.close()


@pytest.fixture
def field(make_field):
    """A cluster that has no workers yet, on a SQLite file."""
    return make_field()
