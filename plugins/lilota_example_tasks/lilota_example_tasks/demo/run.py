"""Run the demo: samples, mail server, runner, tasks, and what came of it."""

from __future__ import annotations

import contextlib
import csv
import itertools
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import click
from rich.console import Console
from rich.text import Text

from lilota.client import TaskHandle
from lilota.models import JSONObject, TaskInfo, TaskState
from lilota.runner import TaskRunner
from lilota.texts.safe import safe
from lilota_example_tasks.demo.mail_server import HOST, MailFolder, running_mail_server
from lilota_example_tasks.demo.samples import make_images, make_sales
from lilota_example_tasks.demo.screen import STYLES, Show, screen
from lilota_example_tasks.generate_report import MISSING
from lilota_example_tasks.shared import is_number

REFRESH_SECONDS: Final = 0.1
INTERRUPTED: Final = 130
ROWS_LOOKED_AT: Final = 2000
REFUSED: Final = "closed@example.org"
NAMES: Final = ("Ada", "Alan", "Blaise", "Dorothy", "Edsger", "Frances", "Grace", "Hedy", "John", "Katherine", "Radia")


class Job(NamedTuple):
    """One task of the demo; `results` turns its output into a line about what there is to see."""

    name: str
    description: str
    input: JSONObject
    results: Callable[[JSONObject], str]


class Columns(NamedTuple):
    """The column to group by, and the one with the numbers."""

    group_by: str
    value: str


def run_demo(
    folder: Path, images: Path | None, csv_file: Path | None, group_by: str | None, value: str | None, *, plain: bool
) -> int:
    """Run the demo and return the exit code: 0, 1 if a task did not succeed, 130 if it was interrupted.

    Raises:
        click.UsageError: the columns of the user's CSV file can't be guessed.
    """
    console = Console(highlight=False)
    store_url = f"sqlite:///{quote(str(folder / 'lilota.db'))}"
    mails = folder / "mails"
    console.print("Making samples ...")
    mails.mkdir(parents=True, exist_ok=True)
    thumbnails = _images_job(images or make_images(folder / "samples" / "images"), folder / "images")
    if csv_file is None:
        csv_file, columns = make_sales(folder / "samples" / "sales.csv"), Columns("product", "amount")
    else:
        columns = _columns(csv_file, group_by, value)
    report = _report_job(csv_file, folder / "report", columns)
    with (
        # Where the bars are: the command line writes warnings to standard error, and another writer would tear them.
        contextlib.redirect_stderr(sys.stdout),
        running_mail_server(MailFolder(mails, refused=REFUSED)) as port,
        TaskRunner(store_url, number_of_processes=2) as runner,
    ):
        jobs = [thumbnails, report, _mails_job(mails, port), _sum_job()]
        handles = [runner.add(job.name, job.description, job.input) for job in jobs]
        interrupted = _watch(handles, console, plain=plain)
        infos = [handle.info() for handle in handles]
    _print_results(console, jobs, infos)
    _print_next_commands(console, store_url, infos)
    if interrupted:
        return INTERRUPTED
    return 0 if all(info.state is TaskState.SUCCEEDED for info in infos) else 1


# --- the tasks


def _images_job(source: Path, target: Path) -> Job:
    def results(output: dict[str, Any]) -> str:
        skipped = ", ".join(each["file"] for each in output["skipped"][:3])
        return f"{target}/  {output['images']} thumbnails and WebP" + (f"; skipped {skipped}" if skipped else "")

    data = {"source": str(source), "target": str(target)}
    return Job("process_images", "Thumbnails and WebP of a folder of images", data, results)


def _report_job(source: Path, target: Path, columns: Columns) -> Job:
    return Job(
        "generate_report",
        f"Report: {columns.value} by {columns.group_by}",
        {"source": str(source), "target": str(target), **columns._asdict()},
        lambda output: f"{target}/report.pdf  {output['rows']:,} rows in {output['groups']:,} groups",
    )


def _columns(csv_file: Path, group_by: str | None, value: str | None) -> Columns:
    if group_by and value:
        return Columns(group_by, value)
    guessed = guess_columns(csv_file)
    if guessed is None:
        raise click.UsageError(f"'{csv_file}' has no column to report on. Name --group-by and --value.")
    return Columns(group_by or guessed.group_by, value or guessed.value)


def guess_columns(path: Path) -> Columns | None:
    """Return the last column of numbers, and the column of texts with the fewest different ones; None without either.

    Looks at the beginning of the file only.
    """
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        sample = [row for row in itertools.islice(rows, ROWS_LOOKED_AT) if len(row) == len(header)]
    texts = [{row[index] for row in sample}.difference(MISSING) for index in range(len(header))]
    numbers = [name for name, values in zip(header, texts, strict=True) if values and all(map(is_number, values))]
    others = [(len(values), name) for name, values in zip(header, texts, strict=True) if name not in numbers]
    groups = [(count, name) for count, name in others if count > 1] or others
    return Columns(group_by=min(groups)[1].strip(), value=numbers[-1].strip()) if numbers and groups else None


def _mails_job(mails: Path, port: int) -> Job:
    def results(output: dict[str, Any]) -> str:
        failed = "; ".join(f"{each['address']}: {each['reason']}" for each in output["failed"][:3])
        return f"{mails}/  {len(output['sent'])} mails; {failed}"

    people = [{"address": f"{name.lower()}@example.org", "name": name, "number": i} for i, name in enumerate(NAMES, 1)]
    people.insert(4, {"address": REFUSED, "name": "Nobody", "number": 0})
    data = {
        "server": {"host": HOST, "port": port, "security": "none"},
        "sender": "lilota demo <demo@example.org>",
        "subject": "Number $number: your report is ready, $name",
        "body": "Hello $name,\n\nyour report is ready. You are reader number $number.\n\nlilota\n",
        "recipients": people,
    }
    return Job("send_emails", "A mail to each of a dozen people", data, results)


def _sum_job() -> Job:
    data = {"number1": 1, "number2": 2}
    return Job("add_two_numbers", "The smallest task there is", data, lambda output: f"1 + 2 = {output['result']}")


# --- what is shown


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


def _print_next_commands(console: Console, store_url: str, infos: Sequence[TaskInfo]) -> None:
    store = f"--store {shlex.quote(store_url)}"
    console.print("\nThe tasks are kept. Look at them with:")
    for command in (f"list {store}", f"show {infos[0].id} {store}", f"logs {infos[1].id} {store}"):
        console.print(Text(f"  {_program()} {command}", "bold"), soft_wrap=True)


def _program() -> str:
    """Return what to type for `lilota`, also where the shell would not find this one."""
    is_found = shutil.which("lilota") == str(Path(sys.executable).with_name("lilota"))
    return "lilota" if is_found else f"{shlex.quote(sys.executable)} -m lilota"
