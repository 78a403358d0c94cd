"""The command line of `lilota demo`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

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
@click.option("--web", is_flag=True, help="Show the tasks in a browser instead, and add more until Ctrl-C.")
@click.pass_context
def demo(
    context: click.Context,
    *,
    images: Path | None,
    csv_file: Path | None,
    group_by: str | None,
    value: str | None,
    folder: Path,
    plain: bool,
    web: bool,
) -> None:
    """Run the example tasks, watch them, and see what they made.

    Images become thumbnails and WebP, a CSV file of 200,000 rows becomes a report with a chart, and a dozen mails go to
    a mail server that runs as long as the demo. The tasks run in two processes, from a store in a SQLite file.

    With --web, the dashboard shows them, and may cancel, retry and add some. It prints its address.
    """
    if csv_file is None and (group_by or value):
        raise click.UsageError("--group-by and --value are columns of the file that --csv names.")
    show = _dashboard(context) if web else None
    # Imported here because `lilota` loads this module at each start.
    from lilota_example_tasks.demo.jobs import material  # noqa: PLC0415 - it loads Pillow and a mail server
    from lilota_example_tasks.demo.run import run_demo  # noqa: PLC0415 - as above
    from lilota_example_tasks.demo.web import run_web_demo  # noqa: PLC0415 - as above

    click.echo("Making samples ...")
    given = material(folder, images, csv_file, group_by, value)
    raise SystemExit(run_demo(given, plain=plain) if show is None else run_web_demo(given, show))


def _dashboard(context: click.Context) -> Callable[[str], None]:
    """Return what shows a store in a browser until it is interrupted: the command `dashboard` of another package.

    A package does not import another one. This one knows what anybody can type, on a free port.

    Raises:
        click.ClickException: there is no such command; it says what to install.
    """
    root = context.find_root()
    group = cast("click.Group", root.command)
    typed = ["dashboard", "--port", "0", "--allow-actions", "--store"]
    name, found, options = group.resolve_command(root, typed)
    command = cast("click.Command", found)  # it is None only while a shell completes a line

    def show(store_url: str) -> None:
        with command.make_context(name, [*options, store_url], parent=root) as inner:
            command.invoke(inner)

    return show
