"""What the tests of plugins share."""

from __future__ import annotations

import pytest
from distributions import FIXTURES


@pytest.fixture
def install(monkeypatch):
    """Put fixture distributions, or folders, on the import path; the last one comes first on it."""

    def put(*names):
        for name in names:
            monkeypatch.syspath_prepend(str(FIXTURES / name))

    return put
