"""For people who test what they wrote for lilota: their own tasks, stores and executors.

Tasks: `run_task` runs one inline, through the same serialization as in production, and `Drain` all that waits in a
store, retries and planned faults included; the pytest plugin, active when lilota is installed, has them as the fixtures
`lilota_run` and `lilota_drain`, beside `lilota_store`, `lilota_client`, `lilota_clock` and `lilota_runner`.
Stores: `StoreContract` is the conformance suite; `check_store` (and `lilota check-store`) runs it on a URL.
Executors: `ExecutorContract` is the conformance suite.
File areas: `FileAreaContract` is the conformance suite.

The names are loaded when they are first used, so that neither pytest nor Hypothesis is needed for the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lilota.testing.added import assert_added
    from lilota.testing.check import check_store
    from lilota.testing.clock import FakeClock, ShiftedClock
    from lilota.testing.contract import StoreContract
    from lilota.testing.drain import Drain, DrainedAttempt
    from lilota.testing.executors import ExecutorContract
    from lilota.testing.file_areas import FileAreaContract
    from lilota.testing.inline import TaskResult
    from lilota.testing.tasks import run_task

__all__ = [
    "Drain",
    "DrainedAttempt",
    "ExecutorContract",
    "FakeClock",
    "FileAreaContract",
    "ShiftedClock",
    "StoreContract",
    "TaskResult",
    "assert_added",
    "check_store",
    "run_task",
]

_HOMES = {
    "Drain": "lilota.testing.drain",
    "DrainedAttempt": "lilota.testing.drain",
    "ExecutorContract": "lilota.testing.executors",
    "FakeClock": "lilota.testing.clock",
    "FileAreaContract": "lilota.testing.file_areas",
    "ShiftedClock": "lilota.testing.clock",
    "StoreContract": "lilota.testing.contract",
    "TaskResult": "lilota.testing.inline",
    "assert_added": "lilota.testing.added",
    "check_store": "lilota.testing.check",
    "run_task": "lilota.testing.tasks",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'lilota.testing' has no attribute {name!r}", name=name)
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
