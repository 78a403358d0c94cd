"""The tasks that `@task` has declared in this process: what a name stands for that nobody registered.

This is the one place where lilota keeps something that belongs to the whole process. A decorator runs while a module is
imported, long before there is a registry that it could be given to; and what a module declares is as lasting as the
module itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Final

from lilota.errors import InvalidTaskError
from lilota.models import TaskBase
from lilota.tasks.reachability import check_reachable, is_nested, reference_to

#: Of each name, the classes by their references: one that was declared anew, as in a notebook, replaces itself.
_declared: Final[dict[str, dict[str, type[TaskBase]]]] = {}
#: Of each name that was found to be of use, what it stands for: to find it out takes a look at files.
_usable: Final[dict[str, type[TaskBase]]] = {}


def declare(name: str, task_class: type[TaskBase]) -> None:
    """Take a task into the table, once where a script is also imported by its name.

    One inside a function is left out: worker processes could not import it.
    """
    if is_nested(task_class):
        return
    classes = _declared.setdefault(name, {})
    reference = reference_to(task_class)
    if reference in classes or not any(is_same(task_class, other) for other in classes.values()):
        classes[reference] = task_class
        _usable.pop(name, None)


def is_same(one: type[TaskBase], other: type[TaskBase]) -> bool:
    """Tell whether two classes are one in the source: a script that is also imported, by its name, has each twice."""
    if reference_to(one) == reference_to(other):
        return True
    files = [getattr(sys.modules.get(clazz.__module__), "__file__", None) for clazz in (one, other)]
    return one.__qualname__ == other.__qualname__ and files[0] is not None and files[0] == files[1]


def declared_class(name: str) -> type[TaskBase] | None:
    """Return what a declared name stands for; None if it was not declared, or is of no use."""
    found = _usable.get(name)
    if found is None and name in _declared and refusal(name) is None:
        found = _usable[name] = next(iter(_declared[name].values()))
    return found


def declared_at(name: str, reference: str) -> type[TaskBase] | None:
    """Return what was declared under a name at "module:qualname", or None."""
    return _declared.get(name, {}).get(reference)


def declared_classes() -> dict[str, type[TaskBase]]:
    """Return the names that can be used, and what they stand for."""
    return {name: found for name in tuple(_declared) if (found := declared_class(name)) is not None}


def declared_references() -> frozenset[tuple[str, str]]:
    """Return every name that was declared with each "module:qualname" at which it was, of use or not."""
    return frozenset((name, reference) for name, classes in _declared.items() for reference in classes)


def refusal(name: str) -> InvalidTaskError | None:
    """Return why a declared name can't be used; None if it can, or was not declared."""
    classes = _declared.get(name, {})
    if len(classes) > 1:
        return declared_twice(name, classes)
    return next((_unreachable(name, task_class) for task_class in classes.values()), None)


def declared_twice(name: str, references: Iterable[str]) -> InvalidTaskError:
    """Return why a name can't be used that was declared at several places."""
    return InvalidTaskError(
        f"The task {name!r} was declared more than once, as {' and '.join(sorted(references))}. Give one of them "
        "another name, @task(name=...), or register the one that is meant."
    )


def _unreachable(name: str, task_class: type[TaskBase]) -> InvalidTaskError | None:
    try:
        check_reachable(task_class, f"The task {name!r}")
    except InvalidTaskError as error:
        return error
    return None
