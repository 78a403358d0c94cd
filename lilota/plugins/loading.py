"""Import what an entry names, and check that it is what its group promises."""

from __future__ import annotations

from contextvars import ContextVar
from functools import reduce
from importlib import import_module
from types import ModuleType
from typing import Final

from lilota.errors import did_you_mean
from lilota.plugins.strangers import text_of

#: The module of an entry or a task that this thread imports just now.
_importing: Final[ContextVar[str]] = ContextVar("lilota_importing", default="")


def being_imported() -> str:
    """Return the module that is imported just now because an entry or a task is in it, or ""."""
    return _importing.get()


def load_reference(reference: str) -> object:
    """Import "package.module:object.attribute" (or a module alone) and return it.

    Raises:
        ImportError: there is no such module or attribute.
        ValueError: the text is not a reference.
        Exception: whatever the module raises while it is imported.
    """
    # "name = module:object [extra]" is legal in metadata; the extra says nothing about where the object is.
    module_name, _, qualname = reference.partition("[")[0].strip().partition(":")
    module_name, qualname = module_name.strip(), qualname.strip()
    token = _importing.set(module_name)
    try:
        module = import_module(module_name)
    finally:
        _importing.reset(token)
    try:
        return reduce(getattr, filter(None, qualname.split(".")), module)
    except AttributeError as error:
        missing = f"module {module_name!r} has no attribute {qualname!r}"
        # Where the module makes its attributes when they are asked for, something else may be missing, far below.
        detail = _nearest(module, qualname) if text_of(error) == missing else f": {text_of(error)}"
        raise ImportError(f"{missing}{detail}", name=module_name) from error


def remedy_for(error: BaseException, reference: str) -> str:
    """Say what can be done about a reference, or a module alone, that can't be imported."""
    module, colon, _ = reference.partition(":")
    package = module.partition(".")[0]
    if isinstance(error, ModuleNotFoundError):
        if error.name == package:
            return f"Install the package that has {package!r}, or start in the folder in which it lies."
        return f"Correct the reference, or install what has {error.name!r}."
    if colon and isinstance(error, ImportError) and error.name == module:
        return (
            "Its class must be at the top level of a module that the worker process can import, outside of "
            "`if __name__ == '__main__':`."
        )
    return f"Mend what {module!r} does when it is imported."


def _nearest(module: ModuleType, qualname: str) -> str:
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    hint = did_you_mean(qualname, own)
    return f" ({hint.strip()})" if hint else ""
