"""lilota: lightweight long-running tasks.

The names below are loaded when they are first used, so that `import lilota` stays quick and imports no plugin.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from lilota.client import TaskClient
    from lilota.completing import as_completed
    from lilota.errors import LilotaError, Retry
    from lilota.handles import TaskHandle
    from lilota.hookspecs import hookimpl
    from lilota.models import FileRef, TaskBase, TaskContext, TaskInfo, TaskState
    from lilota.retry import Backoff
    from lilota.runner import TaskRunner
    from lilota.stores import open_store
    from lilota.tasks.carriers import register_type
    from lilota.tasks.functions import BoundTask, FunctionTask, task
    from lilota.tasks.secret_values import Secret

__version__ = "2.0.0.dev0"

__all__ = [
    "Backoff",
    "BoundTask",
    "FileRef",
    "FunctionTask",
    "LilotaError",
    "Retry",
    "Secret",
    "TaskBase",
    "TaskClient",
    "TaskContext",
    "TaskHandle",
    "TaskInfo",
    "TaskRunner",
    "TaskState",
    "__version__",
    "as_completed",
    "hookimpl",
    "open_store",
    "register_type",
    "task",
]

_HOMES: Final = {
    "Backoff": "lilota.retry",
    "BoundTask": "lilota.tasks.functions",
    "FileRef": "lilota.models",
    "FunctionTask": "lilota.tasks.functions",
    "LilotaError": "lilota.errors",
    "Retry": "lilota.errors",
    "Secret": "lilota.tasks.secret_values",
    "TaskBase": "lilota.models",
    "TaskClient": "lilota.client",
    "TaskContext": "lilota.models",
    "TaskHandle": "lilota.handles",
    "TaskInfo": "lilota.models",
    "TaskRunner": "lilota.runner",
    "TaskState": "lilota.models",
    "as_completed": "lilota.completing",
    "hookimpl": "lilota.hookspecs",
    "open_store": "lilota.stores",
    "register_type": "lilota.tasks.carriers",
    "task": "lilota.tasks.functions",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'lilota' has no attribute {name!r}", name=name)
    try:
        home = import_module(_HOMES[name])
    except AttributeError as error:
        # `from lilota import ...` would take it for "cannot import name", and hide what went wrong and where.
        from lilota.texts.shadows import import_error  # noqa: PLC0415 - only who fails needs it

        raise import_error(_HOMES[name], error) from error
    return getattr(home, name)
