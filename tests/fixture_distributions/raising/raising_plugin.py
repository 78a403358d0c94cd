"""A plugin that raises in the hooks by which it contributes, and in one by which it observes."""

from lilota import hookimpl


@hookimpl
def lilota_tasks():
    raise LookupError("no table of tasks")


@hookimpl
def lilota_tasks_added(added):
    raise AssertionError("must not be called")
