"""What `functions.py` compares; not in `tasks.py`, which versions without `@task` import too."""

from __future__ import annotations

from lilota import task
from lilota.models import JSONObject, TaskBase


class Nothing(TaskBase):
    """Do nothing, and return nothing."""

    def run(self) -> None:
        pass


@task
def nothing() -> None:
    """Do the same as a function."""


@task
def noop_function() -> dict[str, bool]:
    """Do nothing, as `tasks.Noop` does."""
    return {"done": True}


class ResizeByHand(TaskBase):
    """Take an input of which nothing is known when it is added."""

    def run(self) -> JSONObject:
        given = self.task_info.input
        return {key: given.get(key) for key in ("photo", "width", "quality", "tags")}


@task
def resize(photo: str, width: int, quality: float = 0.8, tags: list[str] | None = None) -> JSONObject:
    """Take an input that is checked when it is added."""
    return {"photo": photo, "width": width, "quality": quality, "tags": tags}
