"""Run the demo: samples, mail server, runner, tasks, and what came of it."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from lilota.client import TaskHandle
from lilota.models import TaskInfo, TaskState
from lilota.runner import TaskRunner
from lilota.texts.safe import safe
from lilota_example_tasks.demo.jobs import REFUSED, Job, Material, jobs_of
from lilota_example_tasks.demo.mail_server import MailFolder, running_mail_server
from lilota_example_tasks.demo.screen import STYLES, Show, screen

REFRESH_SECONDS: Final = 0.1
INTERRUPTED: Final = 130


def run_demo(given: Material, *, plain: bool) -> int:
    """Run the demo and return the exit code: 0, 1 if a task did not succeed, 130 if it was interrupted."""
    console = Console(highlight=False)
    with (
        # Where the bars are: the command line writes warnings to standard error, and another writer would tear them.
        contextlib.redirect_stderr(sys.stdout),
        running_mail_server(MailFolder(given.mails, refused=REFUSED)) as port,
        TaskRunner(given.store_url, number_of_processes=2) as runner,
    ):
        jobs = jobs_of(given, port)
        handles = [runner.add(job.name, job.description, job.input) for job in jobs]
        interrupted = _watch(handles, console, plain=plain)
        infos = [handle.info() for handle in handles]
    _print_results(console, jobs, infos)
    print_commands(console, given.store_url, ("list", f"show {infos[0].id}", f"logs {infos[1].id}"))
    if interrupted:
        return INTERRUPTED
    return 0 if all(info.state is TaskState.SUCCEEDED for info in infos) else 1


def print_commands(console: Console, store_url: str, commands: Sequence[str]) -> None:
    """Print what to type to look at the tasks again."""
    console.print("\nThe tasks are kept. Look at them with:")
    for command in commands:
        console.print(Text(f"  {_program()} {command} --store {shlex.quote(store_url)}", "bold"), soft_wrap=True)


def _watch(handles: Sequence[TaskHandle[Any]], console: Console, *, plain: bool) -> bool:
    """Show the tasks until all have ended; cancel them on Ctrl-C, and tell whether that happened."""
    with screen(console, plain=plain) as show:
        try:
            _show_until_all_ended(handles, show)
        except KeyboardInterrupt:
            console.print("Cancelling what is not done ...")
            for handle in handles:
                handle.cancel()
            _show_until_all_ended(handles, show)
            return True
    return False


def _show_until_all_ended(handles: Sequence[TaskHandle[Any]], show: Show) -> None:
    while True:
        infos = [handle.info() for handle in handles]
        show(infos)
        if all(info.state.is_terminal for info in infos):
            return
        time.sleep(REFRESH_SECONDS)


def _print_results(console: Console, jobs: Sequence[Job], infos: Sequence[TaskInfo]) -> None:
    console.print()
    for job, info in zip(jobs, infos, strict=True):
        state = Text(f"{info.state:<10}", STYLES[info.state])
        console.print(f"{job.name:<16}", state, Text(safe(_result(job, info))), soft_wrap=True)


def _result(job: Job, info: TaskInfo) -> str:
    if info.state is TaskState.SUCCEEDED:
        return job.results(info.output)
    return f"{info.error.type}: {info.error.message}" if info.error else ""


def _program() -> str:
    """Return what to type for `lilota`, also where the shell would not find this one."""
    is_found = shutil.which("lilota") == str(Path(sys.executable).with_name("lilota"))
    return "lilota" if is_found else f"{shlex.quote(sys.executable)} -m lilota"
