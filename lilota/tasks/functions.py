"""Make a task of a function: `@task`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import update_wrapper
from types import FunctionType
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Final,
    Generic,
    ParamSpec,
    Protocol,
    TypeVar,
    Unpack,
    cast,
    overload,
)

import msgspec

from lilota.errors import InvalidOutputError, InvalidTaskError
from lilota.models import TaskBase, TaskContext, TaskInfo
from lilota.tasks.declared import declare
from lilota.tasks.names import check_name
from lilota.tasks.options import AttemptOptions, check_option_names, check_options
from lilota.tasks.runs import FunctionBase, signature_of

if TYPE_CHECKING:
    from lilota.tasks.signatures import Signature

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")

_TOP_LEVEL: Final = "Move it to the top level of a module"


class _Anything:
    """What nobody has an object of, so that only a parameter that takes any object takes this."""


class FunctionOptions(AttemptOptions, total=False):
    """What `@task` may say of a function, all of it optional: the class attributes of `TaskBase`, which see."""

    max_lost_attempts: int
    queue: str
    priority: int
    description: str
    expires_after_seconds: float | None
    deadline_seconds: float | None
    keep_input: bool
    version: int | str | None
    concurrent: bool


class FunctionTask(Generic[P, R_co]):
    """A function that is a task, as `@task` makes it. It can still be called as the function that it is.

    Wherever lilota takes a class of tasks it takes this too: `register`, `[tasks]`, entry points, `run_task`.

    Attributes:
        function: the function itself.
        name: the name under which it is a task, unless it is registered under another.
        task_class: the class that stands for it in a runner and its workers, with its options as attributes.
    """

    def __init__(self, function: Callable[..., R_co], name: str, options: Mapping[str, Any]) -> None:
        self.function: Callable[..., R_co] = function
        self.name: str = name
        self.task_class: type[TaskBase] = _class_of(function, options)
        update_wrapper(self, function, updated=())

    def __repr__(self) -> str:
        return f"<FunctionTask {self.name!r}: {self.task_class.__module__}.{self.task_class.__qualname__}>"

    def __reduce__(self) -> str:
        return self.task_class.__qualname__  # a name of its module, as for the function itself

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    @overload
    def __call__(self, context: TaskContext, /, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    def __call__(self, *args: Any, **kwargs: Any) -> R_co:  # type: ignore[misc] # mypy wants P.args where Any is more
        """Call the function, here and now; there is no task then."""
        return self.function(*args, **kwargs)

    @overload
    def bind(self: FunctionTask[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> BoundTask[T]: ...
    @overload
    def bind(self, *args: P.args, **kwargs: P.kwargs) -> BoundTask[R_co]: ...
    def bind(self, *args: Any, **kwargs: Any) -> BoundTask[Any]:
        """Check the arguments of a call that shall be a task: `client.add(make_report.bind(month="march"))`.

        A `TaskContext` is no argument: the worker gives it.

        Raises:
            InvalidInputError: there is no such parameter, or a value is not what it takes.
            InvalidTaskError: the function can't be a task; see `signature`.
        """
        signature = self.signature
        return BoundTask(self, signature.encode_input(signature.bind(args, kwargs), self._name_input))

    @property
    def signature(self) -> Signature:
        """What the function takes and gives.

        Raises:
            InvalidTaskError: no JSON object can be its input, or its result can't be stored.
        """
        return cast("Signature", signature_of(self.task_class))

    def result_of(self, info: TaskInfo) -> Any:  # noqa: ANN401 - what the function is annotated to return
        """Return what the function has returned in a task, as its annotation says.

        Raises:
            InvalidOutputError: what is stored does not fit the annotation, which was another one when the task ran.
        """
        if info.output_json is None:
            return None
        try:
            return self.signature.decode_output(info.output_json)
        except InvalidOutputError as error:
            raise InvalidOutputError(
                f"The task {info.id} ({info.name!r}) has succeeded, but its result can't be read: {error} "
                "As it was stored, it is in info().output."
            ) from error

    def _name_input(self) -> str:
        return f"The input of {self.name!r}"


class BoundTask(msgspec.Struct, Generic[R_co], frozen=True):
    """A call of a function that is a task, checked, and ready to be added any number of times.

    Attributes:
        task: the function with `@task`.
        input_json: its input as JSON text. It may hold secrets, and is not shown by `repr`.
    """

    task: FunctionTask[..., Any]
    input_json: str

    def __repr__(self) -> str:
        return f"<BoundTask of {self.task.name!r}>"


class _Decorator(Protocol):
    """What `@task(...)` returns; its overloads are those of `task`."""

    @overload
    def __call__(self, function: Callable[Concatenate[_Anything, ...], R_co], /) -> FunctionTask[..., R_co]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[TaskContext, P], R_co], /) -> FunctionTask[P, R_co]: ...
    @overload
    def __call__(self, function: Callable[P, R_co], /) -> FunctionTask[P, R_co]: ...


# The first one is for functions whose first parameter takes anything: for type checkers, it could be a context.
@overload
def task(function: Callable[Concatenate[_Anything, ...], R_co], /) -> FunctionTask[..., R_co]: ...
@overload
def task(function: Callable[Concatenate[TaskContext, P], R_co], /) -> FunctionTask[P, R_co]: ...
@overload
def task(function: Callable[P, R_co], /) -> FunctionTask[P, R_co]: ...
@overload
def task(*, name: str | None = None, **options: Unpack[FunctionOptions]) -> _Decorator: ...
def task(
    function: Callable[..., object] | None = None, /, *, name: str | None = None, **options: Unpack[FunctionOptions]
) -> object:
    """Make a task of a function, or of a coroutine function.

        @task(max_attempts=3)
        def make_report(month: str) -> dict[str, int]: ...

    Its parameters are the keys of the input, and what it returns is the output. A parameter that is annotated
    `TaskContext` is no part of the input: it gets what a class has as `self`. Put it first, so that type checkers know
    that `bind` goes without it.

    Args:
        name: the name of the task; without, that of the function.
        options: what a class says in its attributes (`max_attempts`, `timeout_seconds` and the like).

    Raises:
        InvalidTaskError: it is no function that can be a task, or an option can't be used.
    """
    if function is None:
        return lambda decorated: _declared(decorated, name, options)
    return _declared(function, name, options)


def _declared(function: object, name: str | None, options: Mapping[str, Any]) -> FunctionTask[..., Any]:
    made = _function_task(function, name, options)
    declare(made.name, made.task_class)
    return made


def _function_task(function: object, name: str | None, options: Mapping[str, Any]) -> FunctionTask[..., Any]:
    problem = _problem(function)
    if problem:
        raise InvalidTaskError(f"@task makes tasks of functions. {problem}")
    decorated = cast("FunctionType", function)
    what = f"The task {check_name(decorated.__name__ if name is None else name)!r}"
    check_option_names(options, what)
    made: FunctionTask[..., Any] = FunctionTask(decorated, decorated.__name__ if name is None else name, options)
    check_options(made.task_class, what)
    return made


def _problem(function: object) -> str:
    """Return why something can't be made a task at all, and what to do; "" if it can."""
    if not isinstance(function, FunctionType):
        return f"{function!r:.100} is of type {type(function).__name__}. {_remedy_for(function)}"
    if function.__name__ == "<lambda>":
        return "A lambda has no name by which worker processes could import it: write a function with `def`."
    if "." in function.__qualname__.rpartition("<locals>.")[2]:
        return (
            f"{function.__qualname__} is a method, of which worker processes have no object. {_TOP_LEVEL}, or write a "
            "subclass of lilota.TaskBase that does the work in run()."
        )
    return ""


def _remedy_for(no_function: object) -> str:
    if isinstance(no_function, str):
        return f"Write @task(name={no_function!r}) to give it that name."
    if isinstance(no_function, FunctionTask):
        return "It is a task already: decorate it once."
    if isinstance(no_function, type) and issubclass(no_function, TaskBase):
        return "It is a class of tasks already: leave out @task, and register it under a name."
    return "Write a function with `def`, which calls it."


def _class_of(function: Callable[..., object], options: Mapping[str, Any]) -> type[TaskBase]:
    """Return the class that lilota runs: its `run` is the function, called with what the input says."""
    where = {name: getattr(function, name) for name in ("__module__", "__qualname__", "__doc__")}
    return type(function.__name__, (FunctionBase,), {**where, "run": staticmethod(function), **options})
