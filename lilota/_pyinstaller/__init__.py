"""What PyInstaller asks for, by the entry point `hook-dirs`, when it bundles a program that uses lilota."""

from __future__ import annotations

import os


def hook_dirs() -> list[str]:
    """Return where the hooks are; PyInstaller runs `hook-NAME.py` for each package NAME that it finds imported."""
    return [os.path.dirname(__file__)]
