"""A plugin with one good hook, and one whose name is mistyped."""

from lilota import hookimpl
from lilota.models import TaskBase


class HalfLoaded(TaskBase):
    def run(self):
        return None


@hookimpl
def lilota_tasks():
    return {"half_loaded": HalfLoaded}


@hookimpl
def lilota_task_added(added):
    raise AssertionError("must not be called")
