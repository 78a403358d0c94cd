"""Run one attempt in this process: what becomes of what a task does, returns and raises."""

from __future__ import annotations

import contextvars
import decimal
import json
import logging
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from lilota.errors import CancelRequested, InvalidTaskError, Retry, RunnerStopping, TimeoutReached, UnknownTaskError
from lilota.models import Claim, Outcome, TaskBase, TaskState
from lilota.retry import Backoff
from lilota.workers.attempts import outcome_of, run_attempt

logger = logging.getLogger(__name__)


class Recorder:
    """An `AttemptReporter` that remembers."""

    def __init__(self) -> None:
        self.percentages: list[float] = []
        self.outputs: list[str] = []
        self.notes: list[str] = []

    def progress(self, percentage: float) -> None:
        self.percentages.append(percentage)

    def output(self, output_json: str) -> None:
        self.outputs.append(output_json)

    def returned(self, output_json: str) -> None:
        self.outputs.append(output_json)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def leave_for_retry(self) -> None:
        """There is no next attempt."""

    def is_cancelled(self) -> bool:
        return True

    def wait_until_stored(self) -> None:
        """Nothing is stored here."""


def claim(**changes: Any) -> Claim:
    return Claim(**{"id": 7, "token": 1, "attempt": 1, "name": "task", **changes})


def run(body: Callable[[TaskBase], Any], reporter: Recorder | None = None, **options: Any) -> Outcome:
    """Run an attempt of a task whose `run()` is `body` and whose class attributes are `options`."""
    attempt = options.pop("attempt", 1)
    task_class = type("Task", (TaskBase,), {"run": body, **options})
    return run_attempt(claim(attempt=attempt), lambda name: task_class, reporter or Recorder(), logger)


def raising(error: BaseException) -> Callable[[TaskBase], Any]:
    def body(task: TaskBase) -> None:
        raise error

    return body


def test_a_run_that_returns_nothing_succeeds_without_output():
    """None is no output."""
    recorder = Recorder()

    outcome = run(lambda task: None, recorder)

    assert outcome == Outcome(state=TaskState.SUCCEEDED)
    assert recorder.outputs == []


def test_a_returned_dict_becomes_the_output():
    """Where `set_output` was not called."""
    recorder = Recorder()

    run(lambda task: {"a": 1}, recorder)

    assert recorder.outputs == ['{"a":1}']


class Resize(TaskBase):
    max_attempts = 3

    def run(self, photo: str, width: int = 800) -> tuple[str, int]:
        return photo, width


def run_stored(input_json: str) -> tuple[Outcome, list[str]]:
    """Run an attempt of a task that was stored with this input, whoever has checked it."""
    recorder = Recorder()
    return run_attempt(claim(input_json=input_json), lambda name: Resize, recorder, logger), recorder.outputs


def test_a_run_with_parameters_gets_the_keys_of_the_input():
    """What is left out has its default; a result that is no object is stored in one, with a mark."""
    outcome, outputs = run_stored('{"photo":"sea.jpg"}')

    assert outcome == Outcome(state=TaskState.SUCCEEDED)
    assert outputs == ['{"lilota.value":true,"result":["sea.jpg",800]}']


@pytest.mark.parametrize(
    ("input_json", "said"),
    [
        ('{"photo":"sea.jpg","height":1}', "it has no parameter 'height'"),
        ("{}", "the parameter 'photo' is missing"),
        ('{"photo":5}', "Expected `str`"),
    ],
)
def test_an_input_that_does_not_fit_fails_the_task_at_once(input_json, said):
    """The function has changed since the task was added: another attempt would find the same."""
    outcome, outputs = run_stored(input_json)

    assert outcome.state is TaskState.FAILED
    assert outcome.error.type == "InvalidInputError"
    assert outcome.error.message.startswith("The input of the task 7 ('task') does not fit Resize.run() as it is now: ")
    assert said in outcome.error.message
    assert outputs == []


