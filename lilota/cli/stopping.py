"""Stop a runner in good order when a signal says so, and at once when a second one does."""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import TYPE_CHECKING, Final

import click

from lilota.cli.signals import StopSignals
from lilota.errors import LilotaError, RunnerStateError
from lilota.words import duration

if TYPE_CHECKING:
    from lilota.runner import TaskRunner

#: How late a runner that ended by itself is noticed.
_LOOK_SECONDS: Final = 1.0


def wait_for_signal(runner: TaskRunner, signals: StopSignals) -> str:
    """Return the name of the first signal, or "" if the runner has ended by itself."""
    while runner.failure is None:
        with contextlib.suppress(queue.Empty):
            return signals.get(timeout=_LOOK_SECONDS).name
    return ""


def stop_within(runner: TaskRunner, signals: StopSignals, signal_name: str, grace_seconds: float) -> None:
    """Stop within the grace period; a further signal cuts it short."""
    if signal_name:
        click.echo(
            f"{signal_name}: taking no new tasks; running ones may go on for {duration(grace_seconds)}. "
            "Once more stops them now.",
            err=True,
        )
    stopping = _Stopping(runner, grace_seconds)
    stopping.start()
    while stopping.is_alive():
        with contextlib.suppress(queue.Empty):
            again = signals.get(timeout=0.05)
            click.echo(f"{again.name}: giving back what runs.", err=True)
            with contextlib.suppress(RunnerStateError):  # it has just stopped
                runner.stop(timeout_seconds=0)
    if stopping.error is not None:
        raise stopping.error
    click.echo("Stopped.", err=True)


class _Stopping(threading.Thread):
    """Stops a runner, so that the main thread can listen for a further signal.

    Attributes:
        error: what `stop` raised.
    """

    def __init__(self, runner: TaskRunner, grace_seconds: float) -> None:
        super().__init__(name="lilota-stopping")
        self._runner = runner
        self._grace_seconds = grace_seconds
        self.error: LilotaError | None = None

    def run(self) -> None:
        try:
            self._runner.stop(self._grace_seconds)
        except RunnerStateError:
            pass  # a further signal was quicker
        except LilotaError as error:
            self.error = error
