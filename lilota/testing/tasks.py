"""Run a task in the process of the test, with what it gets and gives going through JSON as in production."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from lilota.adding.new_tasks import headers_json
from lilota.contract.rules import check_owner
from lilota.errors import InvalidInputError, InvalidOutputError, listed
from lilota.models import Claim, JSONObject, TaskBase
from lilota.tasks.checks import check_task_class
from lilota.tasks.functions import BoundTask, FunctionTask
from lilota.tasks.jsonvalues import INPUT_LIMIT_BYTES, OUTPUT_LIMIT_BYTES, encode_object
from lilota.tasks.options import remarks_on
from lilota.tasks.runs import signature_of
from lilota.testing.inline import Recorder, TaskResult, run_inline

if TYPE_CHECKING:
    from lilota.tasks.signatures import Signature

#: What `run_task` itself takes by name, unless it is said.
_UNSAID: Final[dict[str, Any]] = {
    "name": None,
    "description": "",
    "attempt": 1,
    "output": None,
    "lost_attempts": 0,
    "headers": None,
    "checkpoint": None,
    "owner": None,
}


def run_task(
    task: type[TaskBase] | FunctionTask[..., Any] | BoundTask[Any],
    input: JSONObject | None = None,
    *,
    name: str | None = None,
    description: str = "",
    attempt: int = 1,
    output: JSONObject | None = None,
    lost_attempts: int = 0,
    headers: JSONObject | None = None,
    checkpoint: Any = None,  # noqa: ANN401 - any JSON value
    owner: str | None = None,
    is_cancelled: Callable[[], bool] = lambda: False,
    **arguments: Any,  # noqa: ANN401 - checked against what the task takes
) -> TaskResult:
    """Run one attempt of a task inline and return what came of it; what the task raises is in the result.

        assert run_task(make_report, month="march").result == 31
        assert run_task(AddNumbers, {"number1": 1, "number2": 2}).output == {"result": 3}

    There is no process of its own, so timeouts and hard cancellation do not apply, and no hooks of plugins are called.
    A class attribute that looks like a misspelt option is a warning.

    Args:
        task: a class, a function with `@task`, or a call of one, `make_report.bind("march")`.
        input: the input as an object.
        name: the name of the task; without, that of the function, or "task".
        attempt: the number of the attempt, for what is decided by it (`max_attempts`).
        output: what an earlier attempt left behind.
        headers: what travels with the task.
        checkpoint: what an earlier attempt has saved by `self.checkpoint()`; any JSON value.
        owner: whose task it is.
        is_cancelled: what `self.cancelled` gives.
        arguments: the input of a function, or of a class whose `run` has parameters. `bind` is the way where a
            parameter is called like one of `run_task`.

    Raises:
        InvalidTaskError: it is no task, as `register` would say; a class inside a test function is one.
        InvalidInputError: the input can't be stored, or is not what the task takes, as `add` would say.
        InvalidOutputError: `output` can't be stored.
    """
    function = task.task if isinstance(task, BoundTask) else task
    task_class = check_task_class(function, "What run_task() got")
    for remark in remarks_on(task_class):
        warnings.warn(remark, stacklevel=2)
    said = {"name": name, "description": description, "attempt": attempt, "output": output}
    said |= {"lost_attempts": lost_attempts, "headers": headers, "checkpoint": checkpoint, "owner": owner}
    if name is None:
        name = function.name if isinstance(function, FunctionTask) else "task"
    what = f"The input of {name!r}"
    if isinstance(task, BoundTask):
        input_json = _bound_input(task, what, input, arguments)
    elif arguments or input is None:
        input_json = _input_of_arguments(signature_of(task_class), what, input, arguments, said)
    else:
        input_json = _input_json(signature_of(task_class), what, input)
    claim = Claim(
        id=1,
        token=1,
        attempt=attempt,
        name=name,
        description=description,
        input_json=input_json,
        output_json=None
        if output is None
        else encode_object(output, lambda: f"The earlier output of {name!r}", OUTPUT_LIMIT_BYTES, InvalidOutputError),
        lost_attempts=lost_attempts,
        max_lost_attempts=task_class.max_lost_attempts,
        headers_json=headers_json(headers),
        checkpoint_json=None if checkpoint is None else _checkpoint_json(checkpoint, name),
        owner=None if owner is None else check_owner(owner),
    )
    recorder = Recorder(claim, is_cancelled)
    return recorder.result(run_inline(lambda _name: task_class, recorder))


def _checkpoint_json(state: object, name: str) -> str:
    """Return a checkpoint of the first attempt."""
    what = f"The earlier checkpoint of {name!r}"
    return encode_object({"state": state, "attempt": 1}, lambda: what, OUTPUT_LIMIT_BYTES, InvalidOutputError)


def _bound_input(task: BoundTask[Any], what: str, input: JSONObject | None, arguments: JSONObject) -> str:
    if arguments or input is not None:
        raise InvalidInputError(f"{what} is bound already: leave out what follows {task!r}.")
    return task.input_json


def _input_of_arguments(
    signature: Signature | None, what: str, input: JSONObject | None, arguments: JSONObject, said: Mapping[str, Any]
) -> str:
    """Return the input that arguments make; those of `run_task` must not be taken for them, nor they for those."""
    if arguments and (signature is None or input is not None):
        why = "takes no arguments" if signature is None else "is there already"
        raise InvalidInputError(
            f"{what} {why}, and run_task() got {listed(arguments)}. Pass input={{...}} alone, or correct the name."
        )
    for name in [] if signature is None else [each.name for each in signature.parameters]:
        if name in said and said[name] != _UNSAID[name]:
            raise InvalidInputError(
                f"{what} has {name!r}, and run_task() takes that as its own: pass the arguments of the task by "
                "bind(...), or as input={...}."
            )
    return _input_json(signature, what, arguments)


def _input_json(signature: Signature | None, what: str, input: JSONObject) -> str:
    """Return an input as `add` would store it."""
    if signature is None:
        return encode_object(input, lambda: what, INPUT_LIMIT_BYTES, InvalidInputError)
    return signature.encode_input(input, lambda: what)