def test_what_was_secret_when_it_was_added_is_not_shown_when_it_no_longer_fits():
    """The annotation that said so may be the one that has changed."""
    given = claim(input_json='{"photo":4711}', headers_json='{"lilota.hidden":["photo"]}')
    plain = run_attempt(msgspec.structs.replace(given, headers_json=None), lambda name: Resize, Recorder(), logger)
    secret = run_attempt(given, lambda name: Resize, Recorder(), logger)

    assert "Expected `str`, got 4711" in plain.error.message
    assert "`$.photo`: what was given is not what its Secret takes" in secret.error.message


def test_what_was_set_as_output_wins_over_what_is_returned():
    """The return value then means nothing, whatever it is."""
    recorder = Recorder()

    def body(task: TaskBase) -> Any:
        task.set_output(7, {"set": True})
        return {"returned": True}

    run(body, recorder)

    assert recorder.outputs == ['{"set":true}']


@pytest.mark.parametrize(("returned", "kept"), [(2, '{"lilota.value":true,"result":2}'), (None, '{"done":1}')])
def test_what_an_annotated_run_returns_replaces_the_output_so_far(returned, kept):
    """Its annotation says of which type the result is; an output so far is for the next attempt, and any object."""

    class Annotated(TaskBase):
        def run(self, last: int | None) -> int | None:
            self.set_output(7, {"done": 1})
            return last

    recorder = Recorder()
    given = claim(input_json=json.dumps({"last": returned}))
    run_attempt(given, lambda name: Annotated, recorder, logger)

    assert recorder.outputs[-1] == kept


def test_a_task_sees_its_claim():
    """Its record has the input, the earlier output, the attempt, its token and the state."""
    seen = {}

    def body(task: TaskBase) -> None:
        info = task.task_info
        seen.update(input=info.input, output=info.output, attempt=info.attempt, state=info.state)
        seen.update(token=info.token, cancelled=task.cancelled, logger=task.logger)

    task_class = type("Task", (TaskBase,), {"run": body})
    given = claim(attempt=3, input_json='{"a": 1}', output_json='{"b": 2}')
    run_attempt(given, lambda name: task_class, Recorder(), logger)

    assert seen == {
        "input": {"a": 1},
        "output": {"b": 2},
        "attempt": 3,
        "token": given.token,
        "state": TaskState.RUNNING,
        "cancelled": True,
        "logger": logger,
    }


def test_a_class_may_spell_out_the_parameters_of_its_init():
    """They are the four that they have always been; what else there is to know comes by another way."""

    class Spelt(TaskBase):
        def __init__(self, task_info, set_progress, set_output, logger):
            super().__init__(task_info, set_progress, set_output, logger)
            self.was_cancelled_before = self.cancelled

        def run(self):
            return {"before": self.was_cancelled_before, "now": self.cancelled}

    recorder = Recorder()
    run_attempt(claim(), lambda name: Spelt, recorder, logger)

    assert recorder.outputs == ['{"before":false,"now":true}']


def test_progress_is_reported_as_a_number():
    """Whole numbers are fine, and both ends."""
    recorder = Recorder()

    def body(task: TaskBase) -> None:
        for value in (0, 12.5, 100):
            task.set_progress(7, value)

    run(body, recorder)

    assert recorder.percentages == [0.0, 12.5, 100.0]


@pytest.mark.parametrize("value", [-0.1, 100.1, float("nan"), float("inf"), "1", None])
def test_progress_out_of_range_is_an_error_of_the_task(value):
    """Nothing of it is reported."""
    recorder = Recorder()

    outcome = run(lambda task: task.set_progress(7, value), recorder)

    assert outcome.state is TaskState.FAILED
    assert outcome.error is not None
    assert outcome.error.message == f"The progress of a task goes from 0 to 100; set_progress got {value!r}."
    assert recorder.percentages == []


@pytest.mark.parametrize("method", ["set_progress", "set_output"])
def test_a_report_for_another_task_is_an_error(method):
    """The message says what to pass."""
    outcome = run(lambda task: getattr(task, method)(8, {}))

    assert outcome.error is not None
    expected = f"{method} was called for the task 8 in the task 7. Write self.{method}(self.task_info.id, ...)."
    assert outcome.error.message == expected


