"""A task function with lilota's options: how often it is tried, and how long it may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Concatenate, Final, Literal, ParamSpec, Self, TypeVar, Unpack, cast, overload

from lilota.errors import InvalidTaskError, did_you_mean
from lilota.models import TaskBase
from lilota.retry import Backoff
from lilota.tasks.options import AttemptOptions, check_options
from lilota_django.django_tasks.calls import FAMILY, find, name_of
from lilota_django.django_tasks.compat import InvalidTask, Task
from lilota_django.django_tasks.task import DjangoTask

P = ParamSpec("P")
R = TypeVar("R")


class Keywords(AttemptOptions, total=False):
    """What `@task` takes: what Django knows, beside the options of a task class."""

    priority: int
    queue_name: str
    backend: str
    max_lost_attempts: int | None
    expires_after_seconds: float | None
    deadline_seconds: float | None
    version: int | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LilotaTask(Task):  # type: ignore[type-arg]  # on Django 6 it has no parameters
    """A task of Django's that knows the options of a task class; those of a task can't differ from call to call.

    Attributes:
        max_lost_attempts: None means what `OPTIONS` of the backend say, or else 3.
        owner: whose task a call is, or None. It is of one call: `using(owner=...)`.
    """

    max_attempts: int = TaskBase.max_attempts
    backoff: Backoff = TaskBase.backoff
    retry_on: tuple[type[BaseException], ...] = TaskBase.retry_on
    never_retry_on: tuple[type[BaseException], ...] = TaskBase.never_retry_on
    timeout_seconds: float | None = TaskBase.timeout_seconds
    kill_after_seconds: float = TaskBase.kill_after_seconds
    max_memory_mb: float | None = TaskBase.max_memory_mb
    max_cpu_seconds: float | None = TaskBase.max_cpu_seconds
    max_lost_attempts: int | None = None
    expires_after_seconds: float | None = TaskBase.expires_after_seconds
    deadline_seconds: float | None = TaskBase.deadline_seconds
    version: int | str | None = TaskBase.version
    owner: str | None = None

    def __new__(cls, **given: object) -> Self:
        """Refuse a keyword that there is not, before the class that dataclasses make does so without a remedy."""
        known = [field.name for field in fields(cls)]
        for name in sorted(given.keys() - set(known)):
            raise TypeError(f"@task has no keyword {name!r}.{did_you_mean(name, known)}")
        return object.__new__(cls)

    def __post_init__(self) -> None:
        Task.__post_init__(self)  # `super()` does not know the class that `slots` makes of this one
        try:
            check_options(class_of(self), f"The task function '{self.module_path}'")
        except InvalidTaskError as error:
            raise InvalidTask(str(error)) from error
        if name_of(self) != f"{FAMILY}{self.module_path}" and any(
            getattr(self, field.name) != field.default for field in fields(self) if field.name in _OPTIONS
        ):
            raise InvalidTask(f"'{self.module_path}' can't have options: its path is too long to be found by its name.")

    def using(self, *, owner: str | None = None, **changes: Any) -> Self:  # noqa: ANN401 - those of Django's version
        """Return the task with other choices for a call: those that Django knows, and whose task it is.

        Raises:
            InvalidTask: one of them can't be used.
        """
        changed = cast("Self", Task.using(self, **changes))  # as above
        return changed if owner is None else replace(changed, owner=owner)


#: What is of one call, and not of the function.
_OF_CALLS: Final = frozenset({"run_after", "owner"})
_OPTIONS: Final = tuple(
    field.name for field in fields(LilotaTask) if field.name not in {*Task.__dataclass_fields__, *_OF_CALLS}
)


if TYPE_CHECKING:

    class OwnedTask(Task[P, R]):
        """What type checkers know of a `LilotaTask`, which has no parameters where the program runs."""

        owner: str | None

        def using(
            self,
            *,
            priority: int | None = None,
            queue_name: str | None = None,
            run_after: datetime | None = None,
            backend: str | None = None,
            owner: str | None = None,
        ) -> Self: ...


@overload
def task(function: Callable[P, R], /) -> OwnedTask[P, R]: ...
@overload
def task(
    *, takes_context: Literal[True], **keywords: Unpack[Keywords]
) -> Callable[[Callable[Concatenate[Any, P], R]], OwnedTask[P, R]]: ...
@overload
def task(
    *, takes_context: Literal[False] = False, **keywords: Unpack[Keywords]
) -> Callable[[Callable[P, R]], OwnedTask[P, R]]: ...
def task(function: Callable[..., Any] | None = None, /, **keywords: Any) -> Any:
    """Make a task of a function, as `django.tasks.task` does, with lilota's options as further keywords.

    From Django 6.1 on, `django.tasks.task` takes them too where the backend is lilota's. This decorator works with any
    version and with any backend: one that is not lilota's, in tests say, leaves the options alone.

    Raises:
        InvalidTask: an option, or something else, can't be used.
        TypeError: there is no such keyword.
    """
    for name in sorted(_OF_CALLS & keywords.keys()):
        raise TypeError(f"@task has no keyword {name!r}. It is for one call: using({name}=...).")

    def decorate(func: Callable[..., Any]) -> LilotaTask:
        # Django 6.0 has no defaults for these.
        given = {"priority": 0, "backend": "default", "queue_name": "default", "takes_context": False, **keywords}
        return LilotaTask(func=func, run_after=None, **given)

    return decorate if function is None else decorate(function)


def class_of(called: Task[..., Any]) -> type[DjangoTask]:
    """Return the task class that calls a function, with its options."""
    if not isinstance(called, LilotaTask):
        return DjangoTask
    function = called.func
    options = {name: getattr(called, name) for name in _OPTIONS}
    if called.max_lost_attempts is None:
        del options["max_lost_attempts"]
    namespace = {**options, "__module__": function.__module__, "__qualname__": function.__qualname__}
    return cast("type[DjangoTask]", type(function.__name__, (DjangoTask,), namespace))


def class_by_name(name: str) -> type[DjangoTask]:
    """Return the task class of all calls of one function, by their name.

    Raises:
        UnknownTaskError: there is no such function in the project.
    """
    return class_of(find(name.removeprefix(FAMILY)))
