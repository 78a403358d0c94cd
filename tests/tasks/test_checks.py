"""Which classes can be tasks: what surely can't work is refused, and what looks misspelt is said."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from lilota.errors import InvalidTaskError
from lilota.models import TaskBase
from lilota.tasks.checks import check_task_class
from lilota.tasks.options import remarks_on
from lilota.tasks.runs import signature_of

HERE = __name__


def with_number(run: Callable[[TaskBase, int], None]) -> Callable[[TaskBase], None]:
    """Make a method that passes a number to the one that it wraps."""

    @functools.wraps(run)
    def run_with_number(task):
        return run(task, 1)

    return run_with_number


class Good(TaskBase):
    def run(self):
        return None


class WithDefaults(TaskBase):
    def run(self, again=False, **options):
        return None


class Decorated(TaskBase):
    @with_number
    def run(self, number):
        return None


class Static(TaskBase):
    @staticmethod
    def run():
        return None


class OfClass(TaskBase):
    @classmethod
    def run(cls):
        return None


class OwnConstruction(TaskBase):
    def __init__(self, *arguments, verbose=False):
        super().__init__(*arguments)

    def run(self):
        return None


class FirstVersion(TaskBase):
    def __init__(self, task_info, set_progress, set_output, logger):
        super().__init__(task_info, set_progress, set_output, logger)

    def run(self):
        return None


@pytest.mark.parametrize("clazz", [Good, WithDefaults, Decorated, Static, OfClass, OwnConstruction, FirstVersion])
def test_what_can_be_called_as_lilota_calls_it_is_a_task(clazz):
    """Also where a decorator passes what the wrapped function asks for."""
    assert check_task_class(clazz, "The task 'x'") is clazz


class Asking(TaskBase):
    def run(self, folder: str, *, deep: bool = False) -> int:
        return 1


class StaticAsking(TaskBase):
    @staticmethod
    def run(folder: str) -> int:
        return 1


def handing_on(run):
    """Make a method that takes whatever comes and hands it on."""

    @functools.wraps(run)
    def run_with_anything(*args, **kwargs):
        return run(*args, **kwargs)

    return run_with_anything


class HandingOn(TaskBase):
    @handing_on
    def run(self, folder: str) -> int:
        return 1


class HandingNothingOn(TaskBase):
    @handing_on
    def run(self):
        return None


@pytest.mark.parametrize(
    ("clazz", "keys"),
    [
        (Asking, ["folder", "deep"]),
        (StaticAsking, ["folder"]),
        (HandingOn, ["folder"]),
        (WithDefaults, ["again"]),
        (Good, None),
        (Static, None),
        (OfClass, None),
        (Decorated, None),
        (HandingNothingOn, None),
        (TaskBase, None),
    ],
)
def test_a_run_with_parameters_takes_them_from_the_input(clazz, keys):
    """Also where a decorator hands on what it gets; one that passes arguments of its own asks for none."""
    signature = signature_of(clazz)

    assert (None if signature is None else [each.name for each in signature.parameters]) == keys


class WithoutSelf(TaskBase):
    def run():
        return None


class Collecting(TaskBase):
    def run(self, *folders):
        return None


class Unspeakable(TaskBase):
    def run(self, folder: re.Pattern[str]):
        return None


class Uncallable(TaskBase):
    run = None


@pytest.mark.parametrize(
    ("clazz", "problem"),
    [
        (WithoutSelf, "Write `def run(self)`"),
        (Collecting, "'*folders'"),
        (Unspeakable, "the parameter 'folder'"),
        (Uncallable, "run is of type NoneType. Write `def run(self)`"),
    ],
)
def test_a_run_that_can_not_be_called_is_refused(clazz, problem):
    """It would fail each time; the message says what to write."""
    with pytest.raises(InvalidTaskError, match=re.escape(problem)) as refused:
        check_task_class(clazz, "The task 'x'")

    assert f"{HERE}.{clazz.__name__}" in str(refused.value)


class AsyncYielding(TaskBase):
    async def run(self):
        yield


def test_a_run_that_is_an_asynchronous_generator_is_refused():
    """It returns nothing that could be awaited."""
    with pytest.raises(InvalidTaskError, match="as a function that returns, without 'yield'"):
        check_task_class(AsyncYielding, "The task 'x'")


class ConcurrentFunction(TaskBase):
    concurrent = True

    def run(self):
        return None


def test_a_function_can_not_be_concurrent():
    """It would stop the coroutines beside it."""
    with pytest.raises(InvalidTaskError, match=r"`concurrent = True`, which is for coroutine functions.*async def run"):
        check_task_class(ConcurrentFunction, "The task 'x'")


class WithFolder(TaskBase):
    def __init__(self, task_info, set_progress, set_output, logger, folder):
        super().__init__(task_info, set_progress, set_output, logger)

    def run(self):
        return None


class WithNothing(TaskBase):
    def __init__(self):
        self.size = 1

    def run(self):
        return None


@dataclass
class Record(TaskBase):
    folder: str

    def run(self):
        return None


@pytest.mark.parametrize("clazz", [WithFolder, WithNothing, Record])
def test_a_class_that_can_not_be_made_is_refused(clazz):
    """The message says which parameters there are."""
    with pytest.raises(InvalidTaskError) as refused:
        check_task_class(clazz, "The task 'x'")

    assert f"The task 'x' ({HERE}.{clazz.__name__}) can't be made" in str(refused.value)
    assert "(task_info, set_progress, set_output, logger)" in str(refused.value)
    assert "Leave out __init__()" in str(refused.value)


class Executing(TaskBase):
    def execute(self):
        return None


def test_who_calls_run_otherwise_is_told_so():
    """Other task queues have other names for it."""
    with pytest.raises(InvalidTaskError, match=r"it must define run\(\)\. Rename execute\(\) to run\(\)\."):
        check_task_class(Executing, "The task 'x'")


class Nothing(TaskBase):
    pass


class Called(TaskBase):
    def __call__(self):
        return None


def test_a_class_that_defines_nothing_is_told_of_no_method_to_rename():
    """Every class can be called, but only one that defines it has a `__call__()` to rename."""
    with pytest.raises(InvalidTaskError, match=r"it must define run\(\)\.$"):
        check_task_class(Nothing, "The task 'x'")
    with pytest.raises(InvalidTaskError, match=r"Rename __call__\(\) to run\(\)\."):
        check_task_class(Called, "The task 'x'")


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        (Good(None, None, None, None), "Pass the class itself, Good, not an instance."),
        ("Good", "Pass the class itself, not its name."),
        (re, "Name the class or the function in the module, as in 'package.module:Class'."),
        (lambda: None, "Decorate it with @lilota.task."),
        (None, "Pass a subclass of lilota.TaskBase."),
    ],
)
def test_what_is_no_class_is_refused_with_what_to_pass(given, remedy):
    """Each kind has a remedy of its own."""
    with pytest.raises(InvalidTaskError, match=re.escape(remedy)):
        check_task_class(given, "The task 'x'")


# --- Options that are none ---


def task_class(bases=(TaskBase,), **members):
    return type("Task", bases, {"run": lambda task: None, "__module__": HERE, **members})


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("timeout", 5, "Did you mean 'timeout_seconds'?"),
        ("time_limit", timedelta(seconds=5), "Did you mean 'timeout_seconds'?"),
        ("timeout_second", 5, "Did you mean 'timeout_seconds'?"),
        ("TIMEOUT_SECONDS", 5, "Did you mean 'timeout_seconds'?"),
        ("maxAttempts", 3, "Did you mean 'max_attempts'?"),
        ("max_retries", 3, "Did you mean 'max_attempts', which counts the first attempt, too?"),
        ("retry_delay", 3, "Did you mean 'backoff', which takes a lilota.Backoff?"),
        ("autoretry_for", (OSError,), "Did you mean 'retry_on'?"),
        ("queue_name", "mails", "Did you mean 'queue'?"),
    ],
)
def test_an_attribute_that_looks_like_an_option_is_said(name, value, hint):
    """By its name elsewhere, or because it is nearly the one that there is."""
    [remark] = remarks_on(task_class(**{name: value}))

    assert remark.startswith(f"lilota does not read {HERE}.Task.{name}. {hint} ")


@pytest.mark.parametrize(
    "members",
    [
        {"max_attempts": 3, "timeout_seconds": 5},
        {"timeout": 5, "run": lambda task: task.timeout},
        {"timeout": 5, "run": lambda task: getattr(task, "timeout")},  # noqa: B009 - as users write
        {"timeout": 5, "limit": property(lambda task: task.timeout)},
        {"retries": 5, "run": lambda task: [task.retries for _ in "ab"]},
        {"_timeout": 5, "page_size": 50, "folder": "photos", "start_seconds": 3, "max_pages": 5},
        {"timeout": lambda task: 5, "retry": object()},
    ],
)
def test_what_is_the_class_s_own_is_left_alone(members):
    """What it reads itself, what is like no option, and what can be no option."""
    assert remarks_on(task_class(**members)) == ()


def test_a_base_class_of_the_same_package_is_looked_at_too():
    """There, options for all tasks of an application stand; what other packages bring is their business."""
    own = task_class(timeout=5)
    strange = task_class(timeout=5, __module__="elsewhere.tasks")
    mixin = type("Mixin", (), {"retries": 3})

    assert len(remarks_on(task_class((own,)))) == 1
    assert remarks_on(task_class((strange,))) == ()
    assert remarks_on(task_class((mixin, TaskBase))) == ()
