"""The class attributes of tasks: a wrong one is refused before the task runs."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from lilota.errors import InvalidTaskError
from lilota.models import TaskBase
from lilota.retry import Backoff
from lilota.tasks.options import TaskOptions, check_options

MEMORY = "a number of MB from 50 on, or None (a worker uses 25 MB before it runs anything)"
BACKOFF = "a lilota.Backoff of finite numbers, with a factor up to 1000 and a jitter from 0 to 1"


def task_class(**options: Any) -> type[TaskBase]:
    return type("Task", (TaskBase,), {"run": lambda task: None, "__module__": __name__, **options})


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max_attempts": 10, "max_lost_attempts": 1},
        {"timeout_seconds": 5, "kill_after_seconds": 0.5},
        {"retry_on": (), "never_retry_on": (KeyboardInterrupt,)},
        {"backoff": Backoff(first_seconds=0)},
        {"max_memory_mb": 50, "max_cpu_seconds": 0.1},
    ],
)
def test_good_options_are_accepted(options):
    """The defaults are, too."""
    check_options(task_class(**options), "The task 'x'")


@pytest.mark.parametrize(
    ("name", "value", "meaning"),
    [
        ("max_attempts", 0, "a whole number of at least 1"),
        ("max_attempts", True, "a whole number of at least 1"),
        ("max_attempts", None, "a whole number of at least 1"),
        ("max_lost_attempts", 1.5, "a whole number of at least 1"),
        ("timeout_seconds", "5", "a number of seconds above 0, or None"),
        ("timeout_seconds", timedelta(seconds=5), "a number of seconds above 0, or None"),
        ("timeout_seconds", float("nan"), "a number of seconds above 0, or None"),
        ("kill_after_seconds", None, "a number of seconds above 0"),
        *(("max_memory_mb", value, MEMORY) for value in (0, -1, 49.9, True, "2G", float("nan"), float("inf"))),
        *(("max_cpu_seconds", value, "a number of seconds above 0, or None") for value in (0, -1, True, float("nan"))),
        ("retry_on", ValueError, "a tuple of exception classes"),
        ("never_retry_on", ("ValueError",), "a tuple of exception classes"),
        ("backoff", 3, BACKOFF),
        ("backoff", Backoff(first_seconds=float("nan")), BACKOFF),
        ("backoff", Backoff(max_seconds=float("inf")), BACKOFF),
        ("backoff", Backoff(factor=1e6), BACKOFF),
        ("backoff", Backoff(jitter=2), BACKOFF),
    ],
)
def test_a_wrong_option_is_refused_with_its_name(name, value, meaning):
    """The message says which attribute of which class, and what it may be."""
    expected = f"The task 'x' can't be used: {__name__}.Task.{name} must be {meaning}, not {value!r:.100}."

    with pytest.raises(InvalidTaskError, match=re.escape(expected)):
        check_options(task_class(**{name: value}), "The task 'x'")


@pytest.mark.parametrize("limit", [{"max_memory_mb": 500}, {"max_cpu_seconds": 5}])
def test_a_concurrent_task_can_have_no_limit_of_its_own_use(limit):
    """It shares a process, so nobody could tell what it uses."""
    with pytest.raises(InvalidTaskError, match=r"it is concurrent, and has a limit .* Leave out one of both"):
        check_options(task_class(concurrent=True, **limit), "The task 'x'")


def test_a_runner_knows_what_the_class_says():
    """What the class leaves out has the default of `TaskBase`."""
    options = TaskOptions.of(task_class(timeout_seconds=5, max_attempts=3))

    assert options == TaskOptions(timeout_seconds=5, max_attempts=3)
    assert TaskOptions() == TaskOptions.of(TaskBase)
