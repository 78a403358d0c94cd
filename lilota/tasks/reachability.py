"""Tell whether a worker process will be able to import a class or a function, before a task is lost on it.

Worker processes are new interpreters: they import what a task is by its module and name. multiprocessing runs the
program's script again in them, as `__mp_main__`, so what the script itself defines is found if it is defined there. A
frozen program (PyInstaller's, say) starts itself again, with all of its script up to `freeze_support()`.
"""

from __future__ import annotations

import os
import sys
from functools import reduce
from types import ModuleType
from typing import Final

from lilota.errors import InvalidTaskError

_MAIN: Final = frozenset({"__main__", "__mp_main__"})
_REMEDY: Final = "Move it to the top level of a module of its own and import it from there."


def reference_to(clazz: type) -> str:
    """Return "module:qualname", by which a worker process imports the class."""
    module = "__main__" if clazz.__module__ in _MAIN else clazz.__module__
    return f"{module}:{clazz.__qualname__}"


def check_reachable(clazz: type, what: str) -> None:
    """Make sure that a worker process can import a class.

    Args:
        what: how to call it in an error: "The task 'resize'".

    Raises:
        InvalidTaskError: it can't; the message says why and what to do.
    """
    problem = _problem(clazz)
    if problem:
        raise InvalidTaskError(f"{what} can't be imported by worker processes: {problem} {_REMEDY}")


def is_nested(clazz: type) -> bool:
    """Tell whether a class, or the function that it is made of, is defined inside a function."""
    return "<locals>" in clazz.__qualname__


def is_frozen() -> bool:
    """Tell whether this is a program with an interpreter of its own: none can be started, and nothing installed."""
    return bool(getattr(sys, "frozen", False))


def _problem(clazz: type) -> str | None:
    module_name, qualname = reference_to(clazz).split(":")
    if is_nested(clazz):
        return f"{qualname} is defined inside a function."
    if clazz.__module__ == "__mp_main__":
        return None  # a worker process runs the script just now, for this very class
    module = sys.modules.get(module_name)
    if module is None or (module_name != "__main__" and not _is_findable(module_name)):
        return f"no module {module_name!r} can be found on the import path."
    problem = _problem_of_script(module, qualname) if module_name == "__main__" and not is_frozen() else None
    return problem or _problem_in(module, qualname, clazz)


def _problem_in(module: ModuleType, qualname: str, clazz: type) -> str | None:
    """Return why a class is not what is found in a module under its name."""
    try:
        found: object = reduce(getattr, qualname.split("."), module)
    except AttributeError:
        return f"{module.__name__!r} has no {qualname!r}."
    # Under the name of a function stands what `@task` has made of it, and not the class that this has.
    if found is clazz or getattr(found, "task_class", None) is clazz:
        return None
    return f"{module.__name__!r} has another object under the name {qualname!r}."


def _is_findable(module_name: str) -> bool:
    """Tell whether a new interpreter with this import path would find a module.

    A look into `sys.modules` is not enough: a module may have been put there by hand, or loaded from a path.
    """
    path = None
    parts = module_name.split(".")
    for i in range(len(parts)):
        name = ".".join(parts[: i + 1])
        finders = (finder.find_spec(name, path) for finder in sys.meta_path if hasattr(finder, "find_spec"))
        spec = next((found for found in finders if found is not None), None)
        if spec is None:
            return False
        path = spec.submodule_search_locations
    return True


def _problem_of_script(main: ModuleType, qualname: str) -> str | None:
    """Return why what the script defines would be missing when multiprocessing runs the script again."""
    path = getattr(main, "__file__", None)
    spec_name = getattr(getattr(main, "__spec__", None), "name", "")
    if spec_name.rpartition(".")[2] == "__main__":  # of a package, a folder, or an archive
        return f"it is defined in {path}, and multiprocessing runs no __main__.py again."
    if path is None or path.startswith("<"):  # "<stdin>"
        return "the program comes from an interactive session, `python -c` or standard input, not from a file."
    if not os.path.exists(path):
        return f"{path}, from which the program comes, is not there any more."
    from lilota.tasks.guards import is_defined_only_under_guard  # noqa: PLC0415 - only the script of a runner needs it

    if is_defined_only_under_guard(path, qualname.partition(".")[0]):
        return f"{qualname} is defined inside `if __name__ == '__main__':`, which worker processes skip."
    return None
