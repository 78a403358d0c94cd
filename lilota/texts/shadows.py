"""Say which files stand before modules of the standard library: a `random.py` beside a program is Python's `random`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
from typing import Final

_SHOWN: Final = 3


def shadows(folders: Sequence[str] | None = None) -> str:
    """Return a sentence that names the files and the modules, or "" if there are none.

    For a failure that this may explain, because it looks for each module of the standard library.

    Args:
        folders: where to look; None means what stands before the standard library on the path of this process.
    """
    found = list(_shadowing(_before_the_library() if folders is None else folders))
    if not found:
        return ""
    more = f" and {len(found) - _SHOWN} more" if found[_SHOWN:] else ""
    files = ", ".join(f"{file} (for {name!r})" for name, file in found[:_SHOWN])
    return f"Python finds {files}{more} before its own module of that name: rename it."


def import_error(what: str, error: AttributeError) -> ImportError:
    """Return what to raise where an import has found a file of the program's for a module, and missed a name in it."""
    return ImportError(f"{what} can't be imported: {error}. {shadows()}".rstrip())


def _before_the_library() -> list[str]:
    library = os.path.realpath(os.path.dirname(os.__file__))
    known = [os.path.realpath(folder) for folder in sys.path]
    return sys.path[: known.index(library)] if library in known else []


def _shadowing(folders: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Give name and file of each; what is compiled into Python can't be shadowed."""
    for name in sorted(sys.stdlib_module_names):
        if BuiltinImporter.find_spec(name) is None and FrozenImporter.find_spec(name) is None:
            spec = PathFinder.find_spec(name, folders)
            if spec is not None and spec.has_location and spec.origin is not None:
                yield name, spec.origin
