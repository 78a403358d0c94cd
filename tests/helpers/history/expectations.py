"""How a task may end, and with which output: what the checker can't know of itself."""

from __future__ import annotations

import msgspec


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """What is right for one task.

    Attributes:
        what: how to call it: "good", "poison".
        may_succeed, may_fail: the ends that it can have; cancelled is whoever was asked to.
        output: the only right output when it succeeds, as JSON.
        max_attempts: how many attempts it has, those that were lost not counted.
    """

    what: str = "good"
    may_succeed: bool = True
    may_fail: bool = False
    output: object = None
    max_attempts: int = 1
