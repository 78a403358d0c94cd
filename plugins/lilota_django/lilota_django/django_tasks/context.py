"""What a task function with `takes_context=True` gets as its first argument."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, overload

from lilota.models import AttachedFile, Source, TaskBase
from lilota_django.django_tasks.compat import TaskContext

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LilotaContext(TaskContext):  # type: ignore[misc, type-arg]  # the stubs are for another kind of dataclass
    """The context of `django.tasks`, and what lilota can do besides.

    Methods that are called as those of `lilota.TaskContext` do the same; `lilota_task` has the rest of them.
    """

    lilota_task: TaskBase

    @property
    def logger(self) -> logging.Logger:
        """Its records are kept with the task, and shown in the admin; it has the name of the function."""
        return self.lilota_task.logger

    @property
    def is_cancelled(self) -> bool:
        """True once somebody asked the task to stop; for loops that want to end at a place of their choice."""
        return self.lilota_task.cancelled

    def set_progress(self, percentage: float) -> None:
        """Tell how far the task is, from 0 to 100."""
        self.lilota_task.set_progress(self.lilota_task.task_info.id, percentage)

    def report_progress(
        self,
        percentage: float | None = None,
        *,
        step: float | None = None,
        of: float | None = None,
        message: str | None = None,
    ) -> None:
        """Tell how far the task is: by a percentage, "step 3 of 10", a message, each alone or together."""
        self.lilota_task.report_progress(percentage, step=step, of=of, message=message)

    @overload
    def track(
        self, items: AsyncIterable[_T], *, total: float | None = None, message: str | None = None, share: float = 1.0
    ) -> AsyncIterator[_T]: ...
    @overload
    def track(
        self, items: Iterable[_T], *, total: float | None = None, message: str | None = None, share: float = 1.0
    ) -> Iterator[_T]: ...
    def track(self, items: Any, *, total: float | None = None, message: str | None = None, share: float = 1.0) -> Any:
        """Go through items and have the progress follow: `for photo in context.track(photos):`."""
        return self.lilota_task.track(items, total=total, message=message, share=share)

    def checkpoint(self, state: object, *, durable: bool = False) -> None:
        """Save from where another attempt would go on: any JSON value; the last one counts."""
        self.lilota_task.checkpoint(state, durable=durable)

    @property
    def last_checkpoint(self) -> Any:  # noqa: ANN401 - any JSON value
        """The state that was saved last, by this attempt or an earlier one; None if there is none."""
        return self.lilota_task.last_checkpoint

    def attach(
        self,
        source: Source,
        *,
        name: str | None = None,
        media_type: str | None = None,
        expires_after: timedelta | None = None,
    ) -> AttachedFile:
        """Keep a file with the task: the path of one, or a stream of bytes."""
        return self.lilota_task.attach(source, name=name, media_type=media_type, expires_after=expires_after)
