"""Run the demo: samples, mail server, runner, tasks, and what came of it."""

from __future__ import annotations

import csv
import itertools
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import click
import msgspec
from rich.console import Console
from rich.text import Text

from lilota.client import TaskHandle
from lilota.models import JSONObject, TaskInfo, TaskState
from lilota.runner import TaskRunner
from lilota_example_tasks.demo.mail_server import HOST, MailFolder, running_mail_server
from lilota_example_tasks.demo.samples import make_images, make_sales
from lilota_example_tasks.demo.screen import STYLES, logs_on, make_screen, printable
from lilota_example_tasks.generate_report import MISSING

ROWS_LOOKED_AT = 2000


class Columns(NamedTuple):
    """The column to group by, and the one with the numbers."""

    group_by: str
    value: str


def guess_columns(path: Path) -> Columns | None:
    """Return the last column of numbers, and the column of texts with the fewest different ones; None without either.

    Looks at the beginning of the file only.
    """
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        sample = [row for row in itertools.islice(rows, ROWS_LOOKED_AT) if len(row) == len(header)]
    texts = [{row[index] for row in sample}.difference(MISSING) for index in range(len(header))]
    numbers = [name for name, values in zip(header, texts, strict=True) if values and all(map(_is_number, values))]
    others = [(len(values), name) for name, values in zip(header, texts, strict=True) if name not in numbers]
    groups = [(count, name) for count, name in others if count > 1] or others
    return Columns(group_by=min(groups)[1].strip(), value=numbers[-1].strip()) if numbers and groups else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


REFUSED = "closed@example.org"
NAMES = ("Ada", "Blaise", "Charles", "Dorothy", "Edsger", "Frances", "Grace", "Hedy", "John", "Katherine", "Radia")


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What the user chose."""

    folder: Path
    images: Path | None = None
    csv_file: Path | None = None
    group_by: str | None = None
    value: str | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One task of the demo.

    Attributes:
        results: turns the output into a line about what there is to see.
    """

    name: str
    description: str
    input: JSONObject
    results: Callable[[JSONObject], str]


class Paths:
    """The places in the demo's folder."""

    def __init__(self, folder: Path) -> None:
        self.samples = folder / "samples"
        self.images = folder / "images"
        self.report = folder / "report"
        self.mails = folder / "mails"
        self.store = folder / "lilota.db"

    @property
    def store_url(self) -> str:
        return f"sqlite:///{quote(str(self.store))}"


def make_samples(choices: Choices, paths: Paths) -> Choices:
    """Make what the user did not bring, and return the choices with it."""
    paths.samples.mkdir(parents=True, exist_ok=True)
    images, csv_file = choices.images, choices.csv_file
    if images is None:
        images = paths.samples / "images"
        make_images(images)
    if csv_file is None:
        csv_file = paths.samples / "sales.csv"
        make_sales(csv_file)
        choices = msgspec.structs.replace(choices, group_by="product", value="amount")
    return msgspec.structs.replace(choices, images=images, csv_file=csv_file)


def make_jobs(choices: Choices, paths: Paths, mail_port: int) -> list[Job]:
    """Return the four tasks.

    Raises:
        click.UsageError: the columns of the user's CSV file can't be guessed.
    """
    return [_images(choices, paths), _report(choices, paths), _mails(paths, mail_port), _sum()]


def _images(choices: Choices, paths: Paths) -> Job:
    def results(output: dict[str, Any]) -> str:
        skipped = ", ".join(each["file"] for each in output["skipped"][:3])
        return f"{paths.images}/  {output['images']} thumbnails and WebP" + (f"; skipped {skipped}" if skipped else "")

    return Job(
        name="process_images",
        description="Thumbnails and WebP of a folder of images",
        input={"source": str(choices.images), "target": str(paths.images)},
        results=results,
    )


def _report(choices: Choices, paths: Paths) -> Job:
    columns = _columns(choices)
    return Job(
        name="generate_report",
        description=f"Report: {columns.value} by {columns.group_by}",
        input={"source": str(choices.csv_file), "target": str(paths.report), **columns._asdict()},
        results=lambda output: f"{paths.report}/report.pdf  {output['rows']:,} rows in {output['groups']:,} groups",
    )


def _columns(choices: Choices) -> Columns:
    if choices.group_by and choices.value:
        return Columns(choices.group_by, choices.value)
    guessed = guess_columns(choices.csv_file) if choices.csv_file else None
    if guessed is None:
        raise click.UsageError(f"'{choices.csv_file}' has no column to report on. Name --group-by and --value.")
    return Columns(choices.group_by or guessed.group_by, choices.value or guessed.value)


def _mails(paths: Paths, port: int) -> Job:
    people = [{"address": f"{name.lower()}@example.org", "name": name, "number": i} for i, name in enumerate(NAMES, 1)]
    people.insert(4, {"address": REFUSED, "name": "Nobody", "number": 0})
    return Job(
        name="send_emails",
        description="A mail to each of a dozen people",
        input={
            "server": {"host": HOST, "port": port, "security": "none"},
            "sender": "lilota demo <demo@example.org>",
            "subject": "Number $number: your report is ready, $name",
            "body": "Hello $name,\n\nyour report is ready. You are reader number $number.\n\nlilota\n",
            "recipients": people,
        },
        results=lambda output: (
            f"{paths.mails}/  {len(output['sent'])} mails; "
            + "; ".join(f"{each['address']}: {each['reason']}" for each in output["failed"][:3])
        ),
    )


def _sum() -> Job:
    return Job(
        name="add_two_numbers",
        description="The smallest task there is",
        input={"number1": 1, "number2": 2},
        results=lambda output: f"1 + 2 = {output['result']}",
    )


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
