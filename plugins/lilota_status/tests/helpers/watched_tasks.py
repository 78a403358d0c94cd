"""Tasks that the tests watch."""

from __future__ import annotations

import os
import time
from pathlib import Path

from lilota import TaskContext, task


@task
def quick(number: int = 2) -> int:
    """Succeed at once."""
    return number * 21


@task
def wait_for(ctx: TaskContext, path: str) -> str:
    """Tell how far it is, and end when there is a file."""
    ctx.report_progress(step=1, of=4, message="Waiting for a file")
    ctx.logger.info("It begins")
    while not os.path.exists(path):
        time.sleep(0.01)
    ctx.logger.info("It ends")
    return Path(path).read_text(encoding="utf-8")


@task
def tell(ctx: TaskContext, lines: int, text: str = "line") -> None:
    """Log so many lines."""
    for number in range(1, lines + 1):
        ctx.logger.info("%s %d", text, number)


@task
def attach(ctx: TaskContext, files: dict[str, str], media_type: str | None = None) -> None:
    """Attach files with such names and texts."""
    import io

    for name, text in files.items():
        ctx.attach(io.BytesIO(text.encode()), name=name, media_type=media_type)


@task
def fail(text: str) -> None:
    """Fail with a text."""
    raise RuntimeError(text)


ALL = (quick, wait_for, tell, attach, fail)
