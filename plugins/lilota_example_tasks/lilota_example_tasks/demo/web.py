"""Run the demo with the dashboard: there is always something that runs, waits, has failed or was cancelled."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console

from lilota.client import TaskHandle
from lilota.models import TaskState
from lilota.runner import TaskRunner
from lilota_example_tasks.demo.jobs import REFUSED, Columns, Job, Material, jobs_of, mails_job, report_job
from lilota_example_tasks.demo.mail_server import MailFolder, running_mail_server
from lilota_example_tasks.demo.packing import pack_folder
from lilota_example_tasks.demo.run import INTERRUPTED, print_commands

#: So that a bar moves for a while, and costs nothing meanwhile.
MAILS_PER_MINUTE: Final = 20
SECONDS_BETWEEN: Final = 2.0
#: Some wait, and the line does not grow, however long somebody looks.
MOST_AT_A_TIME: Final = 6
TOMORROW: Final = 24 * 3600.0
WITHDRAWN: Final = "A newsletter that is withdrawn"


def run_web_demo(given: Material, show: Callable[[str], None]) -> int:
    """Run tasks as long as `show`, which gets the URL of the store, shows them; return the exit code."""
    console = Console(highlight=False)
    runner = TaskRunner(given.store_url, number_of_processes=2)
    runner.register(pack_folder)
    with running_mail_server(MailFolder(given.mails, refused=REFUSED)) as port, _no_lines_of_tasks(), runner:
        try:
            report = report_job(given.csv_file, given.folder / "report", given.columns)
            _add(runner, report._replace(description="The report of tomorrow"), delay_seconds=TOMORROW)
            with _busy(runner, _jobs(given, port)):
                show(given.store_url)
        except KeyboardInterrupt:
            console.print("Cancelling what is not done ...")
        finally:
            runner.client.cancel(states=[TaskState.PENDING, TaskState.RUNNING])
    print_commands(console, given.store_url, ("dashboard", "list"))
    return INTERRUPTED


def _jobs(given: Material, port: int) -> list[Job]:
    """Return what is done over and over, in this order."""
    newsletter = _slowly(mails_job(given.mails, port), "A newsletter")
    wrong = report_job(given.csv_file, given.folder / "report", Columns("colour", given.columns.value))
    packing = Job("pack_folder", "A ZIP file of the images", {"folder": str(given.images)}, repr)
    return [newsletter, newsletter._replace(description=WITHDRAWN), *jobs_of(given, port), packing, wrong]


def _slowly(job: Job, description: str) -> Job:
    return job._replace(description=description, input={**job.input, "mails_per_minute": MAILS_PER_MINUTE})


@contextmanager
def _no_lines_of_tasks() -> Iterator[None]:
    """Leave out on the terminal what is logged of a task: its page has that."""
    handlers = tuple(logging.getLogger().handlers)
    for handler in handlers:
        handler.addFilter(_is_of_no_task)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(_is_of_no_task)


def _is_of_no_task(record: logging.LogRecord) -> bool:
    return not hasattr(record, "task_id")


@contextmanager
def _busy(runner: TaskRunner, jobs: Sequence[Job]) -> Iterator[None]:
    """Add tasks in a thread until the block is left."""
    stop = threading.Event()
    thread = threading.Thread(target=_add_until, args=(stop, runner, jobs), name="demo")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _add_until(stop: threading.Event, runner: TaskRunner, jobs: Sequence[Job]) -> None:
    """Add one after the other, from the first again behind the last; withdraw those that are to be withdrawn."""
    open_ones: list[TaskHandle[Any]] = []
    for job in itertools.cycle(jobs):
        newest = _add(runner, job)
        open_ones.append(newest)
        while not stop.wait(SECONDS_BETWEEN) and len(open_ones) >= MOST_AT_A_TIME:
            open_ones = [handle for handle in open_ones if not handle.info().state.is_terminal]
        if stop.is_set():
            return
        if job.description == WITHDRAWN:
            runner.client.cancel(newest.id)


def _add(runner: TaskRunner, job: Job, delay_seconds: float = 0) -> TaskHandle[Any]:
    return runner.add(job.name, job.description, job.input, delay_seconds=delay_seconds)
