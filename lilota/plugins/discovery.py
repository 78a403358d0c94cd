"""Find the entries of installed distributions, by their metadata alone: nothing of theirs is imported."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lilota.plugins.records import KINDS, PinnedEntry, normalized

if TYPE_CHECKING:
    from importlib_metadata import IDistribution

logger: logging.Logger = logging.getLogger("lilota.plugins")


def installed_entries() -> list[PinnedEntry]:
    """Return every entry of lilota's groups, one per distribution, group and name."""
    return [entry for distribution in _distributions_with_entries() for entry in _entries_of(distribution)]


def is_still_installed(entry: PinnedEntry) -> bool:
    """Tell whether the folder is there in which the runner found this version; False means to look closer.

    A worker asks this first, because reading metadata would cost each one more than a megabyte of memory.
    """
    return f"-{entry.version}." in os.path.basename(entry.folder) and os.path.isdir(entry.folder)


def installed_version(distribution: str) -> str | None:
    """Return the version of a distribution that this process would import, or None if there is none."""
    import importlib_metadata  # noqa: PLC0415 - 25 ms that a worker without plugins need not spend

    try:
        return importlib_metadata.version(distribution)
    except importlib_metadata.PackageNotFoundError:
        return None


def _distributions_with_entries() -> Iterator[IDistribution]:
    # Not importlib_metadata.entry_points(): it parses the metadata of everything that is installed, 20 times slower,
    # and one malformed line in a package that has nothing to do with lilota stops it.
    import importlib_metadata  # noqa: PLC0415 - as above

    seen: set[str] = set()
    for found in importlib_metadata.distributions():
        try:
            if not _mentions_lilota(found) or normalized(found.name) in seen:
                continue
            seen.add(normalized(found.name))
            # The first on the path is the one that imports would find; the others of its name are shadowed.
            yield importlib_metadata.distribution(found.name)
        except Exception as error:  # noqa: BLE001 - another package's broken metadata may raise anything
            logger.warning("The metadata of an installed package can't be read, its plugins are ignored: %r", error)


def _mentions_lilota(distribution: IDistribution) -> bool:
    text = distribution.read_text("entry_points.txt") or ""
    return any(f"[{group}]" in text for group in KINDS)


def _entries_of(distribution: IDistribution) -> list[PinnedEntry]:
    try:
        version = distribution.version
        entry_points = [point for point in distribution.entry_points if point.group in KINDS]
    except Exception as error:  # noqa: BLE001 - as above
        logger.warning("The metadata of %s can't be read, its plugins are ignored: %r", distribution.name, error)
        return []
    entries = {
        (point.group, point.name): PinnedEntry(
            group=point.group,
            name=point.name,
            value=point.value,
            distribution=distribution.name,
            version=version,
            # The only kind of distribution that importlib_metadata itself finds; another may have no such attribute.
            folder=str(getattr(distribution, "_path", "")),
        )
        for point in entry_points
    }
    return list(entries.values())
