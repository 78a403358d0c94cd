"""What to do about a package that a frozen program lacks: its builder sees only what is imported by name."""

from __future__ import annotations

import sys


def is_frozen() -> bool:
    """Tell whether this is a program with an interpreter of its own, in which nothing can be installed."""
    return bool(getattr(sys, "frozen", False))


def how_to_bundle(distribution: str) -> str:
    """Say how to build the program so that it has a distribution, whose package has the same name."""
    package = distribution.replace("-", "_")
    options = f"--collect-all {package} --copy-metadata {package}"
    return f"This program is frozen, and was built without all of {package}: build it with `{options}`."
