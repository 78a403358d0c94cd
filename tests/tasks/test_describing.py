"""What is said of a task: by its function or class alone."""

from __future__ import annotations

import datetime as dt
import json
from typing import Annotated, Any, Literal

import msgspec
import pytest
from function_tasks import log_in, make_report

from lilota.models import TaskBase
from lilota.retry import Backoff
from lilota.tasks.describing import default_options, details_of, type_text
from lilota.tasks.secret_values import Secret


class Free(TaskBase):
    """Look into the input.

    And do it.
    """

    max_attempts = 3
    retry_on = (ConnectionError, TimeoutError)
    backoff = Backoff(first_seconds=7)

    def run(self):
        return {}


class Undocumented(TaskBase):
    def run(self, size: int, **rest: str) -> int:
        """Do it.

        Args:
            size: how much.
        """
        return size


def test_a_function_tells_its_keys_its_options_and_where_it_is():
    """The context is no key; a default is what JSON carries of it."""
    details = details_of(make_report.task_class)

    assert details.parameters is not None
    assert [(each.name, each.type, each.is_required, each.default) for each in details.parameters] == [
        ("month", "str", True, None),
        ("days", "int", False, 1),
    ]
    assert (details.takes_more, details.returns, details.reference) == (False, "Report", "function_tasks:make_report")
    assert (details.options["queue"], details.options["max_lost_attempts"]) == ("reports", 2)
    assert details.input_schema["required"] == ["month"]
    assert details.output_schema["$ref"].endswith("Report")
    with open(details.file, encoding="utf-8") as file:
        assert file.readlines()[details.line - 1].startswith("@task(queue=")


def test_a_class_without_parameters_takes_any_object():
    """It looks into its input itself, so only its docstring can tell more."""
    details = details_of(Free)

    assert (details.parameters, details.takes_more, details.returns) == (None, True, "")
    assert details.docstring == "Look into the input.\n\nAnd do it."
    assert details.input_schema == {"type": "object"}
    assert details.options["retry_on"] == ["ConnectionError", "TimeoutError"]
    assert details.options["backoff"]["first_seconds"] == 7


def test_what_the_class_does_not_say_run_may_say():
    """A docstring stands where the parameters are, too; other keys are allowed by "**"."""
    details = details_of(Undocumented)

    assert details.docstring.startswith("Do it.")
    assert details.takes_more
    assert details.parameters is not None
    assert details.parameters[0].description == "how much."


def test_a_secret_is_marked():
    """Who shows a form or a default must know."""
    details = details_of(log_in.task_class)

    assert details.parameters is not None
    assert [(each.name, each.is_secret) for each in details.parameters] == [
        ("user", False),
        ("password_", True),
        ("pin", True),
    ]


def test_all_of_it_can_be_made_json():
    """It comes from another process."""
    assert json.loads(json.dumps(msgspec.to_builtins(details_of(Free))))["options"].keys() == default_options().keys()


@pytest.mark.parametrize(
    ("annotation", "written"),
    [
        (str, "str"),
        (None, "None"),
        (Any, "Any"),
        (Backoff, "Backoff"),
        (list[Backoff] | None, "list[Backoff] | None"),
        (tuple[int, ...], "tuple[int, ...]"),
        (Literal["a", 1], "'a' | 1"),
        (dict[str, Secret[str]], "dict[str, Secret[str]]"),
        (Annotated[int, "for readers of the code"], "int"),
    ],
)
def test_a_type_is_shown_as_it_is_written(annotation, written):
    """Without the modules of its parts, which only make it longer."""
    assert type_text(annotation) == written


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Annotated[int, msgspec.Meta(ge=1)], "int, at least 1"),
        (Annotated[int, msgspec.Meta(ge=1, le=100)], "int, 1 to 100"),
        (Annotated[float, msgspec.Meta(gt=0, lt=1.5)], "float, more than 0, less than 1.5"),
        (Annotated[int, msgspec.Meta(le=9), msgspec.Meta(multiple_of=3)], "int, at most 9, a multiple of 3"),
        (Annotated[str, msgspec.Meta(min_length=1)], "str, at least 1 character"),
        (Annotated[str, msgspec.Meta(pattern="^[a-z]+$", max_length=20)], "str, at most 20 characters, like ^[a-z]+$"),
        (Annotated[bytes, msgspec.Meta(min_length=2, max_length=8)], "bytes, 2 to 8 bytes"),
        (Annotated[list[str], msgspec.Meta(min_length=1)], "list[str], at least 1 item"),
        (Annotated[dt.datetime, msgspec.Meta(tz=True)], "datetime, with a time zone"),
        (Annotated[dt.datetime, msgspec.Meta(tz=False)], "datetime, without a time zone"),
        (str | Annotated[int, msgspec.Meta(ge=1)], "str | (int, at least 1)"),
        (list[Annotated[int, msgspec.Meta(ge=1)]], "list[(int, at least 1)]"),
        (Annotated[int, msgspec.Meta(title="Width", examples=[5])], "int"),
    ],
)
def test_a_constraint_is_said_in_words(annotation, words):
    """Who looks for what a task takes need not know how that is written in Python."""
    assert type_text(annotation) == words
