"""The names of tasks as labels: each label is a series for ever, so there must not be too many."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

#: More names than this are counted together.
LABELS_LIMIT: Final = 200
OTHERS: Final = "(others)"


def family_of(name: str) -> str:
    """Return a name as it stands for many: "reports:*" for "reports:2026-11"; others as they are."""
    first, colon, _ = name.partition(":")
    return f"{first}:*" if colon else name


class Labels:
    """Gives each task name a label, and always the same."""

    def __init__(self) -> None:
        self._registered: set[str] = set()
        self._given: set[str] = set()

    def register(self, names: Iterable[str]) -> None:
        """Take the names that a runner serves: these have labels of their own, families of names included."""
        self._registered.update(names)

    def label(self, name: str) -> str:
        """Return the registered name, or family, to which a task belongs; a guess for tasks of other runners."""
        label = _registered_as(name, self._registered) or family_of(name)
        if label in self._given or label in self._registered:
            return label
        if len(self._given) >= LABELS_LIMIT:
            return OTHERS
        self._given.add(label)
        return label


def _registered_as(name: str, registered: Collection[str]) -> str | None:
    if name in registered:
        return name
    while (colon := name.rfind(":")) >= 0:
        name = name[:colon]
        if f"{name}:*" in registered:
            return f"{name}:*"
    return None
