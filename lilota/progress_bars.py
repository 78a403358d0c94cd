"""A bar on standard error that shows how far something is; the one place outside of the command line that draws."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


class Bar:
    """A bar, shown from `start()` to `stop()`, which may be called again.

    Args:
        total: how many steps there are, or None if nobody knows.
    """

    def __init__(self, description: str, total: int | None) -> None:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        known = () if total is None else (TaskProgressColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, *known, console=Console(stderr=True))
        self._steps = self._progress.add_task(description, total=total)

    def start(self) -> None:
        """Show it."""
        self._progress.start()

    def advance(self) -> None:
        """Go one step further."""
        self._progress.advance(self._steps)

    def stop(self) -> None:
        """Leave it as it is, and let other output follow."""
        self._progress.stop()
