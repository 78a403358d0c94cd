"""The totals of a table: those of each group, and the rows that could not be used."""

from __future__ import annotations

from typing import Final

import msgspec

#: The group of the rows without one.
MISSING_GROUP: Final = "(missing)"
BAD_ROWS_KEPT: Final = 20
COLUMNS: Final = ("count", "missing", "sum", "mean", "min", "max")


class Group:
    """The running totals of one group: `count` numbers, and `missing` rows without one."""

    __slots__ = ("_compensation", "_total", "count", "max", "min", "missing")

    def __init__(self) -> None:
        self.count = 0
        self.missing = 0
        self.min: float | None = None
        self.max: float | None = None
        self._total = 0.0
        self._compensation = 0.0

    def add(self, value: float) -> None:
        self.count += 1
        # Neumaier's sum keeps what a plain one rounds away, so that a million cents add up.
        total = self._total + value
        larger, smaller = (self._total, value) if abs(self._total) >= abs(value) else (value, self._total)
        self._compensation += (larger - total) + smaller
        self._total = total
        if self.min is None or value < self.min:
            self.min = value
        if self.max is None or value > self.max:
            self.max = value

    @property
    def sum(self) -> float:
        return self._total + self._compensation

    @property
    def mean(self) -> float | None:
        return self.sum / self.count if self.count else None


class BadRow(msgspec.Struct, frozen=True):
    """A row that could not be used, and the line of the file that it starts on."""

    line: int
    reason: str


class Summary:
    """What a file amounts to.

    Attributes:
        groups: the totals by the text in the column.
        rows: how many rows were read, with the bad ones.
        bad_rows: how many of them could not be used.
        first_bad_rows: the first of those.
    """

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self.rows = 0
        self.bad_rows = 0
        self.first_bad_rows: list[BadRow] = []

    @property
    def missing(self) -> int:
        return sum(group.missing for group in self.groups.values())

    def ordered(self, measure: str) -> list[tuple[str, Group]]:
        """Return the groups by falling measure; those without one come last."""

        def key(item: tuple[str, Group]) -> tuple[bool, float, str]:
            number = getattr(item[1], measure)
            return number is None, -(number or 0), item[0]

        return sorted(self.groups.items(), key=key)

    def add_bad_row(self, line: int, reason: str) -> None:
        self.bad_rows += 1
        if len(self.first_bad_rows) < BAD_ROWS_KEPT:
            self.first_bad_rows.append(BadRow(line, reason))
