"""Every error that lilota raises, as one tree, and the exceptions that steer a task.

    LilotaError
    ├── RunnerStateError          calls in the wrong order
    ├── ConfigurationError        a setting or an argument that can't be used
    ├── InvalidTaskError          a class that can't be a task
    ├── InvalidInputError         input that is no JSON object within the limits, or does not fit
    ├── TaskRefusedError          a plugin does not let a task be added
    ├── InvalidOutputError        output that is no JSON within the limits, or does not fit
    ├── UnknownTaskError          a task name that nobody registered
    ├── TaskNotFoundError         an id that the store does not have
    │   └── UnknownReferenceError a reference that names no task here
    ├── TaskStateError            an action that the task's state does not allow
    ├── TaskFailedError           result(): the task failed
    ├── TaskCancelledError        result(): the task was cancelled
    ├── StoreError
    │   ├── UnknownStoreError     no store is installed for a name or URL
    │   ├── StoreUnavailableError the store can't be reached or written just now
    │   ├── StoreGoneError        the process that held the store's data has ended
    │   └── StoreVersionError     the store was written by a newer lilota
    ├── FileError                 a file of a task
    │   ├── InvalidFileError      what can't be attached: its name, its kind, its size
    │   ├── FileAreaError         where files are kept can't be found or used, or is full
    │   └── FileGoneError         the file is not there any more: expired, replaced, or lost
    └── PluginError
        └── PluginConflictError   two distributions claim one name

    Retry                         raised by a task: come back later
    StopTask (BaseException)      raised inside a task by lilota
    ├── CancelRequested
    ├── TimeoutReached
    │   └── DeadlineReached
    ├── MemoryLimitReached
    ├── CpuLimitReached
    └── RunnerStopping

Each of them survives pickling: only `args` carry state. At the end stand the helpers of messages.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

#: Python refuses to write out much longer numbers.
_LONGEST_SHOWN_BITS: Final = 256
#: A hundred years: no wait and no time limit is longer.
LONGEST_SECONDS: Final = 100 * 366 * 86_400
#: A worker uses 25 MB before it runs anything; with less than this, in millions of bytes, none would be of use.
LEAST_MEMORY_MB: Final = 50
#: No machine has more.
MOST_MEMORY_MB: Final = 1_000_000_000
_NO_REFERENCE: Final = "The reference names no task: no key of this application has signed it, or it is too old."
#: Names beyond this many characters are not compared with others.
_LONGEST_NAME: Final = 200


class LilotaError(Exception):
    """The base of all errors that lilota raises. By itself: no worker could be started, or a runner's engine failed."""


class RunnerStateError(LilotaError, RuntimeError):
    """A method was called while the runner was not in the state for it: started twice, added before the start.

    Also raised where a worker process that imports your program would start a runner: the code that starts it must
    stand behind `if __name__ == "__main__":`.
    """


class ConfigurationError(LilotaError, ValueError):
    """A setting, an argument or a URL can't be used as it is."""


class InvalidTaskError(LilotaError, TypeError):
    """A class can't be a task: no `TaskBase`, no `run()`, wrong attributes, or workers could not import it."""


class InvalidInputError(LilotaError, ValueError):
    """The input is no JSON object within the limits or does not fit its task, or an argument of `add` can't be used.

    Nothing was added. In a worker it ends a task whose parameters are others than when it was added. Tasks may raise
    it for input that makes no sense.
    """


class TaskRefusedError(LilotaError):
    """A plugin does not let a task be added; its sentence says why. Nothing was added.

    For plugins to raise in `lilota_before_add`.
    """


class InvalidOutputError(LilotaError, ValueError):
    """The output of a task is no JSON within the limits, or is not what its annotation says. Raised inside the task."""


class UnknownTaskError(LilotaError, LookupError):
    """No task of that name is registered, configured or installed. The message suggests the nearest one."""


class TaskNotFoundError(LilotaError, LookupError):
    """The store has no task of that id: pruned, added in a transaction that has not committed, or no number at all."""

    def __init__(self, task_id: object) -> None:
        super().__init__(task_id)

    def __str__(self) -> str:
        task_id = self.args[0]
        if not isinstance(task_id, int) or isinstance(task_id, bool):
            return f"A task has a whole number as its id, not {task_id!r:.100}. Convert what comes as text with int()."
        if task_id.bit_length() > _LONGEST_SHOWN_BITS:
            return f"No task has a number of {task_id.bit_length()} bits as its id."
        return f"The task with the id '{task_id}' does not exist in the store. It may have been pruned."


class UnknownReferenceError(TaskNotFoundError):
    """A reference that none of the keys has signed, that somebody has changed, or that is too old."""

    def __init__(self, message: str = _NO_REFERENCE) -> None:
        super().__init__(message)

    def __str__(self) -> str:
        return str(self.args[0])


class TaskStateError(LilotaError, RuntimeError):
    """The state of the task does not allow the action: only failed and cancelled tasks can be retried."""


