"""What a process has one of, and a task may change: read before and after an attempt, put back where it differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from operator import itemgetter
from types import ModuleType
from typing import Any, Final, NamedTuple


class Trait(NamedTuple):
    """How to read something of this process, and how to put back what was read.

    Attributes:
        name: for people, as in "its signal handlers can't be put back".
        read: cheap, since it is called after every attempt. It may return a list or a dict that is in use.
    """

    name: str
    read: Callable[[], object]
    put_back: Callable[[Any], object]


class Traits:
    """Several traits as they should be, compared as a whole."""

    def __init__(self, traits: Iterable[Trait]) -> None:
        self._traits: Final = tuple(traits)
        self._reads: Final = tuple(trait.read for trait in self._traits)
        self._known: list[object] = []

    def remember(self) -> None:
        """Take what is now for what should be."""
        self._known = [_copied(read()) for read in self._reads]

    def restore(self) -> None:
        """Put back what differs, in the order of the traits.

        Raises:
            RuntimeError: it still differs afterwards; other errors come from what puts it back.
        """
        if [read() for read in self._reads] != self._known:
            self._put_back()

    def _put_back(self) -> None:
        # Each is read again: to put one back may have changed another. And nothing holds what a task has left.
        for trait, known in zip(self._traits, self._known, strict=True):
            if trait.read() != known:
                trait.put_back(known)
                if trait.read() != known:
                    raise RuntimeError(f"its {trait.name} can't be put back")


def variables_of(module: ModuleType, name: str, *variables: str, put_back: Callable[[Any], object]) -> Trait:
    """Return one trait for several variables of a module: to read them together costs little more than to read one."""
    return Trait(name, partial(itemgetter(*variables), vars(module)), put_back)


def _copied(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(map(_copied, value))
    return value.copy() if isinstance(value, list | dict) else value
