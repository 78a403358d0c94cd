"""Tasks of which somebody is told, and deliveries that do not wait for long between their attempts."""

from __future__ import annotations

import time
from pathlib import Path

from lilota_notify.events import Event  # noqa: TC002 - lilota reads the annotations
from lilota_notify.posting import post

from lilota import Backoff, Secret, TaskContext, task


@task
def double(number: int) -> int:
    return 2 * number


@task
def fail(message: str) -> None:
    raise ValueError(message)


@task(max_attempts=2, backoff=Backoff(first_seconds=0.05))
def fail_once(ctx: TaskContext) -> None:
    if ctx.task_info.attempt == 1:
        raise ValueError("not yet")


@task
def wait_for_file(path: Path) -> None:
    while not path.exists():
        time.sleep(0.02)


@task(max_attempts=30, backoff=Backoff(first_seconds=0.05, max_seconds=0.2))
def quick_post(ctx: TaskContext, url: Secret[str], event: Event) -> dict[str, int]:
    return post(ctx, url, event)
