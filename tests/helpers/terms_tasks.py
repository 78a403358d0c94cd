"""Tasks with terms: times to start and to end, an input to forget, a version."""

from __future__ import annotations

from lilota import task
from lilota.errors import Retry
from lilota.models import TaskBase, TaskContext


class Plain(TaskBase):
    def run(self):
        return {}


class Strict(Plain):
    expires_after_seconds = 60
    deadline_seconds = 600.0
    keep_input = False
    version = "2.1"


@task(expires_after_seconds=30, version=3)
def of_function(number: int = 0) -> int:
    return number


@task(expires_after_seconds=60)
def patient(ctx: TaskContext, times: int) -> int:
    """Come back as often; how often it did is in its output."""
    done = (ctx.task_info.result or {"done": 0})["done"]
    if done < times:
        ctx.set_output(ctx.task_info.id, {"done": done + 1})
        raise Retry(delay_seconds=50)
    return done


@task(deadline_seconds=100)
def polling() -> None:
    """Ask to come back for ever."""
    raise Retry(delay_seconds=30, reason="not yet")


@task(version=2)
def renewed() -> str:
    return "new"
