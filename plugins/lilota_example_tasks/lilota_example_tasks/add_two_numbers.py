"""The task `add_two_numbers`: the smallest one that is complete."""

from __future__ import annotations

from lilota import TaskContext, task

#: With `float` alone, the sum of two whole numbers would be a float.
Number = int | float


@task
def add_two_numbers(ctx: TaskContext, number1: Number, number2: Number) -> dict[str, Number]:
    """Add two numbers.

    Returns:
        `result`, their sum; a whole number if both are.
    """
    ctx.logger.info("Adding %s and %s", number1, number2)
    return {"result": number1 + number2}
