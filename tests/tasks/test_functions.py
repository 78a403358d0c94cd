"""Functions that are tasks: what `@task` makes of them, and which ones it refuses."""

from __future__ import annotations

import functools
import pickle

import pytest

import lilota
from lilota import FunctionTask, TaskBase, TaskContext, task
from lilota.errors import InvalidTaskError
from lilota.retry import Backoff
from lilota.tasks.checks import check_task_class
from lilota.tasks.options import TaskOptions


@task
def plain() -> None:
    """Do nothing."""


@task(name="images:thumb", max_attempts=3, backoff=Backoff(first_seconds=2), queue="images", priority=5)
def with_options() -> None:
    """Do nothing, with care."""


@task
async def asynchronous() -> int:
    return 3


@task
def adder(first: int, second: int = 1) -> int:
    return first + second


def not_decorated() -> None:
    """Be a function."""


class Holder:
    def method(self) -> None:
        """Need an object."""


def test_a_function_is_still_the_function_that_it_was():
    """Its module, its name and its docstring are those of the function, and it can be called."""
    assert adder(2, second=3) == 5
    assert adder(2) == 3
    assert plain.__doc__ == "Do nothing."
    assert (adder.__module__, adder.__name__) == (__name__, "adder")
    assert isinstance(plain, FunctionTask)


def test_the_name_is_that_of_the_function_unless_another_is_given():
    """A name may be one that no function could have."""
    assert plain.name == "plain"
    assert with_options.name == "images:thumb"


def test_a_function_has_a_class_that_runs_it():
    """What runs tasks needs to know nothing of functions."""
    task_class = check_task_class(plain, "The task 'plain'")

    assert issubclass(task_class, TaskBase)
    assert (task_class.__module__, task_class.__qualname__, task_class.__doc__) == (__name__, "plain", "Do nothing.")


def test_options_are_the_attributes_of_the_class():
    """They are the same as those that a class says, with the same defaults."""
    options = TaskOptions.of(with_options.task_class)

    assert options == TaskOptions(max_attempts=3, backoff=Backoff(first_seconds=2))
    assert (with_options.task_class.queue, with_options.task_class.priority) == ("images", 5)
    assert (plain.task_class.queue, plain.task_class.concurrent) == ("default", False)


def test_a_function_with_the_decorator_can_be_pickled():
    """Programs give functions to other processes; one that became a task travels as before."""
    assert pickle.loads(pickle.dumps(plain)) is plain


@pytest.mark.parametrize(
    ("decorated", "said"),
    [
        (lambda: None, "A lambda has no name by which worker processes could import it: write a function with `def`."),
        (
            Holder.method,
            "Holder.method is a method, of which worker processes have no object. Move it to the top",
        ),
        (functools.partial(not_decorated), r"is of type partial. Write a function with `def`, which calls it\."),
        (len, "is of type builtin_function_or_method"),
        (plain, "It is a task already: decorate it once"),
        (TaskBase, "It is a class of tasks already: leave out @task, and register it under a name"),
        ("resize", r"Write @task\(name='resize'\) to give it that name"),
        (3, "3 is of type int"),
    ],
)
def test_what_is_no_function_of_a_module_is_refused_where_it_is_decorated(decorated, said):
    """The message says what to do instead."""
    with pytest.raises(InvalidTaskError, match=said):
        task(decorated)


def test_an_option_that_there_is_not_is_refused_with_what_was_meant():
    """Other task queues have other names for it."""
    with pytest.raises(InvalidTaskError, match=r"can't have the option 'max_retries'. Did you mean 'max_attempts'"):
        task(max_retries=3)(not_decorated)  # type: ignore[call-overload] # the mistake that is meant


def test_an_option_with_a_wrong_value_is_refused():
    """The message names the function and the option, as for a class."""
    with pytest.raises(InvalidTaskError, match=r"test_functions.not_decorated.max_attempts must be a whole number"):
        task(max_attempts=0)(not_decorated)
    with pytest.raises(InvalidTaskError, match=r"queue must be the name of a queue"):
        task(queue="")(not_decorated)


def test_a_name_that_can_not_be_shown_is_refused():
    """It is checked like every other name."""
    with pytest.raises(InvalidTaskError, match="1 to 200 printable characters"):
        task(name="a\nb")(not_decorated)


def test_a_plain_function_in_place_of_a_class_is_told_of_the_decorator():
    """It is one line away from being a task."""
    with pytest.raises(InvalidTaskError, match=r"Decorate it with @lilota\.task"):
        check_task_class(not_decorated, "The task 'x'")


def test_what_a_decorator_above_has_made_of_a_task_is_none():
    """The one below would be called by workers, and the other one never."""

    @functools.wraps(plain)
    def around() -> None: ...

    with pytest.raises(InvalidTaskError, match=r"Put @lilota\.task above its other decorators\."):
        check_task_class(around, "The task 'x'")


def test_the_names_are_had_from_lilota_itself():
    """They are loaded when they are first used."""
    assert lilota.task is task
    assert lilota.TaskContext is TaskContext
