"""The tasks that the right and the wrong uses are about."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from lilota import TaskBase, TaskContext, task


@dataclass
class Report:
    month: str


@task
def make_report(month: str, width: int = 80) -> Report:
    return Report(month)


@task(name="reports:yearly", max_attempts=3, timeout_seconds=60, queue="reports")
def make_yearly(context: TaskContext, year: int) -> list[Report]:
    context.logger.info("%d", year)
    return []


@task(concurrent=True)
async def fetch(url: str) -> bytes:
    return url.encode()


@task
def show(value: object) -> str:
    return str(value)


@task
def clean() -> None: ...


class Resize(TaskBase):
    def run(self, photo: UUID, width: int = 800) -> str:
        return f"{photo} {width}"


class Plain(TaskBase):
    def run(self) -> dict[str, int] | None:
        return None
