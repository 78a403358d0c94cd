"""Tasks for which tests fill in forms."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated

import msgspec

from lilota import Secret, TaskBase, task


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


class Point(msgspec.Struct):
    x: int
    y: int = 0


@task
def resize(
    photo: str,
    *,
    width: Annotated[int, msgspec.Meta(ge=1, le=4000)] = 800,
    factor: float | None = None,
    size: Size = Size.SMALL,
    until: dt.date | None = None,
    places: list[Point] = [],  # noqa: B006 - lilota copies it
    key: Secret[str] | None = None,
    sharp: bool = False,
) -> str:
    """Make a photo smaller.

    Args:
        photo: its path.
        width: in pixels.
    """
    return f"{photo} {width} {factor} {size} {until} {places} {key} {sharp}"


@task
def open_ended(first: int, **more: int) -> None:
    """Take what comes."""


class Whatever(TaskBase):
    """Looks into its input itself."""

    def run(self) -> None:
        self.set_output(self.task_info.id, self.task_info.input)
