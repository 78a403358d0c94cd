"""One registered name for many that begin alike: "reports:*" stands for "reports:monthly" and "reports:eu:weekly"."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

_MARK: Final = ":*"


def is_family(name: str) -> bool:
    """Tell whether a registered name stands for others; no task bears it itself."""
    return name.endswith(_MARK)


def registered_as(name: str, is_registered: Callable[[str], bool]) -> str | None:
    """Return under which name tasks of this name are registered: it itself, or the nearest family; None for none."""
    return name if is_registered(name) else next(filter(is_registered, _families_of(name)), None)


def prefixes(names: Iterable[str]) -> tuple[str, ...]:
    """Return how the names begin for which the families among these stand, as `ClaimRequest.families` has them."""
    return tuple(name.removesuffix("*") for name in names if is_family(name))


def _families_of(name: str) -> Iterator[str]:
    while (colon := name.rfind(":")) >= 0:
        name = name[:colon]
        yield name + _MARK