@pytest.mark.parametrize(("method", "value"), [("set_progress", 50), ("set_output", {"a": 1})])
def test_a_report_without_the_id_is_an_error_that_says_what_to_write(method, value):
    """As everybody writes it first; Python's own error would not say what belongs there."""
    outcome = run(lambda task: getattr(task, method)(value))

    assert outcome.error is not None
    assert f"Write self.{method}(self.task_info.id, ...)." in outcome.error.message


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("input", "'input'. Did you mean self.task_info.input?"),
        ("id", "'id'. Did you mean self.task_info.id?"),
        ("output", "'output'. Did you mean self.task_info.output?"),
        ("log", "'log'. Did you mean 'logger'?"),
        ("progress", "'progress'. Did you mean 'set_progress'?"),
        ("folder", "'folder'"),
    ],
)
def test_an_attribute_that_a_task_has_not_is_answered_with_what_was_meant(name, hint):
    """Most of what people look for at the task is at its `task_info`."""
    outcome = run(lambda task: getattr(task, name))

    assert outcome.error is not None
    assert outcome.error.message.endswith(f"has no attribute {hint}")


def test_a_task_that_forgets_its_base_class_is_told_so():
    """An `__init__` of its own has to call that of `TaskBase`."""

    class Forgetful(TaskBase):
        def __init__(self, *_arguments):
            self.size = 1

        def run(self):
            return self.task_info.input

    outcome = run_attempt(claim(), lambda _name: Forgetful, Recorder(), logger)

    assert outcome.error is not None
    assert outcome.error.message.endswith("Let __init__() call super().__init__() with all that it gets.")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (CancelRequested(), Outcome(state=TaskState.CANCELLED)),
        (RunnerStopping(), Outcome(state=TaskState.PENDING, spends_attempt=False)),
        (BaseExceptionGroup("", [ValueError(), CancelRequested()]), Outcome(state=TaskState.CANCELLED)),
        (BaseExceptionGroup("", [BaseExceptionGroup("", [CancelRequested()])]), Outcome(state=TaskState.CANCELLED)),
    ],
    ids=["cancel", "stop", "in-group", "in-group-in-group"],
)
def test_what_lilota_raises_in_a_task_decides_its_outcome(error, expected):
    """Also from within a group, as a task group of asyncio wraps it."""
    assert run(raising(error)) == expected


@pytest.mark.parametrize("wrap", [lambda error: error, lambda error: BaseExceptionGroup("", [error])])
def test_the_log_of_a_cancelled_task_says_where_it_was(wrap):
    """It has no error with a traceback; who cancels a stuck task still wants to know where it was stuck."""
    recorder = Recorder()

    def body(task):
        try:
            raise CancelRequested
        except CancelRequested as cancelled:
            raise wrap(cancelled) from None

    run(body, recorder)

    said, *frames = recorder.notes
    assert said == "It was cancelled. This is where it was, the innermost call last:"
    assert any("raise CancelRequested" in line for line in frames)
    assert all(line.startswith("  ") for line in frames)


def test_the_log_of_a_task_that_fails_does_not_say_where_it_was():
    """Its error does, with a traceback."""
    recorder = Recorder()
    run(raising(TimeoutReached()), recorder)
    assert recorder.notes == []


def test_retry_asks_for_another_run_that_costs_nothing():
    """The reason is kept, and `max_attempts` does not matter."""
    outcome = run(raising(Retry(2.5, "no\nluck")), max_attempts=1)

    assert outcome.state is TaskState.PENDING
    assert outcome.delay_seconds == 2.5
    assert not outcome.spends_attempt
    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.message) == ("Retry", "no luck")


@pytest.mark.parametrize(
    ("delay", "kind"),
    [(lambda: 1 / 0, "ZeroDivisionError"), (lambda: -1, "ValueError"), (lambda: float("inf"), "ValueError")],
    ids=["raises", "negative", "endless"],
)
def test_a_broken_kind_of_retry_fails_the_task(delay, kind):
    """Nothing that a task defines can get past the attempt."""

    class Broken(Retry):
        delay_seconds = property(lambda self: delay())

    outcome = run(raising(Broken()))

    assert outcome.state is TaskState.FAILED
    assert outcome.error is not None
    assert outcome.error.type == kind


