"""Stores with one planted fault each: the proof that the conformance suite would notice.

Each is wrapped around a store that keeps the contract: `BROKEN_STORES["no fence on progress"](MemoryTaskStore())`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType

from broken_stores import (
    claims,
    ended,
    fences,
    foresight,
    headers,
    leases,
    many_logs,
    oldest,
    people,
    records,
    restored,
    runners,
    travelling,
)
from broken_stores.wrapper import StoreWrapper

__all__ = ["BROKEN_STORES"]


def _faults(module: ModuleType) -> Iterator[type[StoreWrapper]]:
    """Yield the classes of a module that plant a fault: all but those that are there for others to build on."""
    for value in vars(module).values():
        if isinstance(value, type) and value.__module__ == module.__name__ and not value.__subclasses__():
            assert issubclass(value, StoreWrapper)
            yield value


def _in_words(class_name: str) -> str:
    return re.sub(r"\B(?=[A-Z])", " ", class_name).lower()


#: What is wrong, which is the name of the class in words -> the class that wraps a healthy store.
BROKEN_STORES: dict[str, type[StoreWrapper]] = {
    _in_words(fault.__name__): fault
    for module in (
        fences,
        claims,
        leases,
        people,
        records,
        runners,
        restored,
        headers,
        ended,
        many_logs,
        travelling,
        foresight,
        oldest,
    )
    for fault in _faults(module)
}
