"""`run_task` runs a task inline as production would."""

from __future__ import annotations

import logging

import pytest
from testing_tasks import AddTwo, Broken, Echo, Later, NotJSON, UntilCancelled

from lilota.errors import InvalidInputError, InvalidTaskError
from lilota.models import TaskState
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
