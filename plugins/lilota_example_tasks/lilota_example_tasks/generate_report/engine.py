"""Sum a large table by DuckDB where it is installed, for the same result: what it takes otherwise is Python's."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal, localcontext
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from lilota_example_tasks.generate_report.decoding import LINE_LIMIT
from lilota_example_tasks.generate_report.layout import Layout
from lilota_example_tasks.generate_report.numerals import EXACT
from lilota_example_tasks.generate_report.reading import Reading
from lilota_example_tasks.generate_report.summing import group_for, summarize
from lilota_example_tasks.generate_report.totals import Group, Summary

if TYPE_CHECKING:
    import duckdb

#: Below it, starting the engine takes longer than reading the file.
WORTH_BYTES: Final = 8 * 1024 * 1024
#: A table of ever new groups needs more and is given to Python, which stops at the limit of groups.
MEMORY_LIMIT: Final = "600MB"
THREADS: Final = 4
PROGRESS_SECONDS: Final = 0.2
CHUNK_BYTES: Final = 1024 * 1024
CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "memory_limit": MEMORY_LIMIT,
    "temp_directory": "",  # nothing is put aside on the disk
    "threads": THREADS,
    "preserve_insertion_order": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
#: Sums are exact: numbers of up to 28 digits, 12 of them behind the mark, and 10 more for the sum of 10^10 rows.
DIGITS_BEFORE: Final = 16
DIGITS_AFTER: Final = 12
#: No field is this text, so that an empty field (not NULL) differs from one that is not there (NULL).
NO_FIELD: Final = "\x01no field\x01"
#: One column more than the header has: it must stay without a field, and the last one of the header must have one.
QUERY: Final = """
    SELECT name, count(*), count(number), sum(number), min(number), max(number) FROM (
        SELECT
            {group} AS name,
            CASE
                WHEN {last} IS NULL OR {beyond} IS NOT NULL THEN error('a row has a wrong number of fields')
                WHEN list_contains($missing, trim({value})) THEN NULL
                WHEN regexp_full_match(trim({value}), $numeral)
                THEN CAST(replace(trim({value}), ',', '.') AS DECIMAL(38, {digits_after}))
                ELSE error('a value is none of its numbers')
            END AS number
        FROM read_csv(
            $path, columns = $columns, delim = $delimiter, skip = $skip, nullstr = $no_field,
            max_line_size = $line_limit,
            quote = '"', escape = '"', header = false, auto_detect = false, strict_mode = true, null_padding = true,
            compression = 'none', encoding = 'utf-8'
        )
    ) GROUP BY name
"""
logger = logging.getLogger(__name__)


def summarize_quickly(
    path: Path, layout: Layout, reading: Reading, report_progress: Callable[[float], None]
) -> Summary:
    """Do what `summarize` does, by DuckDB if that is installed, worth it, and takes this table as Python does."""
    if path.stat().st_size >= WORTH_BYTES and importlib.util.find_spec("duckdb"):
        summary = summarize_by_duckdb(path, layout, reading, report_progress)
        if summary is not None:
            return summary
    return summarize(path, layout, reading, report_progress)


def summarize_by_duckdb(
    path: Path, layout: Layout, reading: Reading, report_progress: Callable[[float], None]
) -> Summary | None:
    """Return what `summarize` returns, or None if this table is to be read by Python.

    DuckDB refuses what is irregular (a row that is too short or too long, a text for a number, bytes that are no UTF-8,
    quotes in odd places, mixed line ends): Python then finds the same, and knows the lines.
    """
    import duckdb  # noqa: PLC0415 - an optional library

    if not _reads_alike(path, layout):
        return None
    try:
        rows = _query(path, layout, reading, report_progress)
    except duckdb.Error as error:
        logger.info("DuckDB leaves '%s' to Python: %s", path, str(error).split("\n", maxsplit=1)[0])
        return None
    return _summary_of(rows, reading)


def _reads_alike(path: Path, layout: Layout) -> bool:
    """Tell whether DuckDB would read a table as Python does, or refuse it."""
    odd_path = any(letter in str(path) for letter in "*?[")  # DuckDB looks for files that match
    odd_header = any(end in name for name in layout.columns for end in "\r\n")
    if odd_path or odd_header or layout.compressed or layout.encoding not in {"utf-8", "utf-8-sig"}:
        return False
    return not _has(path, b' "')  # DuckDB drops a space before a quotation mark, and takes the mark for a quote


def _has(path: Path, searched: bytes) -> bool:
    """Tell whether two bytes stand in a file. (Mapped into the memory, all of it would count as the process's.)"""
    last = b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            if searched in chunk or last + chunk[:1] == searched:
                return True
            last = chunk[-1:]
    return False


def _query(
    path: Path, layout: Layout, reading: Reading, report_progress: Callable[[float], None]
) -> list[tuple[Any, ...]]:
    import duckdb  # noqa: PLC0415 - an optional library

    fields = len(layout.columns)
    columns = {f"c{number}": "VARCHAR" for number in range(fields + 1)}
    query = QUERY.format(
        group=f"c{layout.group_index}",
        value=f"c{layout.value_index}",
        last=f"c{fields - 1}",
        beyond=f"c{fields}",
        digits_after=DIGITS_AFTER,
    )
    mark = "[.]" if layout.decimal == "." else ","
    parameters = {
        "path": str(path.absolute()),
        "columns": columns,
        "delimiter": layout.delimiter,
        "skip": layout.header_lines,
        "no_field": NO_FIELD,
        "line_limit": LINE_LIMIT,
        "missing": sorted(reading.missing),
        "numeral": f"-?[0-9]{{1,{DIGITS_BEFORE}}}({mark}[0-9]{{1,{DIGITS_AFTER}}})?",
    }
    with closing(duckdb.connect(":memory:", config=CONFIG)) as connection:
        return _watched(connection, lambda: connection.execute(query, parameters).fetchall(), report_progress)


def _watched(
    connection: duckdb.DuckDBPyConnection,
    run: Callable[[], list[tuple[Any, ...]]],
    report_progress: Callable[[float], None],
) -> list[tuple[Any, ...]]:
    """Run a query beside this thread, which tells how far it is, and ends it when the task is ended."""
    outcome: list[list[tuple[Any, ...]] | Exception] = []

    def run_and_keep() -> None:
        try:
            outcome.append(run())
        except Exception as error:  # noqa: BLE001 - it is raised again where the query was asked for
            outcome.append(error)

    thread = Thread(target=run_and_keep, name="duckdb")
    thread.start()
    try:
        percent = 0.0
        while thread.is_alive():
            thread.join(PROGRESS_SECONDS)
            percent = max(percent, min(connection.query_progress(), 100))
            report_progress(percent / 100)
    finally:
        while thread.is_alive():  # again, if the query had not begun yet
            connection.interrupt()
            thread.join(PROGRESS_SECONDS)
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def _summary_of(rows: list[tuple[Any, ...]], reading: Reading) -> Summary:
    """Return the groups under the names that Python gives them: spaces around are no part of a name."""
    summary = Summary()
    with localcontext(EXACT):
        for name, count, numbers, total, least, most in sorted(rows, key=lambda row: str(row[0])):
            group = Group()
            group.count, group.missing = numbers, count - numbers
            group.sum, group.min, group.max = total or Decimal(0), least, most
            group_for(summary.groups, name.strip(), reading).add_all(group)
            summary.rows += count
    return summary
