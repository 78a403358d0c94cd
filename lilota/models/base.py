"""The base class of tasks: `TaskBase`."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

from lilota.models.context import TaskContext
from lilota.retry import Backoff


class TaskBase(TaskContext, abc.ABC):
    """The base class of tasks: subclass it, and do the work in `run()`.

    Class attributes say how its attempts are treated; all have safe defaults.

    Attributes:
        max_attempts: how often it runs at most when `run()` raises; 1 means no retry after an error.
        backoff: how long to wait before the next attempt.
        retry_on: exceptions worth another attempt.
        never_retry_on: exceptions that are final, even if `retry_on` names a base class of them.
        timeout_seconds: how long one attempt may take, or None. Then `TimeoutReached` is raised inside the task.
        kill_after_seconds: how long a task may take to end after a timeout or a cancellation before
            its process group gets SIGTERM, and after as long again, SIGKILL.
        max_memory_mb: how much memory its process may use, with all that it has started, in millions of bytes, or
            None. Then `MemoryLimitReached` is raised inside the task.
        max_cpu_seconds: how many seconds of processors one attempt may use, with all that it has started, or None.
            Then `CpuLimitReached` is raised inside the task.
        max_lost_attempts: how many attempts may die with their worker before the task fails. 1 means at most once.
        queue: where `add` puts it unless it is told otherwise, in a program that has imported the class.
        priority: the same for its priority; higher runs first.
        description: the same for what people read.
        expires_after_seconds: how long a task may wait for its start, from when it is due; then it is cancelled. None
            lets it wait. For this and what follows, the class counts that is imported where the task is added.
        deadline_seconds: how long all attempts of a task may take together, from when it was due, or None.
        keep_input: False forgets the input of a task when it has ended.
        version: which version of the code this is: a whole number, or several with dots between them, or None. A task
            is run by no worker whose class has a lower version than the one with which it was added.
        concurrent: whether attempts of it, each a coroutine, may run beside others in one worker process, if the runner
            has `places_per_process`.
    """

    max_attempts: ClassVar[int] = 1
    backoff: ClassVar[Backoff] = Backoff()
    retry_on: ClassVar[tuple[type[BaseException], ...]] = (Exception,)
    never_retry_on: ClassVar[tuple[type[BaseException], ...]] = ()
    timeout_seconds: ClassVar[float | None] = None
    kill_after_seconds: ClassVar[float] = 5.0
    max_memory_mb: ClassVar[float | None] = None
    max_cpu_seconds: ClassVar[float | None] = None
    max_lost_attempts: ClassVar[int] = 3
    queue: ClassVar[str] = "default"
    priority: ClassVar[int] = 0
    description: ClassVar[str] = ""
    expires_after_seconds: ClassVar[float | None] = None
    deadline_seconds: ClassVar[float | None] = None
    keep_input: ClassVar[bool] = True
    version: ClassVar[int | str | None] = None
    concurrent: ClassVar[bool] = False

    @classmethod
    def for_name(cls, name: str) -> type[TaskBase]:  # noqa: ARG003 - for subclasses
        """Return the class that runs the tasks of one name, where this one is registered for a family of names.

        It may be a subclass whose options are those of the name. Asked once in each worker process, which runs it.
        """
        return cls

    def on_stop(self) -> None:
        """Do what is to be done when the runner stops and the attempt is given back: the last chance for a checkpoint.

        Called after `run()` was ended by `RunnerStopping`, within the time that a stop waits for a task. An error in
        it is written into the log of the task, and changes nothing else.
        """

    @abc.abstractmethod
    def run(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a subclass says what it takes and gives
        """Do the work. What it returns becomes the output, unless `set_output` was called.

        It has no parameters, and looks into `task_info.input`; or those that the keys of the input fill. It may be a
        coroutine function, `async def run(self)`; then it runs on an event loop of its worker.
        """
