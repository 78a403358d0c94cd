"""A plugin that contributes a task and a store, observes, and wraps attempts."""

import logging

from good_store import open_good_store
from good_tasks import GoodTask

from lilota import hookimpl

logger = logging.getLogger("good_plugin")


@hookimpl
def lilota_tasks():
    return {"computed_task": GoodTask}


@hookimpl
def lilota_stores():
    return {"computedstore": open_good_store}


@hookimpl
def lilota_cli_commands():
    return ["a command"]


@hookimpl
def lilota_tasks_added(added):
    logger.info("saw %s", added.names)


@hookimpl(wrapper=True)
def lilota_run_attempt(attempt):
    try:
        returned = yield
    except ValueError as error:
        return {"mended": str(error)}
    return {"wrapped": returned, "task": attempt.task_info.name}
