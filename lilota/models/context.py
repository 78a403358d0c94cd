"""What the code of a task has to do with its attempt: `TaskContext`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, ParamSpec, Protocol, TypeVar, overload

from lilota.models.records import AttachedFile, FileRef, JSONObject, TaskInfo

if TYPE_CHECKING:
    import logging

_T = TypeVar("_T")
_P = ParamSpec("_P")

#: What can be attached: the path of a file, or a stream of bytes.
Source = str | os.PathLike[str] | BinaryIO


class AttemptOfTask(Protocol):
    """What a task asks of the attempt that runs it."""

    def is_cancelled(self) -> bool:
        """Tell whether the attempt should end."""

    def wait_until_stored(self) -> None:
        """Return when the store has what was told so far."""

    def run_coroutine(self, coroutine: Coroutine[Any, Any, object]) -> object:
        """Run what a coroutine function has returned to its end, and return what it returns."""

    def track(self, items: Any, total: float | None, message: str | None, share: float) -> Any:  # noqa: ANN401 - see `TaskContext.track`
        """Give the items one by one, and know by that how far the task is."""

    def report_progress(
        self, percentage: float | None, step: float | None, of: float | None, message: str | None
    ) -> None:
        """Take what the task says of its progress."""

    def checkpoint(self, state: object, *, durable: bool) -> None:
        """Take what the next attempt would go on from."""

    def last_checkpoint(self) -> Any:  # noqa: ANN401 - any JSON value
        """Return what was taken last, by this attempt or by one before."""

    def resumed(self) -> Literal["retry", "lost", "redeploy"] | None:
        """Say why there was an attempt before, None if there was none."""

    def step(self, name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - what the function returns
        """Call the function, unless an attempt has done so and kept the result."""

    def attach(
        self, source: Source, name: str | None, media_type: str | None, expires_after: timedelta | None
    ) -> AttachedFile:
        """Keep a file for the task; see `TaskContext.attach`."""

    def open_file(self, file: FileRef) -> BinaryIO:
        """Open a file that was uploaded for the task; see `TaskContext.open_file`."""


class TaskContext:
    """What the code of a task has to do with its attempt: what it was given, and what it can tell.

    A class of tasks has it from `TaskBase`, as `self`. A function with `@task` gets one for the parameter that it
    annotates `TaskContext`.

    Attributes:
        task_info: what the store knew of the task when the attempt was claimed.
        set_progress: called with the id of the task and a percentage.
        set_output: called with the id of the task and its output so far; it wins over what is returned, but where a
            function, or a `run` with parameters, is annotated to return something.
        logger: what it logs is kept with the task.
    """

    #: Not given to `__init__`, whose four parameters classes of users may have spelt out.
    _attempt: AttemptOfTask | None = None
    #: What `run` is called with; None where it takes nothing.
    _arguments: tuple[tuple[Any, ...], dict[str, Any]] | None = None

    def __init__(
        self,
        task_info: TaskInfo,
        set_progress: Callable[[int, float], None],
        set_output: Callable[[int, JSONObject], None],
        logger: logging.Logger,
    ) -> None:
        self.task_info = task_info
        self.set_progress = set_progress
        self.set_output = set_output
        self.logger = logger

    @property
    def cancelled(self) -> bool:
        """True once somebody asked this task to stop; for loops that want to end at a place of their choice."""
        return self._attempt is not None and self._attempt.is_cancelled()

    def wait_until_stored(self) -> None:
        """Return when the store has what this attempt reported so far: its output above all.

        For work that must not be done twice: report that it is done, wait, and only then do the next piece. Whatever
        kills the worker then, the next attempt finds all pieces but the last one in `self.task_info.output`.

        While the store is away this waits for it. It ends like any other code of the task: by `CancelRequested`,
        `TimeoutReached` or `RunnerStopping`, or with its process, which is killed when the attempt has become another
        runner's.
        """
        if self._attempt is not None:
            self._attempt.wait_until_stored()

    # --- how far it is

    @overload
    def track(
        self, items: AsyncIterable[_T], *, total: float | None = None, message: str | None = None, share: float = 1.0
    ) -> AsyncIterator[_T]: ...
    @overload
    def track(
        self, items: Iterable[_T], *, total: float | None = None, message: str | None = None, share: float = 1.0
    ) -> Iterator[_T]: ...
    def track(self, items: Any, *, total: float | None = None, message: str | None = None, share: float = 1.0) -> Any:
        """Go through items and have the progress follow: `for photo in self.track(photos, message="Resizing"):`.

        A loop inside shares the bar: it stands for one step of the loop outside, or for its `share` of that step.
        A step costs well under a microsecond. Use it in one thread of the task.

        Args:
            items: what to go through; `async for` goes through an asynchronous source.
            total: how many steps there are together, for items without a length. If it is more than the length, the
                others were done before: `self.track(range(self.last_checkpoint or 0, rows), total=rows)`.
            message: what is done, for people.
            share: which part of the enclosing step, or of the whole task, this loop is: 0 to 1.

        Raises:
            ValueError: the total or the share is none.
        """
        return items if self._attempt is None else self._attempt.track(items, total, message, share)

    def report_progress(
        self,
        percentage: float | None = None,
        *,
        step: float | None = None,
        of: float | None = None,
        message: str | None = None,
    ) -> None:
        """Tell how far the task is: by a percentage, "step 3 of 10", a message, each alone or together.

        What is left out stays as it was. A step of a number of steps makes the percentage, if none is given.

        Raises:
            ValueError: nothing is told, or what can't be: a percentage beyond 0 to 100, a negative number, NaN.
        """
        if self._attempt is not None:
            self._attempt.report_progress(percentage, step, of, message)

    # --- what the next attempt goes on from

    def checkpoint(self, state: object, *, durable: bool = False) -> None:
        """Save from where another attempt would go on, whatever ends this one; the last state counts.

        It is cheap: states that follow each other within a moment are written once. A success forgets it.

        Args:
            state: any JSON value, up to the limit of an output.
            durable: return when the store has it, as `wait_until_stored` does.

        Raises:
            InvalidOutputError: it is no JSON value, or too long.
        """
        if self._attempt is not None:
            self._attempt.checkpoint(state, durable=durable)

    @property
    def last_checkpoint(self) -> Any:  # noqa: ANN401 - any JSON value
        """The state that was saved last, by this attempt or an earlier one; None if there is none."""
        return None if self._attempt is None else self._attempt.last_checkpoint()

    @property
    def resumed(self) -> Literal["retry", "lost", "redeploy"] | None:
        """Why an earlier attempt ended, None in the first one.

        "retry": by an error, or because somebody wants it again. "lost": its worker or runner died. "redeploy": its
        runner stopped; this is known where the attempt has left a checkpoint.
        """
        return None if self._attempt is None else self._attempt.resumed()

    def step(self, name: str, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call a function once per task: another attempt gets the result that was kept, and calls nothing.

        It returns when the store has the result. What dies in the middle of the function runs it again. The result
        comes as JSON carries it, the first time too; a coroutine function is awaited: `await self.step("pay", pay)`.

        Args:
            name: of the step, unique in the task. 1 to 200 printable characters.

        Raises:
            InvalidOutputError: the result is no JSON value, or too long.
            ValueError: the name is none, or the task has 1,000 steps already.
        """
        if self._attempt is None:
            return function(*args, **kwargs)
        result: _T = self._attempt.step(name, function, args, kwargs)
        return result

    # --- files

    def attach(
        self,
        source: Source,
        *,
        name: str | None = None,
        media_type: str | None = None,
        expires_after: timedelta | None = None,
    ) -> AttachedFile:
        """Keep a file for whoever asks for it by `TaskHandle.files()`, also when this process has ended.

        When this returns, the file is whole and durable in the file area; whoever looks finds it a moment later, when
        the runner has written that down. `wait_until_stored()` returns when it has. It blocks while it copies: in a
        coroutine, call it by `asyncio.to_thread`. What is attached stays, however the attempt ends; of two files of one
        name the newer wins.

        Args:
            source: the path of a file, or a stream of bytes, which is read from where it stands to its end.
            name: under which it is found; None takes that of the file.
            media_type: as "application/pdf"; None guesses it from the name.
            expires_after: when it may be deleted; None keeps it for as long as there is the task.

        Raises:
            InvalidFileError: it can't be attached: there is no such file, it is none, it is too large, its name can't
                be used, the attempt has attached too many, or the stream was written and stands at its end.
            FileAreaError: there is no file area, or it can't be written, as on a full disk.
        """
        if self._attempt is None:
            raise RuntimeError("Only a task that runs can attach files.")
        return self._attempt.attach(source, name, media_type, expires_after)

    def open_file(self, file: FileRef) -> BinaryIO:
        """Return a stream of the bytes of a file that was uploaded for the task by `TaskClient.upload`.

            @task
            def resize(ctx: TaskContext, photo: FileRef) -> None:
                with ctx.open_file(photo) as stream: ...

        Raises:
            FileGoneError: it has expired.
            FileAreaError: the file area can't be reached or read.
        """
        if self._attempt is None:
            raise RuntimeError("Only a task that runs can open files.")
        return self._attempt.open_file(file)
