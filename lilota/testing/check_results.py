"""What a check of a store found: a result per test, and the report of all."""

from __future__ import annotations

import enum
from typing import assert_never

import msgspec


class CheckStatus(enum.StrEnum):
    """How a test of the contract ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """One test of the contract.

    Attributes:
        name: the name of the test, with its parameters in brackets.
        sentence: what the store was asked to keep.
        reason: why it was skipped, or how it failed; "" when it passed.
        seconds: how long it took.
    """

    name: str
    status: CheckStatus
    sentence: str = ""
    reason: str = ""
    seconds: float = 0.0


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """All results of a check, in the order of running."""

    store: str
    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> list[CheckResult]:
        """What the store keeps."""
        return self._with(CheckStatus.PASSED)

    @property
    def failed(self) -> list[CheckResult]:
        """What the store does not keep."""
        return self._with(CheckStatus.FAILED)

    @property
    def skipped(self) -> list[CheckResult]:
        """What does not apply to the store."""
        return self._with(CheckStatus.SKIPPED)

    @property
    def ok(self) -> bool:
        """True if something was checked and nothing failed."""
        return bool(self.passed) and not self.failed

    def _with(self, status: CheckStatus) -> list[CheckResult]:
        return [result for result in self.results if result.status is status]


def symbol(status: CheckStatus) -> str:
    """Return the status as one character, for a row of progress."""
    match status:
        case CheckStatus.PASSED:
            return "."
        case CheckStatus.FAILED:
            return "F"
        case CheckStatus.SKIPPED:
            return "s"
        case _:
            assert_never(status)