class TaskFailedError(LilotaError):
    """The task ended as failed; the text carries what happened in the worker.

    Args:
        message: one line that names the task and the cause.
        remote_traceback: the traceback of the worker process as text, or "".
    """

    def __init__(self, message: str, remote_traceback: str = "") -> None:
        super().__init__(message, remote_traceback)

    @property
    def remote_traceback(self) -> str:
        return str(self.args[1])

    def __str__(self) -> str:
        message, remote_traceback = self.args
        return f"{message}\n\n{remote_traceback}" if remote_traceback else str(message)


class TaskCancelledError(LilotaError):
    """The task was cancelled before it had a result."""


class StoreError(LilotaError):
    """The base of all errors of stores."""


class UnknownStoreError(StoreError, LookupError):
    """No installed distribution provides a store of that name or scheme. The message lists those that there are."""


class StoreUnavailableError(StoreError):
    """The store can't be reached, read or written just now, as on a full disk; nothing was half written."""


class StoreGoneError(StoreError):
    """The process that held the store's data has ended, and its tasks with it: the `StoreManager` of a memory store.

    A runner on it stops by itself. Start a new manager and a new runner, or use a SQLite store.
    """


class StoreVersionError(StoreError):
    """The store's data was written by a newer version that this one must not touch. Upgrade this program."""


class FileError(LilotaError):
    """The base of what can be wrong with a file of a task."""


class InvalidFileError(FileError, ValueError):
    """A file can't be attached as it is: its name, its kind or its size; or the task has too many. Nothing was kept."""


class FileAreaError(FileError):
    """Where files are kept can't be found, reached, read or written, as on a full disk; nothing was half written."""


class FileGoneError(FileError, LookupError):
    """A file is not there any more: it has expired, a newer one of its name has replaced it, or its folder was lost."""


class PluginError(LilotaError):
    """A plugin could not be loaded, or misbehaved, where going on without it was not possible."""


class PluginConflictError(PluginError):
    """Two installed distributions claim the same name."""


class Retry(Exception):  # noqa: N818 - a request, not an error
    """Raise this in `run()` to end the attempt and run the task again later.

    The attempt is not spent: a task may come back as often as it likes.
    """

    def __init__(self, delay_seconds: float = 0.0, reason: str = "") -> None:
        if not 0 <= delay_seconds <= LONGEST_SECONDS:
            raise ValueError(f"delay_seconds must be between 0 and a hundred years, not {delay_seconds!r}")
        super().__init__(delay_seconds, reason)

    @property
    def delay_seconds(self) -> float:
        return float(self.args[0])

    @property
    def reason(self) -> str:
        return str(self.args[1])

    def __str__(self) -> str:
        return self.reason or f"asked to run again in {self.delay_seconds:g} s"


class StopTask(BaseException):
    """The base of what lilota raises inside a running task to end it.

    Not an `Exception`, so that `except Exception` in a task does not swallow it. Clean up with `finally`,
    and let it go.
    """


class CancelRequested(StopTask):
    """Somebody cancelled the running task. It ends as cancelled."""


class TimeoutReached(StopTask):
    """The attempt ran for longer than the task's `timeout_seconds`.

    It counts as an error: it may be tried again.
    """


class DeadlineReached(TimeoutReached):
    """All attempts of the task together have taken its `deadline_seconds`. There is no other attempt."""


class MemoryLimitReached(StopTask):
    """The process of the attempt, with all that it has started, uses more memory than the task's `max_memory_mb`.

    It counts as an error, as a timeout does. Let go of what is large soon: there is little patience.
    """


class CpuLimitReached(StopTask):
    """The attempt has used more seconds of processors than the task's `max_cpu_seconds`, with all that it has started.

    It counts as an error, as a timeout does.
    """


class RunnerStopping(StopTask):
    """The runner stops, or its place is taken away, and the patience is over: the task is given back, to run again."""


def did_you_mean(name: str, known: Collection[str], *, cutoff: float = 0.6) -> str:
    """Return " Did you mean 'x'?" with the nearest of the known names, or "" if none is near.

    Args:
        cutoff: how alike they must be, from 0 to 1.
    """
    import difflib  # noqa: PLC0415 - only those who made a mistake need it

    # Comparing takes the time of both lengths together: nobody mistypes a name of a megabyte.
    near = [each for each in known if len(each) <= _LONGEST_NAME] if len(name) <= _LONGEST_NAME else []
    nearest = difflib.get_close_matches(name, near, n=1, cutoff=cutoff)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""


def described(error: BaseException) -> str:
    """Return an error as its class and its text, which alone may say little.

    >>> described(KeyError("a"))
    "KeyError: 'a'"
    """
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def listed(names: Collection[str], limit: int = 20) -> str:
    """Return the names, quoted and sorted, at most `limit` of them, or "none"."""
    shown = ", ".join(repr(name) for name in sorted(names)[:limit])
    left_out = len(names) - limit
    return f"{shown} and {left_out} more" if left_out > 0 else shown or "none"
