"""The tasks of the demo: what each gets, and what there is to see when it has ended."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import click

from lilota.models import JSONObject
from lilota_example_tasks.demo.mail_server import HOST
from lilota_example_tasks.demo.samples import make_images, make_sales
from lilota_example_tasks.generate_report import MISSING
from lilota_example_tasks.shared import is_number

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


class Material(NamedTuple):
    """What the demo works on, and the folder for all that it makes."""

    folder: Path
    images: Path
    csv_file: Path
    columns: Columns

    @property
    def store_url(self) -> str:
        """A store in a file of the folder."""
        return f"sqlite:///{quote(str(self.folder / 'lilota.db'))}"

    @property
    def mails(self) -> Path:
        """Where the mails go."""
        return self.folder / "mails"


def material(
    folder: Path, images: Path | None, csv_file: Path | None, group_by: str | None, value: str | None
) -> Material:
    """Make the folder, and samples in it of what the user has not brought.

    Raises:
        click.UsageError: the columns of the user's CSV file can't be guessed.
    """
    found = Material(
        folder,
        images or make_images(folder / "samples" / "images"),
        csv_file or make_sales(folder / "samples" / "sales.csv"),
        Columns("product", "amount") if csv_file is None else _columns(csv_file, group_by, value),
    )
    found.mails.mkdir(parents=True, exist_ok=True)
    return found


def jobs_of(given: Material, mail_port: int) -> list[Job]:
    """Return the four tasks of the demo."""
    return [
        _images_job(given.images, given.folder / "images"),
        report_job(given.csv_file, given.folder / "report", given.columns),
        mails_job(given.mails, mail_port),
        _sum_job(),
    ]


def _images_job(source: Path, target: Path) -> Job:
    def results(output: dict[str, Any]) -> str:
        skipped = ", ".join(each["file"] for each in output["skipped"][:3])
        return f"{target}/  {output['images']} thumbnails and WebP" + (f"; skipped {skipped}" if skipped else "")

    data = {"source": str(source), "target": str(target)}
    return Job("process_images", "Thumbnails and WebP of a folder of images", data, results)


def report_job(source: Path, target: Path, columns: Columns) -> Job:
    """Return a report of a table."""
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


def mails_job(mails: Path, port: int) -> Job:
    """Return a mail to each of a dozen people, one of whom the server does not know."""

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
