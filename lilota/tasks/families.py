"""One registered name for many that begin alike: "reports:*" stands for "reports:monthly" and "reports:eu:weekly"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

_MARK: Final = ":*"


def is_family(name: str) -> bool:
    """Tell whether a registered name stands for others; no task bears it itself."""
    return name.endswith(_MARK)


def families_of(name: str) -> Iterator[str]:
    """Yield the names under which a task of this name may be registered with others, the nearest first."""
    while (colon := name.rfind(":")) >= 0:
        name = name[:colon]
        yield name + _MARK


def prefixes(names: Iterable[str]) -> tuple[str, ...]:
    """Return how the names begin for which the families among these stand, as `ClaimRequest.families` has them."""
    return tuple(name.removesuffix("*") for name in names if is_family(name))
