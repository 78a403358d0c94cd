"""Run the demo: samples, mail server, runner, tasks, and what came of it."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from lilota.client import TaskHandle
from lilota.models import TaskInfo, TaskState
from lilota.runner import TaskRunner
from lilota_example_tasks.demo.jobs import REFUSED, Choices, Job, Paths, make_jobs, make_samples
from lilota_example_tasks.demo.mail_server import MailFolder, running_mail_server
from lilota_example_tasks.demo.screen import STYLES, logs_on, make_screen, printable

REFRESH_SECONDS = 0.1
INTERRUPTED = 130


def run_demo(choices: Choices, *, plain: bool) -> int:
    """Run the demo and return the exit code: 0, 1 if a task did not succeed, 130 if it was interrupted."""
    console = Console(highlight=False)
    paths = Paths(choices.folder)
    console.print("Making samples ...")
    choices = make_samples(choices, paths)
    paths.mails.mkdir(parents=True, exist_ok=True)
    with (
        logs_on(console),
        running_mail_server(MailFolder(paths.mails, refused=REFUSED)) as port,
        TaskRunner(paths.store_url, number_of_processes=2) as runner,
    ):
        jobs = make_jobs(choices, paths, port)
        handles = [runner.add(job.name, job.description, job.input) for job in jobs]
        interrupted = _watch(handles, console, plain=plain)
        infos = [handle.info() for handle in handles]
    _print_results(console, jobs, infos)
    _print_next_commands(console, paths, infos)
    if interrupted:
        return INTERRUPTED
    return 0 if all(info.state is TaskState.SUCCEEDED for info in infos) else 1


def _watch(handles: Sequence[TaskHandle], console: Console, *, plain: bool) -> bool:
    """Show the tasks until all have ended; cancel them on Ctrl-C, and tell whether that happened."""
    with make_screen(console, plain=plain) as screen:
        try:
            _show_until_all_ended(handles, screen.show)
        except KeyboardInterrupt:
            console.print("Cancelling what is not done ...")
            for handle in handles:
                handle.cancel()
            _show_until_all_ended(handles, screen.show)
            return True
    return False


def _show_until_all_ended(handles: Sequence[TaskHandle], show: Callable[[list[TaskInfo]], None]) -> None:
    while True:
        infos = [handle.info() for handle in handles]
        show(infos)
        if all(info.state.is_terminal for info in infos):
            return
        time.sleep(REFRESH_SECONDS)


def _print_results(console: Console, jobs: Sequence[Job], infos: Sequence[TaskInfo]) -> None:
    console.print()
    for job, info in zip(jobs, infos, strict=True):
        console.print(
            f"{job.name:<16}",
            Text(f"{info.state:<10}", STYLES[info.state]),
            printable(_result(job, info)),
            soft_wrap=True,
        )


def _result(job: Job, info: TaskInfo) -> str:
    if info.state is TaskState.SUCCEEDED:
        return job.results(info.output)
    return f"{info.error.type}: {info.error.message}" if info.error else ""


def _print_next_commands(console: Console, paths: Paths, infos: Sequence[TaskInfo]) -> None:
    store = f"--store {shlex.quote(paths.store_url)}"
    console.print("\nThe tasks are kept. Look at them with:")
    for command in (f"list {store}", f"show {infos[0].id} {store}", f"logs {infos[1].id} {store}"):
        console.print(Text(f"  {_program()} {command}", "bold"), soft_wrap=True)


def _program() -> str:
    """Return what to type for `lilota`: the path to it where the shell would not find this one."""
    installed = Path(sys.executable).with_name("lilota")
    found = shutil.which("lilota")
    if not installed.exists() or (found is not None and Path(found).absolute() == installed):
        return "lilota"
    in_folder = installed.is_relative_to(Path.cwd())
    return shlex.quote(str(installed.relative_to(Path.cwd()) if in_folder else installed))
