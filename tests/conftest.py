"""Put `tests/helpers` on the import path: what tests share, and the task classes that worker processes import.

With pytest's import mode `importlib` a test module is not importable in a worker process; a module in
`tests/helpers` is, because workers get the import path of the process that starts the runner. Programs that a test
starts as `__main__` get it through PYTHONPATH, or import nothing from here.
"""

from __future__ import annotations

import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

HELPERS = str(Path(__file__).parent / "helpers")

if HELPERS not in sys.path:
    sys.path.insert(0, HELPERS)

# How long an example takes says how busy the machine is.
settings.register_profile("lilota", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lilota")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started by a shell in the background: programs that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _nothing_declared(monkeypatch):
    """Let a test see only those functions with `@task` that it declares, and not what other tests have imported."""
    if find_spec("lilota") is None:  # the tests of what is released install it themselves, elsewhere
        return
    monkeypatch.setattr("lilota.tasks.declared._declared", {})
    monkeypatch.setattr("lilota.tasks.declared._usable", {})


@pytest.fixture
def make_field(tmp_path, monkeypatch):
    """Return a function that makes a field on the store of a URL: who uses it, and what they noted."""
    from history.field import Field  # found only now
    from history.recorder import FOLDER_VARIABLE

    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "history"))
    fields = []

    def make(url):
        fields.append(Field(tmp_path, url))
        return fields[-1]

    yield make
    for field in fields:
        field.close()
