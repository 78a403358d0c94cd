"""Let each handler of the project's LOGGING see what a task logs once: in the worker, or in the runner.

The runner shows the lines of its workers again, in loggers of the same names. So handlers that write text work there,
in one process, which may also rotate files. Those that send mails or reports work in the worker, with the record as it
was made, its exception included; but those at the root can't: there, lilota's own handler takes their place.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from logging.handlers import SMTPHandler
from typing import Final

#: What records of lines have as their process that come from a worker.
_WORKER: Final = "lilota worker"
#: Of so many records that a handler saw last, it knows a further line.
_REMEMBERED: Final = 500


def fit_to_worker() -> None:
    """Leave text to the runner, and to the task's log."""
    from lilota_django.django_tasks.compat import signals  # noqa: PLC0415 - needs the settings

    if signals.logger.level == logging.NOTSET:
        # It tells of each start and each end, which lilota tells too.
        signals.logger.setLevel(logging.WARNING)
    for logger, handler in _handlers():
        if isinstance(handler, logging.StreamHandler):
            logger.removeHandler(handler)


def fit_to_runner() -> None:
    """Let handlers leave alone what they have seen in the worker, and let one record be one mail."""
    from django.utils.log import AdminEmailHandler  # noqa: PLC0415 - as below

    from lilota_django.django_tasks.compat import signals  # noqa: PLC0415 - needs the settings

    for _, handler in _handlers():
        if not isinstance(handler, logging.StreamHandler):
            _add_once(handler, _NotSeenInWorker(handler))
    for handler in logging.root.handlers:
        if isinstance(handler, AdminEmailHandler | SMTPHandler):
            _add_once(handler, _OneMailEach(signals.logger.name))


class _NotSeenInWorker(logging.Filter):
    """Passes what a handler has not got in the worker: it may stand at the root as well as below."""

    def __init__(self, handler: logging.Handler) -> None:
        super().__init__()
        self._handler = handler

    def filter(self, record: logging.LogRecord) -> bool:
        if record.processName != _WORKER:
            return True
        way = _way_to_root(logging.getLogger(record.name))
        return not any(self._handler in logger.handlers for logger in way if logger is not logging.root)


class _OneMailEach(logging.Filter):
    """Passes the first line of each record of a worker, and nothing of those that say how a task ended.

    The runner tells that itself, also of tasks whose worker died.
    """

    def __init__(self, told_by_runner: str) -> None:
        super().__init__()
        self._told_by_runner = told_by_runner
        self._begun: deque[tuple[object, str, float]] = deque(maxlen=_REMEMBERED)

    def filter(self, record: logging.LogRecord) -> bool:
        if record.processName != _WORKER:
            return True
        # The lines of one record have its instant in common.
        begun = getattr(record, "task_id", None), record.name, record.created
        if record.name == self._told_by_runner or begun in self._begun:
            return False
        self._begun.append(begun)
        return True


def _add_once(handler: logging.Handler, added: logging.Filter) -> None:
    """Add a filter, unless there is one of its kind: a process may start several runners."""
    if not any(isinstance(present, type(added)) for present in handler.filters):
        handler.addFilter(added)


def _handlers() -> Iterator[tuple[logging.Logger, logging.Handler]]:
    """Return the handlers of the loggers below the root whose records reach it: where lilota takes them."""
    for logger in list(logging.Logger.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger) and logging.root in _way_to_root(logger):
            for handler in list(logger.handlers):
                yield logger, handler


def _way_to_root(logger: logging.Logger) -> Iterator[logging.Logger]:
    """Return the loggers whose handlers see the records of one: up to the root, or to the last that propagates not."""
    yield logger
    while logger.propagate and logger.parent is not None:
        logger = logger.parent
        yield logger
