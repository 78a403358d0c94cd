"""What Python's interpreter keeps for the whole process: settings, hooks, functions that trace and profile."""

from __future__ import annotations

import gc
import sys
import threading
from _tracemalloc import is_tracing, start, stop
from collections.abc import Iterator
from functools import partial
from operator import attrgetter
from typing import Any, Final

from lilota.workers.traits import Trait

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
_HOOKS: Final = ("excepthook", "unraisablehook", "displayhook", "breakpointhook")
#: So many tools can watch a program through `sys.monitoring`.
_TOOLS: Final = range(6)


def interpreter_traits() -> Iterator[Trait]:
    """Return what can be put back of `sys`, `threading`, `gc` and `tracemalloc`."""
    for name, getter, setter in _SETTINGS:
        if hasattr(sys, setter):
            yield Trait(name, getattr(sys, getter), getattr(sys, setter))
    yield Trait("hooks of async generators", sys.get_asyncgen_hooks, lambda known: sys.set_asyncgen_hooks(*known))
    yield Trait("hooks of sys", partial(attrgetter(*_HOOKS), sys), _set_hooks)
    yield Trait("length of tracebacks", partial(vars(sys).get, "tracebacklimit"), _set_traceback_limit)
    yield Trait("search path", lambda: [*sys.path], lambda known: _refill(sys.path, known))
    yield Trait("arguments", lambda: [*sys.argv], lambda known: _refill(sys.argv, known))
    if sys.version_info >= (3, 12):
        yield Trait("tools of sys.monitoring", _monitoring_tools, _free_tools)
    yield Trait("trace function of threads", threading.gettrace, threading.settrace)
    yield Trait("profile function of threads", threading.getprofile, threading.setprofile)
    yield Trait(
        "hook of threads", partial(attrgetter("excepthook"), threading), partial(setattr, threading, "excepthook")
    )
    yield Trait("stack size of threads", threading.stack_size, threading.stack_size)
    yield Trait("garbage collection", gc.isenabled, lambda known: gc.enable() if known else gc.disable())
    yield Trait("thresholds of garbage collection", gc.get_threshold, lambda known: gc.set_threshold(*known))
    yield Trait("flags of garbage collection", gc.get_debug, gc.set_debug)
    yield Trait("tracing of memory", is_tracing, lambda known: start() if known else stop())


def _set_hooks(known: tuple[object, ...]) -> None:
    for name, hook in zip(_HOOKS, known, strict=True):
        setattr(sys, name, hook)


def _set_thread_hook(known: Any) -> None:  # noqa: ANN401 - whatever an import has set
    threading.excepthook = known


def _set_traceback_limit(known: int | None) -> None:
    if known is None:
        del sys.tracebacklimit
    else:
        sys.tracebacklimit = known


def _refill(values: list[str], known: list[str]) -> None:
    values[:] = known


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
