"""What to do about a package that a frozen program lacks: its builder sees only what is imported by name."""

from __future__ import annotations


def how_to_bundle(distribution: str) -> str:
    """Say how to build the program so that it has a distribution, whose package has the same name."""
    package = distribution.replace("-", "_")
    options = f"--collect-all {package} --copy-metadata {package}"
    return f"This program is frozen, and was built without all of {package}: build it with `{options}`."
