"""What Python's interpreter keeps for the whole process: settings, hooks, functions that trace and profile."""

from __future__ import annotations

import gc
import sys
import threading
from _tracemalloc import is_tracing, start, stop
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from lilota.workers.traits import Trait, variables_of

#: What `sys` can be asked for, and told again; not every Python and system has each.
_SETTINGS: Final = (
    ("recursion limit", "getrecursionlimit", "setrecursionlimit"),
    ("switch interval", "getswitchinterval", "setswitchinterval"),
    ("limit of digits", "get_int_max_str_digits", "set_int_max_str_digits"),
    ("flags for loading libraries", "getdlopenflags", "setdlopenflags"),
    ("origin tracking of coroutines", "get_coroutine_origin_tracking_depth", "set_coroutine_origin_tracking_depth"),
    ("lazy imports", "get_lazy_imports", "set_lazy_imports"),
    ("trace function", "gettrace", "settrace"),
    ("profile function", "getprofile", "setprofile"),
)
_OF_SYS: Final = ("path", "argv", "excepthook", "unraisablehook", "displayhook", "breakpointhook")
_OF_THREADING: Final = ("_trace_hook", "_profile_hook", "excepthook")
#: So many tools can watch a program through `sys.monitoring`.
_TOOLS: Final = range(6)


def interpreter_traits() -> Iterator[Trait]:
    """Return what can be put back of `sys`, `threading`, `gc` and `tracemalloc`."""
    for name, getter, setter in _SETTINGS:
        if hasattr(sys, setter):
            yield Trait(name, getattr(sys, getter), getattr(sys, setter))
    yield Trait("hooks of async generators", sys.get_asyncgen_hooks, lambda known: sys.set_asyncgen_hooks(*known))
    yield variables_of(sys, "paths, arguments and hooks of sys", *_OF_SYS, put_back=_set_sys)
    yield Trait("length of tracebacks", partial(vars(sys).get, "tracebacklimit"), _set_traceback_limit)
    if sys.version_info >= (3, 12):
        yield Trait("tools of sys.monitoring", _monitoring_tools, _free_tools)
    yield variables_of(threading, "functions for threads", *_OF_THREADING, put_back=_set_threading)
    yield Trait("stack size of threads", threading.stack_size, threading.stack_size)
    yield Trait("garbage collection", gc.isenabled, lambda known: gc.enable() if known else gc.disable())
    yield Trait("thresholds of garbage collection", gc.get_threshold, lambda known: gc.set_threshold(*known))
    yield Trait("flags of garbage collection", gc.get_debug, gc.set_debug)
    yield Trait("tracing of memory", is_tracing, lambda known: start() if known else stop())


def _set_sys(known: tuple[Any, ...]) -> None:
    for name, value in zip(_OF_SYS, known, strict=True):
        if isinstance(value, list):
            vars(sys)[name][:] = value  # others may hold the list
        else:
            setattr(sys, name, value)


def _set_threading(known: tuple[Any, ...]) -> None:
    vars(threading).update(zip(_OF_THREADING, known, strict=True))


def _set_traceback_limit(known: int | None) -> None:
    if known is None:
        del sys.tracebacklimit
    else:
        sys.tracebacklimit = known


if sys.version_info >= (3, 12):

    def _monitoring_tools() -> list[str | None]:
        return [*map(sys.monitoring.get_tool, _TOOLS)]

    def _free_tools(known: list[str | None]) -> None:
        """End the tools that are new. One that was there before can't be given back what it had."""
        monitoring = sys.monitoring
        events = [value for name, value in vars(monitoring.events).items() if name.isupper() and value]
        for tool, name in zip(_TOOLS, known, strict=True):
            if name is None and monitoring.get_tool(tool) is not None:
                monitoring.set_events(tool, 0)
                for event in events:
                    monitoring.register_callback(tool, event, None)
                monitoring.free_tool_id(tool)
