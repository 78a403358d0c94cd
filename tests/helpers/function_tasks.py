"""Functions that are tasks, and classes whose `run` has parameters, for worker processes to import."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from lilota import TaskBase, TaskContext, task
from lilota.tasks.secret_values import Secret


@dataclass
class Report:
    month: str
    days: list[date]


@task(queue="reports", priority=7, description="A report", max_lost_attempts=2)
def make_report(context: TaskContext, month: str, days: int = 1) -> Report:
    context.logger.info("reporting %s", month)
    return Report(month, [date(2026, 3, 1 + day) for day in range(days)])


@task
def plus(first: int, second: int = 1) -> int:
    return first + second


@task
def result_in_dict(value: int) -> dict[str, int]:
    return {"result": value}


@task
def untyped(value, times=2):
    return value * times


@task
def nothing() -> None:
    """Do nothing."""


@task
def log_in(user: str, password_: Secret[str], pin: Secret[int] | None = None) -> str:
    return f"{user} {len(password_.reveal())}"


@task(name="asynchronous")
async def later(value: int) -> int:
    return value + 1


@task(max_attempts=3)
def failing(value: int) -> int:
    raise ConnectionError(value)


@task
def wrongly_annotated() -> int:
    return "three"  # type: ignore[return-value]  # the mistake that is meant


class Resize(TaskBase):
    def run(self, photo: str, width: int = 800) -> tuple[str, int]:
        self.logger.info("resizing")
        return photo, width


@task
def whose(context: TaskContext) -> str | None:
    return context.task_info.owner
