"""A plugin whose hook asks for an argument that there is not."""

from lilota import hookimpl


@hookimpl
def lilota_runner_started(runner):
    raise AssertionError("must not be called")


@hookimpl
def lilota_tasks_added(task_ids):
    raise AssertionError("must not be called")
