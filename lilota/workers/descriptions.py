"""Turn an exception of a task into text that can be stored and that a person understands."""

from __future__ import annotations

import traceback
from functools import cached_property
from types import MemberDescriptorType, TracebackType
from typing import Final

from lilota.errors import StopTask, TimeoutReached, did_you_mean
from lilota.models import TaskBase, TaskContext, TaskError, TaskInfo
from lilota.plugins.strangers import blamed
from lilota.tasks.limits import MESSAGE_LIMIT, NAME_LIMIT, TRACEBACK_LIMIT

#: What an object of a task has when its `__init__` is that of `TaskBase`.
_SET_WHEN_MADE: Final = ("logger", "set_output", "set_progress", "task_info")
_OF_TASKS: Final = (*_SET_WHEN_MADE, *(name for name in vars(TaskContext) if not name.startswith("_")))
_FIELDS: Final = (property, cached_property, MemberDescriptorType)
_PLAIN_MODULES: Final = frozenset({"builtins", "lilota.errors"})
_OURS: Final = ("lilota.", "lilota_django.", "lilota_telemetry.", "pluggy")


def describe_error(error: BaseException, timeout_seconds: float | None = None) -> TaskError:
    """Return an exception as text; what can't be shown is said to be so.

    Args:
        timeout_seconds: the time limit that a `TimeoutReached` is about.
    """
    return TaskError(
        type=storable(_name_of(type(error)))[:NAME_LIMIT],
        message=storable(_message_of(error, timeout_seconds))[:MESSAGE_LIMIT],
        traceback=storable(_traceback_of(error))[-TRACEBACK_LIMIT:],
    )


def storable(text: str) -> str:
    """Return a text without what stores can't carry: half surrogate pairs and NUL characters are escaped."""
    if "\0" in text:
        text = text.replace("\0", r"\x00")
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def _name_of(kind: type[BaseException]) -> str:
    return kind.__qualname__ if kind.__module__ in _PLAIN_MODULES else f"{kind.__module__}.{kind.__qualname__}"


def _message_of(error: BaseException, timeout_seconds: float | None) -> str:
    """Return one line about what happened."""
    plugin = blamed(error)
    if isinstance(error, SystemExit):
        who = f"{plugin[0].upper()}{plugin[1:]}" if plugin else "The task"
        return f"{who} tried to end its process: sys.exit({_text_of(error)})."
    if isinstance(error, TimeoutReached) and timeout_seconds is not None:
        return f"The task ran for more than {timeout_seconds:g} s."
    text = " ".join(line.strip() for line in _text_of(error).splitlines())
    # "MemoryError" alone tells less than the first line of its documentation.
    text = text or (type(error).__doc__ or "").strip().partition("\n")[0]
    return f"{text} (raised by {plugin})" if plugin else f"{text}{_hint_for(error)}"


def _hint_for(error: BaseException) -> str:
    """Say what was meant by an attribute that a task has not: what people look for is in `task_info`, or a method."""
    if not isinstance(error, AttributeError) or not isinstance(error.obj, TaskBase):
        return ""
    name = error.name or ""
    if name in _SET_WHEN_MADE:
        return ". Let __init__() call super().__init__() with all that it gets."
    # Whoever writes `self.progress` wants to tell it, and not to read it.
    if isinstance(getattr(TaskInfo, name, None), _FIELDS) and name != "progress":
        return f". Did you mean self.task_info.{name}?"
    hint = did_you_mean(name, _OF_TASKS)
    return f".{hint}" if hint else ""


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as broken:  # noqa: BLE001 - a user's __str__ may raise anything
        return f"<its str() raised {type(broken).__name__}>"


def _traceback_of(error: BaseException) -> str:
    try:
        lines = traceback.format_exception(type(error), error, _frames_of_task(error))
    except BaseException as broken:  # noqa: BLE001 - it calls the __str__ and __repr__ of everything in the chain
        return f"<the traceback could not be formatted: {type(broken).__name__}>"
    return "".join(lines)


def _frames_of_task(error: BaseException) -> TracebackType | None:
    """Drop our own frames above the task's, unless there are no others, and those of a signal handler below."""
    first = trace = error.__traceback__
    while trace is not None and _is_ours(trace):
        trace = trace.tb_next
    if trace is not None and isinstance(error, StopTask):
        _cut_below(trace)
    return trace or first


def _cut_below(trace: TracebackType) -> None:
    last = trace
    while trace.tb_next is not None:
        trace = trace.tb_next
        if not _is_ours(trace):
            last = trace
    last.tb_next = None


def _is_ours(trace: TracebackType) -> bool:
    return str(trace.tb_frame.f_globals.get("__name__", "")).startswith(_OURS)
