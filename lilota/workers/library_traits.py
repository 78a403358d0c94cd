"""What modules of the standard library keep for the whole process, and the next task would feel."""

from __future__ import annotations

import _locale
import gc
import locale
import logging
import random
import socket
import sys
import time
import warnings
from collections.abc import Iterator
from functools import partial
from operator import attrgetter
from typing import Any, Final

from lilota.workers.traits import Trait, variables_of

_POLICY: Final = "_event_loop_policy"
_OF_LOGGING: Final = ("raiseExceptions", "_loggerClass", "_logRecordFactory")
_OF_WARNINGS: Final = ("filters", "onceregistry", "showwarning", "formatwarning")


def library_traits() -> Iterator[Trait]:
    """Return what can be put back of `asyncio`, `logging`, `warnings`, `locale`, `time` and `socket`."""
    yield Trait("event loop", _event_loop, _set_event_loop)
    yield Trait("disabled level", partial(attrgetter("disable"), logging.root.manager), logging.disable)
    yield variables_of(logging, "settings of logging", *_OF_LOGGING, put_back=_set_logging)
    yield variables_of(warnings, "warnings", *_OF_WARNINGS, put_back=_set_warnings)
    # The function in C, which is all that `locale.setlocale` calls when it only asks.
    yield Trait("locale", partial(_locale.setlocale, locale.LC_ALL), partial(locale.setlocale, locale.LC_ALL))
    yield variables_of(time, "time zone", "tzname", "timezone", "altzone", put_back=lambda _: time.tzset())
    yield Trait("timeout of sockets", socket.getdefaulttimeout, socket.setdefaulttimeout)


def _set_logging(known: tuple[Any, ...]) -> None:
    vars(logging).update(zip(_OF_LOGGING, known, strict=True))


def _set_warnings(known: tuple[list[Any], dict[object, object], Any, Any]) -> None:
    filters, shown_once, show, form = known
    warnings.filters = filters[:]
    with warnings.catch_warnings():  # which, in passing, makes every module forget what it knows of the filters
        pass
    once: dict[object, object] = vars(warnings)["onceregistry"]
    once.clear()
    once.update(shown_once)
    if show is vars(logging)["_showwarning"]:
        logging.captureWarnings(capture=True)  # sets it too, and keeps the one that it takes the place of
    warnings.showwarning, warnings.formatwarning = show, form


def _event_loop() -> tuple[Any, Any]:
    """Return the policy and its loop, without making either."""
    # Not imported here, because most tasks need no asyncio: what nobody has imported has neither.
    events = sys.modules.get("asyncio.events")
    # Public only where it is deprecated (from 3.14 on), and to ask in public makes one where there is none.
    policy = None if events is None else vars(events).get(_POLICY)
    return policy, getattr(getattr(policy, "_local", None), "_loop", None)


def _set_event_loop(known: tuple[Any, Any]) -> None:
    policy, known_loop = known
    _, loop = _event_loop()
    vars(sys.modules["asyncio.events"])[_POLICY] = policy
    if policy is not None:
        policy.set_event_loop(known_loop)
    if loop not in (None, known_loop) and not loop.is_closed():
        # Later, in the middle of another task, it would reset signal handlers, and tell of what is pending.
        loop.close()
        del loop
        gc.collect()


class RandomNumbers:
    """The numbers of the module `random`: after a seed that a task has set they begin anew, from the system's.

    To compare the whole state would cost more than everything else here. But who seeds, or sets a state, also changes
    `gauss_next`, the second of two numbers that `random.gauss` makes at a time. So one is kept there.
    """

    def __init__(self) -> None:
        self._generator: Any = vars(random)["_inst"]
        self._mark: float | None = None

    def remember(self) -> None:
        """Take what is now for what should be: an import may seed."""
        if self._generator.gauss_next is None:
            self._set_mark()
        self._mark = self._generator.gauss_next

    def restore(self) -> None:
        """Seed anew if somebody else has, or has used up the mark."""
        if self._generator.gauss_next is not self._mark:
            random.seed()
            self.remember()

    def _set_mark(self) -> None:
        # From another generator: this one is not to lose numbers, since somebody may count on the seed of an import.
        other: Any = random.Random()  # noqa: S311 - not for secrets
        other.gauss()
        self._generator.gauss_next = other.gauss_next
