"""add_two_numbers adds, and says what is wrong with an input."""

from __future__ import annotations

import pytest
from lilota_example_tasks.add_two_numbers import AddTwoNumbers

from lilota.models import TaskState

NAME = "add_two_numbers"


@pytest.mark.parametrize(("number1", "number2", "result"), [(1, 2, 3), (0.5, 0.25, 0.75), (-1, 1, 0)])
def test_the_result_is_the_sum(lilota_run, number1, number2, result):
    """Whole numbers give a whole number, others a float."""
    ended = lilota_run(AddTwoNumbers, {"number1": number1, "number2": number2}, name=NAME)

    assert (ended.state, ended.output) == (TaskState.SUCCEEDED, {"result": result})


@pytest.mark.parametrize("data", [{"number1": 1}, {"number1": 1, "number2": "2"}, {"number1": 1, "number2": 2, "x": 3}])
def test_an_input_with_the_wrong_keys_is_refused_with_the_right_ones(lilota_run, data):
    """A missing key, a text and an unknown key each give an error that lists the keys."""
    ended = lilota_run(AddTwoNumbers, data, name=NAME)

    assert (ended.state, ended.error.type) == (TaskState.FAILED, "InvalidInputError")
    assert "'add_two_numbers' can't be used" in ended.error.message
    assert "'number1', 'number2'" in ended.error.message
