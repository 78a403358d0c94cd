"""A plugin that would take the place of tasks instead of wrapping them."""

from lilota import hookimpl


@hookimpl
def lilota_run_attempt(attempt):
    return {"hijacked": True}
