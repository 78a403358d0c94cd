"""A plugin that contributes a task, and fails when it is asked for stores and commands."""

from lilota import hookimpl
from lilota.models import TaskBase


class ShortLived(TaskBase):
    def run(self):
        return None


@hookimpl
def lilota_tasks():
    return {"short_lived": ShortLived}


@hookimpl
def lilota_stores():
    raise LookupError("no table of stores")


@hookimpl
def lilota_cli_commands():
    return "not a list"