@pytest.mark.parametrize(
    ("error", "options", "state"),
    [
        (ValueError(), {}, TaskState.FAILED),
        (ValueError(), {"max_attempts": 2}, TaskState.PENDING),
        (ValueError(), {"max_attempts": 2, "attempt": 2}, TaskState.FAILED),
        (KeyError(), {"max_attempts": 2, "retry_on": (LookupError,)}, TaskState.PENDING),
        (ValueError(), {"max_attempts": 2, "retry_on": (LookupError,)}, TaskState.FAILED),
        (KeyError(), {"max_attempts": 2, "never_retry_on": (KeyError,)}, TaskState.FAILED),
        (SystemExit(), {"max_attempts": 2}, TaskState.FAILED),
        (TimeoutReached(), {"max_attempts": 2}, TaskState.PENDING),
        (TimeoutReached(), {"max_attempts": 2, "never_retry_on": (TimeoutReached,)}, TaskState.FAILED),
        (UnknownTaskError("x"), {"max_attempts": 2}, TaskState.PENDING),
    ],
)
def test_the_class_says_which_errors_are_worth_another_attempt(error, options, state):
    """`max_attempts`, `retry_on` and `never_retry_on`; a timeout counts like an error."""
    assert run(raising(error), **options).state is state


def test_the_wait_before_another_attempt_comes_from_the_backoff():
    """It grows with the attempt."""
    options = {"max_attempts": 9, "backoff": Backoff(first_seconds=1, jitter=0), "attempt": 3}

    outcome = run(raising(ValueError()), **options)

    assert outcome.delay_seconds == 4
    assert outcome.spends_attempt


@pytest.mark.parametrize("error", [UnknownTaskError("no such"), InvalidTaskError("broken"), ImportError("gone")])
def test_a_class_that_can_not_be_loaded_fails_the_task(error):
    """It is not tried again: the options of the class are unknown."""

    def load(name: str) -> type[TaskBase]:
        raise error

    outcome = run_attempt(claim(), load, Recorder(), logger)

    assert outcome.state is TaskState.FAILED
    assert outcome.error is not None
    assert outcome.error.message == str(error)


def test_a_timeout_says_how_long_the_limit_was():
    """The number of seconds comes from the class."""
    outcome = run(raising(TimeoutReached()), timeout_seconds=1.5)

    assert outcome.error is not None
    assert outcome.error.type == "TimeoutReached"
    assert outcome.error.message == "The task ran for more than 1.5 s."


def test_options_that_raise_when_they_are_used_fail_the_task():
    """Even where the class was never checked."""
    outcome = outcome_of(ValueError(), claim(), type("Task", (TaskBase,), {"retry_on": 1}))

    assert outcome.state is TaskState.FAILED
    assert outcome.error is not None
    assert outcome.error.type == "TypeError"


def test_what_is_called_around_a_run_sees_the_task_and_its_result():
    """Plugins wrap the call; what they return is the result."""
    recorder = Recorder()
    task_class = type("Task", (TaskBase,), {"run": lambda task: {"a": 1}})

    run_attempt(claim(), lambda name: task_class, recorder, logger, lambda task: {"wrapped": task.run()})

    assert recorder.outputs == ['{"wrapped":{"a":1}}']


def test_what_context_variables_hold_ends_with_the_attempt():
    """Each begins with what they held before, decimal's context included, which is an object that tasks change."""
    variable = contextvars.ContextVar("variable", default="none")
    variable.set("of the process")
    seen = []

    def body(task: TaskBase) -> None:
        seen.append((variable.get(), decimal.getcontext().prec))
        variable.set("of a task")
        decimal.getcontext().prec = 3

    run(body)
    run(body)

    assert seen == [("of the process", 28)] * 2
    assert (variable.get(), decimal.getcontext().prec) == ("of the process", 28)
