"""What a task may change about loggers, put back: what one task silences, the next one wants to say."""

from __future__ import annotations

import logging
from operator import itemgetter
from typing import Any, Final

# Of `vars()`, which is quicker than the attributes: this is asked for every logger after every attempt.
_LOGGER: Final = itemgetter("level", "disabled", "propagate", "handlers", "filters")
_HANDLER: Final = itemgetter("level", "formatter", "filters")
#: The loggers of runners are in a worker too, which shares its memory with others, but nothing speaks there.
_OF_RUNNERS: Final = "lilota.running"


class Loggers:
    """All loggers of this process, and the handlers at the root.

    A logger that comes into being in an attempt is taken as it is found: mostly, an import has made it, and set it up.
    """

    def remember(self) -> None:
        """Take what is now for what should be."""
        self._loggers: dict[logging.Logger, dict[str, Any]] = {logging.root: vars(logging.root)}
        self._states = [_copy(_LOGGER(vars(logging.root)))]
        self._add_new_ones()
        self._handlers = [vars(handler) for handler in logging.root.handlers]
        self._handler_states = [_copy(_HANDLER(handler)) for handler in self._handlers]

    def restore(self) -> None:
        """Put back what differs."""
        if [*map(_LOGGER, self._loggers.values())] != self._states:
            for logger, state in zip(self._loggers, self._states, strict=True):
                if _LOGGER(vars(logger)) != state:
                    _set_logger(logger, _copy(state))
        if [*map(_HANDLER, self._handlers)] != self._handler_states:
            for handler, state in zip(self._handlers, self._handler_states, strict=True):
                handler["level"], handler["formatter"], handler["filters"] = _copy(state)
        if len(logging.root.manager.loggerDict) != self._count:
            self._add_new_ones()

    def _add_new_ones(self) -> None:
        by_name = logging.root.manager.loggerDict
        self._count = len(by_name)
        for name in [*by_name]:
            if name.startswith(_OF_RUNNERS):
                continue
            logger = logging.getLogger(name)  # made where it was only a place between others, which a task may fill
            if logger not in self._loggers:
                self._loggers[logger] = vars(logger)
                self._states.append(_copy(_LOGGER(vars(logger))))


def _copy(state: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value[:] if isinstance(value, list) else value for value in state)


def _set_logger(logger: logging.Logger, state: tuple[Any, ...]) -> None:
    level, logger.disabled, logger.propagate, logger.handlers, logger.filters = state
    if logger.level != level:
        logger.setLevel(level)  # not cheap: every logger has to forget what it knows of it
