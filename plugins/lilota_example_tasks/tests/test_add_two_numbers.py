"""add_two_numbers adds, and says what is wrong with an input."""

from __future__ import annotations

import pytest
from lilota_example_tasks.add_two_numbers import add_two_numbers

from lilota.errors import InvalidInputError
from lilota.models import TaskState


@pytest.mark.parametrize(("number1", "number2", "result"), [(1, 2, 3), (0.5, 0.25, 0.75), (-1, 1, 0)])
def test_the_result_is_the_sum(lilota_run, number1, number2, result):
    """Whole numbers give a whole number, others a float."""
    ended = lilota_run(add_two_numbers, number1=number1, number2=number2)

    assert (ended.state, ended.output) == (TaskState.SUCCEEDED, {"result": result})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"number1": 1}, "'number2' is missing"),
        ({"number1": 1, "number2": "2"}, r"`\$.number2`: Expected `int | float`, got '2'"),
        ({"number1": 1, "number2": 2, "x": 3}, "no parameter 'x'. It takes 'number1', 'number2'"),
    ],
)
def test_an_input_with_the_wrong_keys_is_refused_with_the_right_ones(lilota_run, data, message):
    """A missing key, a text and an unknown key each give an error that names them."""
    with pytest.raises(InvalidInputError, match=message):
        lilota_run(add_two_numbers, data)
