"""Guess which columns of a CSV file a report could be about."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path
from typing import NamedTuple

from lilota_example_tasks.generate_report import MISSING

ROWS_LOOKED_AT = 2000


class Columns(NamedTuple):
    """The column to group by, and the one with the numbers."""

    group_by: str
    value: str


def guess_columns(path: Path) -> Columns | None:
    """Return the last column of numbers, and the column of texts with the fewest different ones; None without either.

    Looks at the beginning of the file only.
    """
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        sample = [row for row in itertools.islice(rows, ROWS_LOOKED_AT) if len(row) == len(header)]
    texts = [{row[index] for row in sample}.difference(MISSING) for index in range(len(header))]
    numbers = [name for name, values in zip(header, texts, strict=True) if values and all(map(_is_number, values))]
    others = [(len(values), name) for name, values in zip(header, texts, strict=True) if name not in numbers]
    groups = [(count, name) for count, name in others if count > 1] or others
    return Columns(group_by=min(groups)[1].strip(), value=numbers[-1].strip()) if numbers and groups else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
