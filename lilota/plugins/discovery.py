"""Find the entries of installed distributions, by their metadata alone: nothing of theirs is imported."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from lilota.plugins.folders import in_folders
from lilota.plugins.metadata import Metadata, Source
from lilota.plugins.records import Entry, PinnedEntry, normalized
from lilota.plugins.strangers import let_pass, one_line

if TYPE_CHECKING:
    from importlib_metadata import IDistribution

#: Of what someone else's finder says when it fails.
_LONGEST_ERROR: Final = 200


class Installed(NamedTuple):
    """What is installed.

    Attributes:
        entries: those of lilota's groups, one per distribution, group and name. What is broken is "failed"; what
            another version of the distribution shadows is "disabled".
        remarks: a sentence for each thing that could not be looked at.
    """

    entries: list[Entry]
    remarks: list[str]


def installed() -> Installed:
    """Look through the metadata of all that is installed.

    Two files of a distribution that has entries are read, once each, and one of each other: not by
    `importlib_metadata.entry_points()`, which one malformed line of a stranger stops, nor by the properties of its
    distributions, each of which parses all metadata anew.
    """
    namesakes: defaultdict[str, list[Metadata]] = defaultdict(list)
    remarks, unreadable = list[str](), list[str]()
    for found in _distributions(remarks):
        namesakes[found.key].append(found)
        if found.is_unreadable:
            unreadable.append(found.folder)
    entries = [
        entry
        for group in namesakes.values()
        if any(found.mentions_lilota for found in group)
        for versions in _by_stated_name(group)
        for entry in _entries_of(versions)
    ]
    if unreadable:
        more = f" and of {len(unreadable) - 1} more" if unreadable[1:] else ""
        remarks.append(
            f"The entry_points.txt in {unreadable[0]}{more} can't be read. If it names plugins, they are missing; "
            "make it a file of a usual size that this user can read."
        )
    return Installed(entries, remarks)


def is_still_installed(entry: PinnedEntry) -> bool:
    """Tell whether the folder is there in which the runner found this version; False means to look closer.

    A worker asks this first, because reading metadata would cost each one more than a megabyte of memory.
    """
    return f"-{entry.version}." in os.path.basename(entry.folder) and os.path.isdir(entry.folder)


def installed_version(distribution: str) -> str | None:
    """Return the version of a distribution that this process would import, or None if there is none."""
    import importlib_metadata  # noqa: PLC0415 - 30 ms that few workers need to spend

    try:
        return importlib_metadata.version(distribution)
    except importlib_metadata.PackageNotFoundError:
        return None


def _distributions(remarks: list[str]) -> Iterator[Metadata]:
    """Give what is installed, in the order of the import path; of a folder that is on it twice, once."""
    seen = set[str]()
    for source in _sources(remarks):
        try:
            found = Metadata(source)
            is_named = bool(found.key)  # what asks a finder of others may raise
        except BaseException as error:  # noqa: BLE001 - what another package's finder gives may raise anything
            let_pass(error)
            text = one_line(error)[:_LONGEST_ERROR]
            remarks.append(f"The metadata of an installed package can't be read, its plugins are ignored: {text}.")
            continue
        # Pip renames what it uninstalls to "~name"; what an interrupted pip left so is not installed.
        if is_named and found.folder not in seen and not found.folder_name.startswith("~"):
            yield found
        if found.folder:
            seen.add(found.folder)


def _sources(remarks: list[str]) -> Iterable[Source]:
    """Give what importlib_metadata finds; mostly without it, because to import it and to forget it takes 30 ms."""
    found = in_folders()
    return _told_by_finders(remarks) if found is None else found


def _told_by_finders(remarks: list[str]) -> Iterator[IDistribution]:
    """Ask all finders in turn, as `importlib_metadata.distributions()` does, which ends with the first that raises."""
    import importlib_metadata  # noqa: PLC0415 - as just said; it brings the finder for folders

    context = importlib_metadata.DistributionFinder.Context()  # type: ignore[no-untyped-call]  # it has no types
    for finder in tuple(sys.meta_path):
        try:
            find = getattr(finder, "find_distributions", None)
            if find is not None:
                yield from find(context)
        except BaseException as error:  # noqa: BLE001 - a finder of others may raise anything
            let_pass(error)
            kind = finder if isinstance(finder, type) else type(finder)
            remarks.append(
                f"The finder {kind.__name__} ({kind.__module__}) in sys.meta_path does not tell what is installed, the "
                f"plugins that it knows are missing: {one_line(error)[:_LONGEST_ERROR]}."
            )


def _by_stated_name(namesakes: list[Metadata]) -> Iterable[list[Metadata]]:
    """Part those whose folders only look alike: "my-tasks-1.0.egg-info" could be one of "my"."""
    parts: defaultdict[str, list[Metadata]] = defaultdict(list)
    for found in namesakes:
        parts[normalized(found.name)].append(found)
    return parts.values()


def _entries_of(versions: list[Metadata]) -> list[Entry]:
    """Return the entries of the first on the path, because imports find it, and as disabled those of the others."""
    used = next((found for found in versions if found.has_headers), versions[0])  # as importlib_metadata decides it
    entries = used.entries()
    for other in versions:
        if other.version != used.version:
            for entry in other.entries():
                entry.state, entry.is_broken = "disabled", True
                entry.error = (
                    f"version {other.version} in {other.place} is shadowed by {used.version} in {used.place}; "
                    "uninstall one of them"
                )
                entries.append(entry)
    return entries
