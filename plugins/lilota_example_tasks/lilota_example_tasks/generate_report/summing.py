"""Sum a table in one pass; the memory that it takes grows with the groups, not with the file."""

from __future__ import annotations

from collections.abc import Callable
from decimal import localcontext
from pathlib import Path
from typing import Final

from lilota.errors import InvalidInputError
from lilota_example_tasks.generate_report.layout import Layout, open_rows
from lilota_example_tasks.generate_report.numerals import EXACT, NoNumberError, to_number
from lilota_example_tasks.generate_report.reading import Reading
from lilota_example_tasks.generate_report.totals import Group, Summary

ROWS_PER_PROGRESS: Final = 10_000


def summarize(path: Path, layout: Layout, reading: Reading, report_progress: Callable[[float], None]) -> Summary:
    """Read a table once and return the totals of its groups.

    Args:
        report_progress: called now and then with the share of the file that was read, 0 to 1.

    Raises:
        InvalidInputError: more groups than allowed, or text that is no CSV in this encoding. The message says what to
            change.
    """
    summary = Summary()
    size = max(path.stat().st_size, 1)
    fields, group_index, value_index = len(layout.columns), layout.group_index, layout.value_index
    with open_rows(path, layout) as (file, rows), localcontext(EXACT):
        line = rows.line_num
        for row in rows:
            first_line, line = line + 1, rows.line_num
            if not row:
                continue  # a blank line
            summary.rows += 1
            if len(row) != fields:
                reason = f"it has {len(row)} fields, the header has {fields}"
                if line > first_line + 1:
                    reason += f"; it goes on to line {line}: is a quotation mark never closed?"
                summary.add_bad_row(first_line, "a wrong number of fields", reason)
            else:
                try:
                    _add_row(summary.groups, row[group_index].strip(), row[value_index].strip(), layout, reading)
                except _BadRowError as error:
                    summary.add_bad_row(first_line, *error.args)
            if summary.rows % ROWS_PER_PROGRESS == 0:
                report_progress(min(file.tell() / size, 1))
    return summary


def group_for(groups: dict[str | None, Group], name: str, reading: Reading) -> Group:
    """Return the group of a name, a new one if it is the first row of it.

    Raises:
        InvalidInputError: there would be too many.
    """
    key = None if name in reading.missing else name
    if key is not None and key not in groups and len(groups) >= reading.groups_limit:
        raise InvalidInputError(
            f"There are more than {reading.groups_limit:,} groups, with {_shown(name)}. Group by a column with fewer "
            "different values, or raise 'groups_limit'."
        )
    return groups.setdefault(key, Group())


def _add_row(groups: dict[str | None, Group], name: str, text: str, layout: Layout, reading: Reading) -> None:
    number = None
    if text not in reading.missing:
        try:
            number = to_number(text, layout.decimal)
        except NoNumberError:
            raise _BadRowError("no number in the column", f"{_shown(text)} is not a number") from None
    group = groups.get(name)
    if group is None:
        if any("\udc80" <= letter <= "\udcff" for letter in name):
            reason = f"{_shown(name)} is not {layout.encoding} text; name the encoding as 'encoding'"
            raise _BadRowError("another encoding", reason)
        group = group_for(groups, name, reading)
    if number is None:
        group.missing += 1
    else:
        group.add(number)


def _shown(text: str) -> str:
    shown = text[:100].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return f"'{shown[:40]}'"


class _BadRowError(Exception):
    """The row can't be used: the kind of the reason, and the reason."""
