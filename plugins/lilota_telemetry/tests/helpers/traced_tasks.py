"""Tasks for the tests of telemetry, importable in worker processes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from typing import ClassVar

from opentelemetry import trace

from lilota.models import TaskBase
from lilota.retry import Backoff

FORMAT = "%(otelTraceID)s %(otelSpanID)s %(message)s"


def current():
    """Return the ids of the current span as in a traceparent."""
    span = trace.get_current_span().get_span_context()
    return {"trace": f"{span.trace_id:032x}", "span": f"{span.span_id:016x}"}


class Look(TaskBase):
    """Returns which span is the current one, and makes one below it."""

    def run(self):
        with trace.get_tracer("shop").start_as_current_span("inner"):
            return current()


class LookAsync(TaskBase):
    """The same in a coroutine."""

    async def run(self):
        await asyncio.sleep(0)
        return current()


class LookTogether(TaskBase):
    """The same in one of several coroutines that run at once: it looks when all are there."""

    concurrent = True
    arrived: ClassVar = asyncio.Barrier(3)

    async def run(self):
        before = current()
        await self.arrived.wait()
        await asyncio.sleep(0)
        return {"before": before, "after": current()}


class Fail(TaskBase):
    """Raises."""

    def run(self):
        raise ValueError("bad file")


class FailTwice(TaskBase):
    """Succeeds in its third attempt."""

    max_attempts = 3
    backoff = Backoff(first_seconds=0.01, jitter=0)

    def run(self):
        if self.task_info.attempt < 3:
            raise ValueError("bad file")


class DieOnce(TaskBase):
    """Kills its worker in the first attempt, of which the runner has heard by then."""

    def run(self):
        if self.task_info.lost_attempts == 0:
            self.wait_until_stored()
            os.kill(os.getpid(), signal.SIGKILL)


class UntilCancelled(TaskBase):
    """Ends when somebody cancels it."""

    def run(self):
        self.set_progress(self.task_info.id, 50)
        while True:
            time.sleep(0.01)


class Stubborn(TaskBase):
    """Does not end when it is asked to."""

    kill_after_seconds = 0.2

    def run(self):
        self.set_progress(self.task_info.id, 50)
        while True:
            with contextlib.suppress(BaseException):
                while True:
                    time.sleep(0.01)


class Log(TaskBase):
    """Logs, and returns the line as a handler of its own formats it."""

    def run(self):
        lines = []
        handler = logging.Handler()
        handler.emit = lambda record: lines.append(logging.Formatter(FORMAT).format(record))
        self.logger.addHandler(handler)
        self.logger.warning("line %d", 1)
        return {"lines": lines, **current()}


class LogBadly(TaskBase):
    """Logs what can't be formatted, and then an error."""

    def run(self):
        self.logger.warning("%d", "one")
        try:
            raise ValueError("bad file")
        except ValueError:
            self.logger.exception("it failed")
