"""Installed distributions for tests: ready ones, ones that a test writes, and what became of their entries."""

from __future__ import annotations

from pathlib import Path

FIXTURES = Path(__file__).parent.parent / "fixture_distributions"


def write_distribution(folder, name, version, entries, *, folder_name=None):
    """Install a distribution without modules into a folder, and return the folder.

    Args:
        folder_name: that of its metadata; without, as pip calls it. One of an egg has its PKG-INFO.
    """
    info = folder / (folder_name or f"{name.replace('-', '_')}-{version}.dist-info")
    info.mkdir(parents=True)
    headers = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (info / ("METADATA" if info.suffix == ".dist-info" else "PKG-INFO")).write_text(headers)
    (info / "entry_points.txt").write_text(entries)
    return folder


def record_of(plugins, name, distribution=None):
    """Return the one record of that name (and distribution)."""
    [record] = [r for r in plugins.records() if r.name == name and distribution in {None, r.distribution}]
    return record
