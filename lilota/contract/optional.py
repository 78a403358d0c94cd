"""What a store may be able to do besides the contract: who wants it asks with `isinstance`."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class CanTellExistence(Protocol):
    """A store that opening would make, such as a file, and that can tell whether it is there already."""

    def exists(self) -> bool:
        """Tell whether the store is there, without making it. The command line asks before it only looks."""
