"""Run generate_report over the tables that packages ship, and compare each sum with what pandas finds.

    python tables.py FOLDER

FOLDER has distributions in it (.whl, .tar.gz). Of each table a column of numbers is summed by another column; pandas is
told how the task understood the file, and reads and sums by itself.
"""

from __future__ import annotations

import csv
import math
import re
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from lilota_example_tasks.generate_report import MISSING, GenerateReport

from lilota.testing.tasks import run_task

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
SAMPLE_ROWS = 300
#: The share of the values that must be numbers for a column to be one of numbers.
NUMBERS_SHARE = 0.6
#: Of the sum of all magnitudes: pandas adds floats.
TOLERANCE = 1e-9
#: How the names of the missing group may be written.
MISSING_NAMES = ("(missing)", "((missing))")


class Outcome(NamedTuple):
    """What came of one table: handled, skipped or wrong, and why."""

    kind: str
    why: str
    file: str


def main() -> int:
    """Print a table of what came of the tables, and return 1 if a sum is wrong."""
    folder = Path(sys.argv[1])
    unpack(folder)
    outcomes = [outcome_of(path, folder / "target") for path in tables_in(folder)]
    for (kind, why), count in sorted(Counter((each.kind, each.why) for each in outcomes).items()):
        examples = [each.file for each in outcomes if (each.kind, each.why) == (kind, why)][:3]
        print(f"{count:>5}  {kind:<8} {why}  ({', '.join(examples)})")
    print(f"{len(outcomes):>5}  in all")
    return int(any(each.kind == "wrong" for each in outcomes))


def unpack(folder: Path) -> None:
    """Unpack the distributions in a folder, and the archives that some have in them."""
    for archive in [*folder.glob("*.whl"), *folder.glob("*.tar.gz")]:
        shutil.unpack_archive(archive, folder / "unpacked" / archive.name, "zip" if archive.suffix == ".whl" else None)
    inner = [*folder.glob("unpacked/**/*.tar.gz"), *folder.glob("unpacked/**/*.csv.zip")]
    for archive in filter(Path.is_file, inner):
        try:
            shutil.unpack_archive(archive, archive.with_name(f"{archive.name}.unpacked"))
        except shutil.ReadError as error:
            print(f"{archive.name} can't be unpacked: {error}", file=sys.stderr)


def tables_in(folder: Path) -> list[Path]:
    """Return the tables of all distributions."""
    files = sorted(path for path in (folder / "unpacked").rglob("*") if path.name.lower().endswith(SUFFIXES))
    return [path for path in files if path.is_file() and not path.name.startswith("._")]  # macOS' own


def outcome_of(path: Path, target: Path) -> Outcome:
    """Report on a table, and compare."""
    columns = choose_columns(path)
    if isinstance(columns, str):
        return Outcome("skipped", columns, path.name)
    group_by, value = columns
    job = {"source": str(path), "target": str(target), "group_by": group_by, "value": value, "groups_limit": 1_000_000}
    result = run_task(GenerateReport, job)
    if result.error is not None:
        return Outcome("skipped", general(result.error.message), path.name)
    output: dict[str, Any] = dict(result.output or {})
    left_out = [note for note in output["notes"] if "left out" in note]
    expected = sums_by_pandas(path, output, group_by, value)
    if expected is None:
        return Outcome("handled", "pandas can't read it", path.name)
    difference = differences(Path(output["summary_csv"]), expected)
    if difference and left_out:
        return Outcome("handled", "with rows left out, which pandas fills up or keeps", path.name)
    if difference:
        return Outcome("wrong", difference, path.name)
    return Outcome("handled", "with rows left out" if left_out else "as pandas has it", path.name)


def choose_columns(path: Path) -> tuple[int, int] | str:
    """Return the numbers of a column with few different texts and of one with numbers, or why there are none."""
    rows = best_rows(path)
    if len(rows) < 2 or len(rows[0]) < 2:
        return "a table of one row or of one column"
    columns = [[row[index].strip() for row in rows[1:] if len(row) > index] for index in range(len(rows[0]))]
    numbers = [index for index, column in enumerate(columns) if has_numbers(column)]
    if numbers:
        others = [index for index in range(len(columns)) if index != numbers[-1]]
        group = min(others, key=lambda index: (index in numbers, len(set(columns[index]))))
        return group + 1, numbers[-1] + 1
    return "a table without a column of numbers"


def best_rows(path: Path) -> list[list[str]]:
    """Return the first rows, with the delimiter that makes most columns."""
    import gzip  # noqa: PLC0415 - few need it

    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="latin-1", newline="") as file:
            lines = [line.replace("\0", "") for _, line in zip(range(SAMPLE_ROWS), file, strict=False)]
        tables = [[row for row in csv.reader(lines, delimiter=delimiter) if row] for delimiter in ",;\t|"]
    except (OSError, EOFError, csv.Error):
        return []
    return max(tables, key=lambda rows: len(rows[0]) if rows else 0)


def has_numbers(column: list[str]) -> bool:
    """Tell whether most texts of a column are numbers."""
    texts = [text for text in column if text not in MISSING]
    return bool(texts) and sum(to_float(text, ".") is not None for text in texts) > NUMBERS_SHARE * len(texts)


def to_float(text: str, mark: str) -> float | None:
    """Return a number as pandas' users would make it of a text."""
    if mark == "," or "," in text:
        text = text.replace("." if mark == "," else ",", "").replace(",", ".")
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None


def sums_by_pandas(path: Path, output: dict[str, Any], group_by: int, value: int) -> dict[str, float] | None:
    """Return the sums of the groups by pandas, with its parser; None if that can't read the file."""
    how = output["read_as"]
    try:
        frame = pd.read_csv(
            path,
            sep=how["delimiter"],
            encoding=how["encoding"],
            compression=how["compression"],
            dtype=str,
            keep_default_na=False,
            na_filter=False,
            index_col=False,
            on_bad_lines="skip",
            encoding_errors="surrogateescape",
        )
    except (ValueError, pd.errors.ParserError, UnicodeError):
        return None
    names = frame.iloc[:, group_by - 1].fillna("").str.strip()
    texts = frame.iloc[:, value - 1].fillna("").str.strip()
    numbers = texts.map(lambda text: None if text in MISSING else to_float(text, how["decimal"]))
    bad = numbers.isna() & ~texts.isin(MISSING)
    groups = names.where(~names.isin(MISSING), MISSING_NAMES[0])[~bad]
    return dict(pd.Series(numbers[~bad], dtype=float).groupby(groups).sum())


def differences(summary: Path, expected: dict[str, float]) -> str:
    """Return what is otherwise in a summary, or nothing."""
    with summary.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    found = {row[0].removeprefix("'"): float(row[3]) for row in rows}
    expected = {name.removeprefix("'"): total for name, total in expected.items()}
    if set(found) != set(expected):
        return "other groups"
    magnitude = sum(max(abs(float(row[5] or 0)), abs(float(row[6] or 0))) * int(row[1]) for row in rows)
    wrong = [name for name in found if abs(found[name] - expected[name]) > TOLERANCE * magnitude]
    return "other sums" if wrong else ""


def general(message: str) -> str:
    """Return an error without what differs from file to file."""
    return re.sub(r"\d+", "N", re.sub(r"'[^']*'", "...", message))[:150]


if __name__ == "__main__":
    sys.exit(main())
