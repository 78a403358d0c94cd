"""Run a task in the process of the test, with what it gets and gives going through JSON as in production."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from lilota.adding.new_tasks import headers_json
from lilota.errors import InvalidInputError, InvalidOutputError
from lilota.models import Claim, JSONObject, TaskBase
from lilota.tasks.checks import check_task_class
from lilota.tasks.functions import FunctionTask
from lilota.tasks.jsonvalues import INPUT_LIMIT_BYTES, OUTPUT_LIMIT_BYTES, encode_object
from lilota.tasks.options import remarks_on
from lilota.testing.inline import Recorder, TaskResult, run_inline


def run_task(
    task: type[TaskBase] | FunctionTask[..., Any],
    input: JSONObject | None = None,
    *,
    name: str = "task",
    description: str = "",
    attempt: int = 1,
    output: JSONObject | None = None,
    lost_attempts: int = 0,
    headers: JSONObject | None = None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> TaskResult:
    """Run one attempt of a task inline and return what came of it; what the task raises is in the result.

        result = run_task(AddNumbers, {"number1": 1, "number2": 2})
        assert result.output == {"result": 3}

    There is no process of its own, so timeouts and hard cancellation do not apply, and no hooks of plugins are called.
    A class attribute that looks like a misspelt option is a warning.

    Args:
        attempt: the number of the attempt, for what is decided by it (`max_attempts`).
        output: what an earlier attempt left behind.
        headers: what travels with the task.
        is_cancelled: what `self.cancelled` gives.

    Raises:
        InvalidTaskError: it is no task class, as `register` would say; a class inside a test function is one.
        InvalidInputError: the input can't be stored, as `add` would say.
        InvalidOutputError: the same about `output`.
    """
    task_class = check_task_class(task, "What run_task() got")
    for remark in remarks_on(task_class):
        warnings.warn(remark, stacklevel=2)
    claim = Claim(
        id=1,
        token=1,
        attempt=attempt,
        name=name,
        description=description,
        input_json=encode_object(
            {} if input is None else input, lambda: f"The input of {name!r}", INPUT_LIMIT_BYTES, InvalidInputError
        ),
        output_json=None
        if output is None
        else encode_object(output, lambda: f"The earlier output of {name!r}", OUTPUT_LIMIT_BYTES, InvalidOutputError),
        lost_attempts=lost_attempts,
        max_lost_attempts=task_class.max_lost_attempts,
        headers_json=headers_json(headers),
    )
    recorder = Recorder(claim, is_cancelled)
    return recorder.result(run_inline(lambda _name: task_class, recorder))
