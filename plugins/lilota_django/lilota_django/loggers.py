"""Let each handler of the project's LOGGING see what a task logs once: in the worker, or in the runner.

The runner shows the lines of its workers again, in loggers of the same names. So handlers that write text work there,
in one process, which may also rotate files. Those that send mails or reports work in the worker, with the record as it
was made, its exception included.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final

#: What records of lines have as their process that come from a worker.
_WORKER: Final = "lilota worker"


def fit_to_worker() -> None:
    """Leave text to the runner, and to the task's log."""
    from lilota_django.compat import signals  # noqa: PLC0415 - needs the settings

    if signals.logger.level == logging.NOTSET:
        # It tells of each start and each end, which lilota tells too.
        signals.logger.setLevel(logging.WARNING)
    for logger, handler in _handlers():
        if isinstance(handler, logging.StreamHandler):
            logger.removeHandler(handler)


def fit_to_runner() -> None:
    """Let handlers leave alone what they have seen in the worker."""
    for _, handler in _handlers():
        if not isinstance(handler, logging.StreamHandler):
            handler.addFilter(_is_of_this_process)


def _is_of_this_process(record: logging.LogRecord) -> bool:
    return record.processName != _WORKER


def _handlers() -> Iterator[tuple[logging.Logger, logging.Handler]]:
    """Return the handlers of the loggers below the root whose records reach it: where lilota takes them."""
    for logger in list(logging.Logger.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger) and _reaches_root(logger):
            for handler in list(logger.handlers):
                yield logger, handler


def _reaches_root(logger: logging.Logger) -> bool:
    while logger.propagate and logger.parent is not None:
        logger = logger.parent
    return logger is logging.root
