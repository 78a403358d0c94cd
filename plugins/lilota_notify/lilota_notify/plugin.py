"""The hooks of this package: they note what happens, and leave the work to a thread and to tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lilota import hookimpl
from lilota.errors import InvalidInputError, TaskRefusedError
from lilota_notify.asking import asks, wish_in
from lilota_notify.errors import UndeliverableError
from lilota_notify.running import Notifiers
from lilota_notify.settings import load_settings, settings_path

if TYPE_CHECKING:
    from lilota.hookspecs import AttemptFinished, RunnerDetails, TaskToAdd

_notifiers: Final = Notifiers()


@hookimpl
def lilota_before_add(task: TaskToAdd) -> None:
    """Refuse a task that asks for what can't be, while whoever adds it is there to read why."""
    if not asks(task.new_task.name, task.new_task.headers_json):
        return
    try:
        wish = wish_in(task.headers)
        if wish is None or settings_path() is None:  # then a runner decides, which has settings
            return
        from lilota_notify.allowing import check_allowed  # noqa: PLC0415 - only where a task asks

        settings = load_settings()
        for target in wish.to:
            check_allowed(target, settings)
    except (InvalidInputError, UndeliverableError) as error:
        raise TaskRefusedError(str(error)) from error


@hookimpl
def lilota_runner_started(runner: RunnerDetails) -> None:
    """Begin to tell of the ends of a runner."""
    _notifiers.start(runner)


@hookimpl
def lilota_attempt_finished(finished: AttemptFinished) -> None:
    """Note an end."""
    _notifiers.note(finished.claim)


@hookimpl
def lilota_runner_stopped(runner: RunnerDetails) -> None:
    """Tell of the last ends."""
    _notifiers.stop(runner)
