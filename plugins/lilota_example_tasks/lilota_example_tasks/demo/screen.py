"""Show the tasks of the demo while they run: as progress bars, or as lines where there is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from lilota.models import TaskInfo, TaskState

if TYPE_CHECKING:
    from rich.console import Console

STYLES: Final = {
    TaskState.WAITING: "dim",
    TaskState.PENDING: "dim",
    TaskState.RUNNING: "cyan",
    TaskState.SUCCEEDED: "green",
    TaskState.FAILED: "bold red",
    TaskState.CANCELLED: "yellow",
}

#: Shows tasks as they are now, again and again.
Show = Callable[[Sequence[TaskInfo]], None]


@contextmanager
def screen(console: Console, *, plain: bool) -> Iterator[Show]:
    """Show bars on a terminal, lines otherwise or when asked for."""
    if plain or not console.is_terminal:
        yield _lines(console)
        return
    columns = (
        TextColumn("{task.fields[id]:>4}", style="dim"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, expand=True) as progress:
        yield _bars(progress)


def _lines(console: Console) -> Show:
    """Print a line whenever a task changes its state or gets a quarter further."""
    shown: dict[int, tuple[TaskState, int]] = {}

    def show(infos: Sequence[TaskInfo]) -> None:
        for info in infos:
            now = info.state, int(info.progress_percentage // 25)
            if shown.get(info.id) != now:
                shown[info.id] = now
                console.print(f"{info.id:>4}  {info.name:<16}  {info.progress_percentage:>3.0f} %  {info.state}")

    return show


def _bars(progress: Progress) -> Show:
    """Draw a progress bar per task, in the colour of its state."""
    bars: dict[int, TaskID] = {}

    def show(infos: Sequence[TaskInfo]) -> None:
        for info in infos:
            state = f"[{STYLES[info.state]}]{info.state:<9}"
            if info.id not in bars:
                bars[info.id] = progress.add_task(info.name, start=False, total=100, id=info.id, state=state)
            if info.state is not TaskState.PENDING:
                progress.start_task(bars[info.id])
            # A bar of a task that failed stays where the task was.
            done = info.progress_percentage if info.state is TaskState.SUCCEEDED else info.reported_progress
            progress.update(bars[info.id], completed=done, state=state)
            if info.state.is_terminal:
                progress.stop_task(bars[info.id])

    return show
