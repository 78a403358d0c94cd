"""The task of the application."""

from __future__ import annotations

import io
import time

from lilota import TaskContext, task


@task(description="Report")
def make_report(ctx: TaskContext, pages: int) -> None:
    """Write so many pages, half a second each."""
    for page in range(1, pages + 1):
        time.sleep(0.5)  # here it would write the page
        ctx.report_progress(step=page, of=pages, message=f"Page {page}")
    ctx.attach(io.BytesIO(b"page\n" * pages), name="report.txt", media_type="text/plain")
