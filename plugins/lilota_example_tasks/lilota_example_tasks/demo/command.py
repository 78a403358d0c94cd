"""The command line of `lilota demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

_FOLDER: Final = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--images", type=_FOLDER, help="A folder with images of your own, instead of painted ones.")
@click.option("--csv", "csv_file", type=_FILE, help="A CSV file of your own to report on, instead of made-up sales.")
@click.option("--group-by", help="With --csv: the column to group by; guessed if left out.")
@click.option("--value", help="With --csv: the column with the numbers; guessed if left out.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("lilota-demo"),
    show_default=True,
    help="Where everything goes: samples, results and the store.",
)
@click.option("--plain", is_flag=True, help="Print plain lines instead of progress bars.")
def demo(
    *, images: Path | None, csv_file: Path | None, group_by: str | None, value: str | None, folder: Path, plain: bool
) -> None:
    """Run the example tasks, watch them, and see what they made.

    Images become thumbnails and WebP, a CSV file of 200,000 rows becomes a report with a chart, and a dozen mails go to
    a mail server that runs as long as the demo. The tasks run in two processes, from a store in a SQLite file.
    """
    if csv_file is None and (group_by or value):
        raise click.UsageError("--group-by and --value are columns of the file that --csv names.")
    # Imported here because `lilota` loads this module at each start.
    from lilota_example_tasks.demo.run import run_demo  # noqa: PLC0415 - it loads Pillow and a mail server

    raise SystemExit(run_demo(folder, images, csv_file, group_by, value, plain=plain))
