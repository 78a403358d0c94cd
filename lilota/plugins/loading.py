"""Import what an entry names, and check that it is what its group promises."""

from __future__ import annotations

from functools import reduce
from importlib import import_module


def load_reference(reference: str) -> object:
    """Import "package.module:object.attribute" (or a module alone) and return it.

    Raises:
        ImportError: there is no such module or attribute.
        ValueError: the text is not a reference.
        Exception: whatever the module raises while it is imported.
    """
    # "name = module:object [extra]" is legal in metadata; the extra says nothing about where the object is.
    module_name, _, qualname = reference.partition("[")[0].strip().partition(":")
    module = import_module(module_name.strip())
    try:
        return reduce(getattr, filter(None, qualname.strip().split(".")), module)
    except AttributeError as error:
        raise ImportError(f"{module_name.strip()!r} has no {qualname.strip()!r}", name=module_name) from error


def one_line(error: BaseException) -> str:
    """Return the class and the text of an error, for a record or a log line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
