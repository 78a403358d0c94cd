"""A plugin that fails on every set of tasks but those named "fine"."""

from lilota import hookimpl


@hookimpl(tryfirst=True)
def lilota_tasks_added(added):
    if added.names != ("fine",):
        raise OSError("the disk is full")
