"""What is read of a table, and how: which columns, and what is known of the file before anybody looks into it."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from lilota_example_tasks.generate_report.numerals import DecimalMark

MISSING: Final = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL"})

#: The name of a column, or its number from 1.
Column = str | Annotated[int, msgspec.Meta(ge=1)]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of a table, and how; see `GenerateReport.run`."""

    group_by: Column
    value: Column
    missing: frozenset[str]
    groups_limit: int
    encoding: str | None
    delimiter: str | None
    decimal: DecimalMark | None
    header: bool
