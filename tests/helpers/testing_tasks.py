"""Tasks for the tests of the testing kit."""

from __future__ import annotations

import asyncio
import time
from calendar import monthrange
from datetime import date

from lilota import Retry, TaskContext, task
from lilota.models import TaskBase


class AddTwo(TaskBase):
    """Adds two numbers, with progress and a line of log."""

    def run(self):
        self.logger.info("adding %s", self.task_info.input)
        self.set_progress(self.task_info.id, 50)
        return {"result": self.task_info.input["a"] + self.task_info.input["b"]}


class Echo(TaskBase):
    """Gives back what it got and what an earlier attempt left."""

    def run(self):
        return {"input": self.task_info.input, "earlier": getattr(self.task_info, "output", None), "pair": (1, 2)}


class Broken(TaskBase):
    """Fails; worth three attempts."""

    max_attempts = 3

    def run(self):
        raise ValueError("no good")


class Later(TaskBase):
    """Asks to come back."""

    def run(self):
        raise Retry(delay_seconds=30, reason="not yet")


class UntilCancelled(TaskBase):
    """Works until somebody cancels it."""

    def run(self):
        while not self.cancelled:
            time.sleep(0.001)
        return {"stopped": True}


class NotJSON(TaskBase):
    """Returns what can't be stored."""

    def run(self):
        return {"when": {1, 2}}


class Checkpoints(TaskBase):
    """Works through its items, keeps in its output which are done, and in `WORKED_ON` which it has begun."""

    def run(self):
        done = list(getattr(self.task_info, "output", {"done": []})["done"])
        for item in self.task_info.input["items"]:
            if item not in done:
                WORKED_ON.append(item)
                done.append(item)
                self.set_output(self.task_info.id, {"done": done})


#: What `Checkpoints` has begun, in this process.
WORKED_ON: list[str] = []


class Adds(TaskBase):
    """Adds other tasks to the store of `CLIENTS`, as an application's module-level client does."""

    def run(self):
        for name in self.task_info.input["names"]:
            CLIENTS[-1].add(name, input=self.task_info.input)


#: The clients of the tests that run; the last is that of the present one.
CLIENTS: list = []


class CancelsItself(TaskBase):
    """Has its own task cancelled, as somebody may while it runs, and looks."""

    def run(self):
        before = self.cancelled
        CLIENTS[-1].cancel(self.task_info.id)
        return {"before": before, "after": self.cancelled}


class Stores(TaskBase):
    """Waits until its output is stored, and returns what the store then has."""

    def run(self):
        self.set_output(self.task_info.id, {"half": True})
        self.set_progress(self.task_info.id, 50)
        self.wait_until_stored()
        info = CLIENTS[-1].get(self.task_info.id).info()
        SEEN.append((info.output, info.progress_percentage))


#: What `Stores` has seen, in this process.
SEEN: list = []


@task(max_attempts=2)
def days_of_month(month: date, extra: int = 0) -> int:
    """Return how many days a month has."""
    return monthrange(month.year, month.month)[1] + extra


@task
def next_day(context: TaskContext, day: date) -> date:
    """Return the next day, and say of which task."""
    context.logger.info("of the task %d, %s", context.task_info.id, context.task_info.name)
    return date.fromordinal(day.toordinal() + 1)


@task
async def greet(name: str, attempt: int = 1) -> str:
    """Have parameters that are called as those of `run_task`."""
    return f"{name} {attempt}"


@task
async def outputs(context: TaskContext, upto: int) -> None:
    """Set one output after the other."""
    for count in range(1, upto + 1):
        await asyncio.sleep(0)
        context.set_output(context.task_info.id, {"count": count})


class Product(TaskBase):
    """Multiplies what its `run` takes."""

    def run(self, a: int, b: int = 2) -> int:
        return a * b
