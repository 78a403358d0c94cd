"""The limits of a worker process, as `setrlimit` sets them, put back after a task."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from functools import partial
from types import ModuleType
from typing import Final

from lilota.workers.traits import Trait, Traits


def _own_module(name: str) -> ModuleType:
    """Import a module without an entry in `sys.modules`: what is there was imported by somebody else."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"Python has no module {name!r} on this system.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_resource: Final = _own_module("resource")


class Limits:
    """All limits of this process. To ask for them takes microseconds, so it is done only if a task can change them."""

    def __init__(self) -> None:
        self._traits = Traits(_limit_traits())

    def remember(self) -> None:
        """Take what is now for what should be."""
        self._traits.remember()

    def restore(self) -> None:
        """Put back what differs.

        Raises:
            ValueError: a hard limit was lowered.
        """
        if "resource" in sys.modules:
            self._traits.restore()


def most_descriptors(highest: int) -> int:
    """Return how many descriptors this process may have open, or `highest` if that is less."""
    soft_limit, _ = _resource.getrlimit(_resource.RLIMIT_NOFILE)
    return highest if soft_limit == _resource.RLIM_INFINITY else min(highest, soft_limit)


def _limit_traits() -> Iterator[Trait]:
    numbers = {value for name, value in vars(_resource).items() if name.startswith("RLIMIT_")}
    for number in sorted(numbers):
        yield Trait("limits", partial(_resource.getrlimit, number), partial(_resource.setrlimit, number))
