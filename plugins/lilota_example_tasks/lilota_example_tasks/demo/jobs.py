"""What the demo asks of each task, and where its results are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import msgspec

from lilota.models import JSONObject
from lilota_example_tasks.demo.columns import Columns, guess_columns
from lilota_example_tasks.demo.mail_server import HOST
from lilota_example_tasks.demo.samples import make_images, make_sales

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
