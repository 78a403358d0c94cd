"""What the tests on real clusters share; `helpers` and those of the core are on the import path, also of workers.

The core's are in the repository: the checker of histories and the hosts in network namespaces.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HELPERS = (Path(__file__).parent / "helpers", Path(__file__).parents[3] / "tests" / "helpers")

sys.path[:0] = [str(path) for path in HELPERS if str(path) not in sys.path]


def pytest_collection_modifyitems(items):
    """Leave out what Dask leaves of a connection whose opening was cancelled: it is found in any later test."""
    left = pytest.mark.filterwarnings("ignore:Exception ignored.*socket:pytest.PytestUnraisableExceptionWarning")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(left)


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
