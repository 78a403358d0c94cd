"""The totals of a table: those of each group, and the rows that could not be used."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Final, Literal

import msgspec

#: What orders the groups and is drawn.
Measure = Literal["sum", "mean", "count", "min", "max"]
#: The group of the rows without one.
MISSING_GROUP: Final = "(missing)"
BAD_ROWS_KEPT: Final = 20
COLUMNS: Final = ("count", "missing", "sum", "mean", "min", "max")


class Group:
    """The totals of one group: `count` numbers, and `missing` rows without one."""

    __slots__ = ("count", "max", "min", "missing", "sum")

    def __init__(self) -> None:
        self.count: int = 0
        self.missing: int = 0
        self.sum: Decimal = Decimal(0)
        self.min: Decimal | None = None
        self.max: Decimal | None = None

    def add(self, value: Decimal) -> None:
        """Count one number; sums are exact if the current decimal context is."""
        self.count += 1
        self.sum += value
        if self.min is None or value < self.min:
            self.min = value
        if self.max is None or value > self.max:
            self.max = value

    def add_all(self, other: Group) -> None:
        """Count what another group has counted."""
        self.count += other.count
        self.missing += other.missing
        self.sum += other.sum
        self.min = min((least for least in (self.min, other.min) if least is not None), default=None)
        self.max = max((most for most in (self.max, other.max) if most is not None), default=None)

    @property
    def mean(self) -> Decimal | None:
        return self.sum / self.count if self.count else None


class BadRow(msgspec.Struct, frozen=True):
    """A row that could not be used, and the line of the file that it starts on."""

    line: int
    reason: str


class Summary:
    """What a table amounts to.

    Attributes:
        groups: the totals by the text in the column; None is the group of the rows without one.
        rows: how many rows were read, with the bad ones.
        bad_rows: how many of them could not be used, by the kind of the reason.
        first_bad_rows: the first of those.
    """

    def __init__(self) -> None:
        self.groups: dict[str | None, Group] = {}
        self.rows: int = 0
        self.bad_rows: Counter[str] = Counter()
        self.first_bad_rows: list[BadRow] = []

    @property
    def missing(self) -> int:
        return sum(group.missing for group in self.groups.values())

    def ordered(self, measure: Measure) -> list[tuple[str, Group]]:
        """Return the groups, with names to show, by falling measure; those without one come last."""
        missing_name = MISSING_GROUP
        while missing_name in self.groups:
            missing_name = f"({missing_name})"
        named = [(missing_name if name is None else name, group) for name, group in self.groups.items()]
        measured = {name: getattr(group, measure) for name, group in named}
        named.sort(key=lambda item: item[0])
        named.sort(key=lambda item: measured[item[0]] or 0, reverse=True)
        named.sort(key=lambda item: measured[item[0]] is None)
        return named

    def add_bad_row(self, line: int, kind: str, reason: str) -> None:
        self.bad_rows[kind] += 1
        if len(self.first_bad_rows) < BAD_ROWS_KEPT:
            self.first_bad_rows.append(BadRow(line, reason))
