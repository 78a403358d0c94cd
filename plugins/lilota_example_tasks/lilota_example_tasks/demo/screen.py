"""Show the tasks of the demo while they run: as progress bars, or as lines where there is no terminal."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from lilota.models import TaskInfo, TaskState

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {
    TaskState.WAITING: "dim",
    TaskState.PENDING: "dim",
    TaskState.RUNNING: "cyan",
    TaskState.SUCCEEDED: "green",
    TaskState.FAILED: "bold red",
    TaskState.CANCELLED: "yellow",
}


class Screen(Protocol):
    """Shows tasks as they are now, again and again; used in a `with`."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, infos: list[TaskInfo]) -> None: ...


class Bars:
    """A progress bar per task, in the colour of its state."""

    def __init__(self, console: Console) -> None:
        self._bars: dict[int, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.fields[id]:>4}", style="dim"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=console,
            expand=True,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, infos: list[TaskInfo]) -> None:
        for info in infos:
            self._show(info)

    def _show(self, info: TaskInfo) -> None:
        state = f"[{STYLES[info.state]}]{info.state:<9}"
        if info.id not in self._bars:
            self._bars[info.id] = self._progress.add_task(info.name, start=False, total=100, id=info.id, state=state)
        bar = self._bars[info.id]
        if info.state is not TaskState.PENDING:
            self._progress.start_task(bar)
        # A bar of a task that failed stays where the task was.
        done = info.progress_percentage if info.state is TaskState.SUCCEEDED else info.reported_progress
        self._progress.update(bar, completed=done, state=state)
        if info.state.is_terminal:
            self._progress.stop_task(bar)


class Lines:
    """A line whenever a task changes its state or gets a quarter further."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[int, tuple[TaskState, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, infos: list[TaskInfo]) -> None:
        for info in infos:
            now = info.state, int(info.progress_percentage // 25)
            if self._shown.get(info.id) != now:
                self._shown[info.id] = now
                self._console.print(f"{info.id:>4}  {info.name:<16}  {info.progress_percentage:>3.0f} %  {info.state}")


def make_screen(console: Console, *, plain: bool) -> Screen:
    """Return bars for a terminal, lines otherwise or when asked for."""
    return Bars(console) if console.is_terminal and not plain else Lines(console)


def printable(text: str, style: str = "") -> Text:
    """Return somebody's text in one line, without what a terminal would obey."""
    return Text("".join(letter if letter.isprintable() else "?" for letter in text), style)


@contextmanager
def logs_on(console: Console) -> Iterator[None]:
    """Print lilota's warnings on the console, above the bars, and nowhere else: another writer would tear the bars."""
    logger, handler = logging.getLogger("lilota"), _ConsoleHandler(console)
    propagated = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated


class _ConsoleHandler(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(printable(record.getMessage(), "yellow"), soft_wrap=True)
