"""What a store may be able to do besides the contract: who wants it asks with `isinstance`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable


@runtime_checkable
class CanTellExistence(Protocol):
    """A store that opening would make, such as a file, and that can tell whether it is there already."""

    def exists(self) -> bool:
        """Tell whether the store is there, without making it. The command line asks before it only looks."""


@runtime_checkable
class CanBeRepaired(Protocol):
    """A store that keeps what follows from other data, such as counters, and can make it anew."""

    def damage(self) -> Sequence[str]:
        """Say in a few words each what does not fit; nothing where all is well. It may read everything."""

    def repair(self) -> None:
        """Make it fit. No task is lost or changed by that."""
