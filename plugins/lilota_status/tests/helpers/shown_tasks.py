"""Tasks that are looked at in a browser; most go on when a test has made a file."""

from __future__ import annotations

import io
import time
from pathlib import Path

from lilota import TaskContext, task

#: What would run, close, hide or turn something if a page did not take it as text.
HOSTILE = "\"><svg onload=alert(1)></script><img src=x onerror=alert(2)>javascript:alert(3)\u2028{{7*7}}\u202egpj.exe'`"


def _wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)


@task(description="Thumbnails of your photographs")
def thumbnails(ctx: TaskContext, folder: str, number: int = 4) -> dict:
    """Make one step for each file 1, 2, ... in the folder."""
    ctx.report_progress(step=0, of=number, message="Unpacking")
    for step in range(1, number + 1):
        _wait_for(Path(folder, str(step)))
        ctx.logger.info("photograph %d of %d", step, number)
        ctx.report_progress(step=step, of=number, message=f"photograph {step}")
    ctx.attach(io.BytesIO(b"small pictures"), name="thumbnails.zip", media_type="application/zip")
    return {"photographs": number}


@task(description="Yearly report")
def report(ctx: TaskContext, folder: str) -> None:
    """Say what it does, but not how far it is, until there is a file `end`."""
    ctx.report_progress(message="Reading the ledger")
    _wait_for(Path(folder, "end"))


@task(description="Invoice 20931")
def invoice(ctx: TaskContext) -> None:
    """Fail."""
    ctx.logger.error("550 mailbox full")
    raise RuntimeError("The mail server refused the message: mailbox full.")


@task(description="Scans of a contract")
def many_files(ctx: TaskContext, number: int) -> None:
    """Attach so many files, some with long names."""
    for page in range(1, number + 1):
        name = f"{'page_of_a_contract_with_many_pages_' * 4}{page}.pdf" if page % 10 == 0 else f"page-{page}.pdf"
        ctx.attach(io.BytesIO(b"%PDF" * page * 400), name=name, media_type="application/pdf")


@task(description="incomprehensibilities_" * 20 + "and what everybody knows, again, " * 10)
def endless_words(ctx: TaskContext) -> None:
    """Fail with many words, some of which have no end."""
    ctx.report_progress(70, message="Looking for " + "incomprehensibilities_" * 10)
    raise RuntimeError("The answer can't be read: " + "incomprehensibilities_" * 40 + "as often before. " * 30)


@task(description="Import of customers")
def talk(ctx: TaskContext, lines: int) -> None:
    """Log so many lines, with the colours of a terminal."""
    for number in range(1, lines + 1):
        ctx.logger.info("\x1b[32mrow %d\x1b[0m", number)


@task(description=HOSTILE)
def hostile(ctx: TaskContext, folder: str, text: str = HOSTILE) -> None:
    """Say it in every text that reaches a page, and in the end fail with it."""
    ctx.report_progress(50, message=text)
    ctx.logger.warning("%s", text)
    print(text)  # noqa: T201 - what a task prints is a part of its log
    # Slashes and control characters in names are refused where a file is attached.
    for name in (text.translate({ord("/"): "-", 0x2028: " ", 0x202E: " "}), "javascript:alert(4).html"):
        ctx.attach(io.BytesIO(b"<script>alert(5)</script>"), name=name, media_type="text/html")
    _wait_for(Path(folder, "end"))
    raise RuntimeError(text)


#: Those that wait for files in a folder.
WAITING = (thumbnails, report, hostile)
ALL = (*WAITING, invoice, talk, many_files, endless_words)
