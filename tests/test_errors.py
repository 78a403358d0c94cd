"""Every error survives pickling with its text, and can be caught as the builtin that it is."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from lilota import errors
from lilota.errors import (
    LilotaError,
    PluginError,
    Retry,
    StopTask,
    StoreError,
    TaskFailedError,
    TaskNotFoundError,
)

CLASSES = [item for item in vars(errors).values() if inspect.isclass(item) and issubclass(item, BaseException)]
BUILTIN_BASES = {
    "RunnerStateError": RuntimeError,
    "ConfigurationError": ValueError,
    "InvalidTaskError": TypeError,
    "InvalidInputError": ValueError,
    "InvalidOutputError": ValueError,
    "UnknownTaskError": LookupError,
    "TaskNotFoundError": LookupError,
    "TaskStateError": RuntimeError,
    "UnknownStoreError": LookupError,
}
STEERING = {
    "CancelRequested",
    "CpuLimitReached",
    "DeadlineReached",
    "MemoryLimitReached",
    "Retry",
    "RunnerStopping",
    "StopTask",
    "TimeoutReached",
}


def example(kind: type[BaseException]) -> BaseException:
    return kind(2.5, "why") if kind is Retry else kind("what happened")


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling(kind):
    """Type, text and arguments, also through copy."""
    error = example(kind)

    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is kind
        assert twin.args == error.args
        assert str(twin) == str(error)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_has_its_place_in_the_tree(kind):
    """Errors under LilotaError, what lilota raises in tasks outside of Exception, and each in the module's picture."""
    assert issubclass(kind, LilotaError) != (kind.__name__ in STEERING)
    assert issubclass(kind, StopTask) == (kind.__name__ in STEERING - {"Retry"})
    assert not issubclass(StopTask, Exception)
    assert kind.__name__ in errors.__doc__
    assert kind.__doc__


@pytest.mark.parametrize(("name", "base"), BUILTIN_BASES.items())
def test_an_error_is_also_a_builtin(name, base):
    """Callers who do not know lilota catch it."""
    assert issubclass(getattr(errors, name), base)


def test_store_and_plugin_errors_can_be_caught_together():
    """One `except` for each of the two worlds."""
    assert {kind.__name__ for kind in CLASSES if issubclass(kind, StoreError)} >= {
        "UnknownStoreError",
        "StoreUnavailableError",
        "StoreVersionError",
    }
    assert issubclass(errors.PluginConflictError, PluginError)


def test_a_failed_task_shows_the_traceback_of_the_worker():
    """In the text, and by itself."""
    error = TaskFailedError("The task 1 failed: E: m", "Traceback ...")

    assert str(error) == "The task 1 failed: E: m\n\nTraceback ..."
    assert error.remote_traceback == "Traceback ..."
    assert str(TaskFailedError("The task 1 failed.")) == "The task 1 failed."


def test_a_missing_task_is_named():
    """And the likely reason."""
    assert "'17' does not exist in the store" in str(TaskNotFoundError(17))


@pytest.mark.parametrize("delay", [-1, float("nan"), float("inf"), 1e12])
def test_a_retry_needs_a_delay_that_ends(delay):
    """It is refused where it is raised, in the task; so is one that no calendar reaches."""
    with pytest.raises(ValueError, match="delay_seconds must be between 0 and a hundred years, not "):
        Retry(delay)


def test_a_retry_says_when_and_why():
    """Without a reason, when is the reason."""
    assert (Retry(2.5, "busy").delay_seconds, str(Retry(2.5, "busy"))) == (2.5, "busy")
    assert str(Retry(2.5)) == "asked to run again in 2.5 s"
