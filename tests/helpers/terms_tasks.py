"""Tasks with terms: times to start and to end, an input to forget, a version."""

from __future__ import annotations

from lilota import task
from lilota.models import TaskBase


class Plain(TaskBase):
    def run(self):
        return {}


class Strict(Plain):
    expires_after_seconds = 60
    deadline_seconds = 600.0
    keep_input = False
    version = "2.1"


@task(expires_after_seconds=30, version=3)
def of_function(number: int = 0) -> int:
    return number
