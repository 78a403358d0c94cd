"""`run_task` runs a task inline as production would."""

from __future__ import annotations

import asyncio
import logging
from datetime import date

import pytest
from testing_tasks import (
    AddTwo,
    Broken,
    Echo,
    Later,
    NotJSON,
    Product,
    UntilCancelled,
    days_of_month,
    greet,
    next_day,
)

from lilota.errors import InvalidInputError, InvalidTaskError
from lilota.models import TaskBase, TaskState
from lilota.testing import run_task


def test_a_task_that_succeeds_leaves_output_progress_and_log():
    """All that an attempt reports is in the result."""
    result = run_task(AddTwo, {"a": 1, "b": 2})

    assert (result.state, result.output, result.error) == (TaskState.SUCCEEDED, {"result": 3}, None)
    assert result.progress == (50.0,)
    assert result.log_text == "adding {'a': 1, 'b': 2}"


def test_an_attribute_that_looks_like_an_option_is_a_warning():
    """Where the class is installed, nobody registers it; so its test is the first to see it."""
    misspelt = type("Misspelt", (AddTwo,), {"timeout": 5, "__module__": AddTwo.__module__})

    with pytest.warns(UserWarning, match=r"does not read testing_tasks.Misspelt.timeout. Did you mean 'timeout_sec"):
        run_task(misspelt, {"a": 1, "b": 2})


def test_input_and_output_go_through_json():
    """What JSON does not keep, the task and its caller do not get: tuples become lists."""
    result = run_task(Echo, {"sizes": (1, 2)}, output={"done": (3,)})

    assert result.output == {"input": {"sizes": [1, 2]}, "earlier": {"done": [3]}, "pair": [1, 2]}


def test_input_that_can_not_be_stored_is_refused_as_add_would():
    """The error comes before the task runs."""
    with pytest.raises(InvalidInputError, match=r"\$\.a"):
        run_task(AddTwo, {"a": float("nan")})


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ("add_two", "Pass the class itself, not its name."),
        (AddTwo(None, None, None, None), "Pass the class itself, AddTwo, not an instance."),
        (len, "Write a subclass of lilota.TaskBase"),
        (int, "must be a subclass of lilota.TaskBase"),
    ],
)
def test_what_is_no_task_is_refused_with_what_to_pass(given, remedy):
    """As `register` refuses it; and nothing of it is run."""
    with pytest.raises(InvalidTaskError, match=f"What run_task\\(\\) got .*{remedy}"):
        run_task(given)


def test_output_that_can_not_be_stored_fails_the_task():
    """The error names the path."""
    result = run_task(NotJSON)

    assert result.state is TaskState.FAILED
    assert "$.when" in result.error.message


@pytest.mark.parametrize(("attempt", "state"), [(1, TaskState.PENDING), (2, TaskState.PENDING), (3, TaskState.FAILED)])
def test_an_error_is_in_the_result_and_the_attempt_decides_what_follows(attempt, state):
    """The task comes back until its attempts are spent."""
    result = run_task(Broken, attempt=attempt)

    assert result.state is state
    assert (result.error.type, result.error.message) == ("ValueError", "no good")
    assert "raise ValueError" in result.error.traceback


def test_a_task_that_asks_to_come_back_is_pending_with_its_delay():
    """A requested retry does not spend the attempt."""
    result = run_task(Later)

    assert (result.state, result.outcome.delay_seconds, result.outcome.spends_attempt) == (TaskState.PENDING, 30, False)


def test_a_task_sees_that_it_is_cancelled():
    """The caller decides what `self.cancelled` says, and when."""
    answers = iter([False, False, True])

    result = run_task(UntilCancelled, is_cancelled=lambda: next(answers))

    assert result.output == {"stopped": True}


def test_the_logger_is_left_as_it_was():
    """Neither handler nor level stays behind."""
    logger = logging.getLogger("lilota.tasks.task")
    before = (logger.level, list(logger.handlers))

    run_task(AddTwo, {"a": 1, "b": 2})

    assert (logger.level, logger.handlers) == before


# --- functions, and classes whose run has parameters


def test_a_function_gets_its_arguments_and_its_result_is_of_its_type():
    """Both go through JSON; what is no object is shown in one, as in a store."""
    result = run_task(next_day, day=date(2026, 2, 28))

    assert (result.result, result.output) == (date(2026, 3, 1), {"result": "2026-03-01"})
    assert result.log_text == "of the task 1, next_day"


@pytest.mark.parametrize(
    "result",
    [
        lambda: run_task(days_of_month, month=date(2028, 2, 1), extra=1),
        lambda: run_task(days_of_month, {"month": "2028-02-01", "extra": 1}),
        lambda: run_task(days_of_month.bind(date(2028, 2, 1), extra=1)),
        lambda: run_task(Product, a=15),
        lambda: run_task(Product, input={"a": 15, "b": 2}),
    ],
)
def test_the_input_can_be_given_in_any_way_in_which_a_task_is_added(result):
    """As arguments, as an object, or bound."""
    assert (result().result, result().error) == (30, None)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: run_task(days_of_month, month="2028"), "The input of 'days_of_month' does not fit days_of_month"),
        (lambda: run_task(days_of_month, moth=date(2028, 2, 1)), "no parameter 'moth'. Did you mean 'month'"),
        (lambda: run_task(days_of_month), "the parameter 'month' is missing"),
        (lambda: run_task(days_of_month, {"month": "2028-02-01"}, extra=1), "is there already, .* got 'extra'"),
        (lambda: run_task(days_of_month.bind(date(2028, 2, 1)), extra=1), "is bound already: leave out what follows"),
        (lambda: run_task(AddTwo, a=1, b=2), "takes no arguments, .* got 'a', 'b'. Pass input="),
        (lambda: run_task(greet, name="Ann"), "has 'name', and run_task\\(\\) takes that as its own: .* by bind"),
    ],
)
def test_an_input_that_is_not_what_the_task_takes_is_refused(call, message):
    """Before it runs, as `add` would refuse it, and with what to write."""
    with pytest.raises(InvalidInputError, match=message):
        call()


def test_parameters_that_are_called_as_those_of_run_task_can_be_bound():
    """Or be in an object; then `attempt` is the number of the attempt."""
    assert run_task(greet.bind(name="Ann", attempt=7)).result == "Ann 7"
    assert run_task(greet, {"name": "Ann", "attempt": 7}, attempt=2).result == "Ann 7"


def test_without_an_annotation_the_result_is_what_was_returned_or_set():
    """As `handle.result()` gives it."""
    assert run_task(AddTwo, {"a": 1, "b": 2}).result == {"result": 3}
    assert run_task(Broken).result is None


def test_a_coroutine_runs_inline_also_where_the_test_is_one():
    """A test of an asynchronous application has a loop of its own, on which no other can run."""

    async def test():
        return run_task(greet.bind("Ann")).result

    assert asyncio.run(test()) == run_task(greet.bind("Ann")).result == "Ann 1"


def test_an_attempt_that_goes_on_from_a_checkpoint_is_tested_without_a_store():
    """Its progress begins where it was, and what it saves last is in the result."""

    class Copy(TaskBase):
        def run(self):
            for row in self.track(range(self.last_checkpoint, 10), total=10):
                self.checkpoint(row + 1)
            return {"resumed": self.resumed}

    result = run_task(Copy, attempt=2, checkpoint=6)

    assert result.output == {"resumed": "retry"}
    assert result.checkpoint == 10
    assert result.progress == (100,)
