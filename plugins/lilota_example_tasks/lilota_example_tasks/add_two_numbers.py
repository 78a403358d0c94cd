"""The task `add_two_numbers`: the smallest one that is complete."""

from __future__ import annotations

import msgspec

from lilota.models import TaskBase
from lilota_example_tasks.shared import parse_input


class AddTwoNumbersInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to add."""

    number1: int | float
    number2: int | float


class AddTwoNumbers(TaskBase):
    """Add two numbers.

    Input: `number1` and `number2`, numbers.
    Output: `result`, their sum; a whole number if both are.
    Errors: InvalidInputError when one is missing or not a number.
    """

    def run(self) -> None:
        numbers = parse_input(self.task_info, AddTwoNumbersInput)
        self.logger.info("Adding %s and %s", numbers.number1, numbers.number2)
        self.set_output(self.task_info.id, {"result": numbers.number1 + numbers.number2})
