"""Call the `run()` of a task, and have it run to its end if it is a coroutine function."""

from __future__ import annotations

from types import CoroutineType

from lilota.models import TaskBase


def call_run(task: TaskBase) -> object:
    """Return what a task returns, with nothing around it."""
    returned = _start(task)
    # The attempt knows how: where it runs decides what ends the coroutine, and what is done with what it leaves.
    # What was called and not how it was defined counts: a decorator may have made a plain function of it.
    if type(returned) is CoroutineType and task._attempt is not None:  # noqa: SLF001 - it is lilota's own
        returned = task._attempt.run_coroutine(returned)  # noqa: SLF001 - as above
    return returned


async def await_run(task: TaskBase) -> object:
    """Return what a task returns, on an event loop that it shares with others."""
    returned = _start(task)
    return await returned if type(returned) is CoroutineType else returned


def _start(task: TaskBase) -> object:
    arguments = task._arguments  # noqa: SLF001 - no argument of this: plugins stand between it and who decodes them
    return task.run() if arguments is None else task.run(*arguments[0], **arguments[1])
