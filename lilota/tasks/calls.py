"""Call the `run()` of a task, and have it run to its end if it is a coroutine function."""

from __future__ import annotations

from types import CoroutineType

from lilota.models import JSONObject, TaskBase


def call_run(task: TaskBase) -> JSONObject | None:
    """Return what a task returns, with nothing around it."""
    returned: object = task.run()
    # The attempt knows how: where it runs decides what ends the coroutine, and what is done with what it leaves.
    # What was called and not how it was defined counts: a decorator may have made a plain function of it.
    if type(returned) is CoroutineType and task._attempt is not None:  # noqa: SLF001 - it is lilota's own
        returned = task._attempt.run_coroutine(returned)  # noqa: SLF001 - as above
    return returned  # type: ignore[return-value]  # what else it may be is looked at when it is encoded
