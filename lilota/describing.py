"""Say what a task takes and gives, for who shows it or makes a form of it; no module is imported here for that."""

from __future__ import annotations

import os

import msgspec

from lilota.errors import LilotaError
from lilota.models import TaskBase
from lilota.registry import Registry
from lilota.tasks.describing import ParameterDetails, TaskDetails, default_options, details_of
from lilota.workers.starting import remedy_for
from lilota.workers.trial import look_into_modules, look_into_tasks

__all__ = ["ParameterDetails", "TaskDetails", "default_options", "describe", "known_names", "knows"]


def known_names(registry: Registry) -> tuple[str, ...]:
    """Return every task name that can be used here, sorted; modules of the settings are imported elsewhere, once.

    Raises:
        LilotaError: no process can be started for that.
    """
    _look_into_modules(registry)
    return registry.names()


def knows(name: str, registry: Registry) -> bool:
    """Tell whether a name stands for a task that can be used here, without importing a module for that.

    Raises:
        LilotaError: as for `known_names`.
    """
    _look_into_modules(registry)
    return registry.knows(name)


def describe(name: str, registry: Registry) -> TaskDetails:
    """Return what is known of a task; one that this program has not imported is imported in a process of its own.

    Raises:
        UnknownTaskError: the name stands for nothing here.
        LilotaError: the task can't be imported, or no process can be started for that.
    """
    _look_into_modules(registry)
    registry.check(name)
    imported = registry.imported_class(name)
    if imported is not TaskBase:
        return details_of(imported)
    try:
        (tried,) = look_into_tasks([name], registry, [os.getcwd()])
    except (OSError, EOFError) as error:
        raise _no_process(error) from error
    if tried.details is None:
        raise LilotaError(tried.problem)
    return msgspec.convert(tried.details, TaskDetails)


def _look_into_modules(registry: Registry) -> None:
    """Let a registry know what the modules of the settings declare; to ask it for a name would else import them."""
    try:
        look_into_modules(registry, None, [os.getcwd()])
    except (OSError, EOFError) as error:
        raise _no_process(error) from error


def _no_process(error: OSError | EOFError) -> LilotaError:
    return LilotaError(f"No process can be started to import tasks: {error}. {remedy_for(error)}")
