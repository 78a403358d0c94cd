# ruff: noqa: INP001 - a script beside its pictures, no package
"""Make two reports by the task `generate_report`, and pictures of their first pages beside this file.

    python docs/images/draw_reports.py

Needs pypdfium2, and lilota with `lilota-example-tasks[letters]`.
"""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path
from typing import Final

from pypdfium2 import PdfDocument

from lilota.runner import TaskRunner

PICTURES: Final = Path(__file__).parent
#: Country, year, gross domestic product in cents of a made-up currency: 12 digits and more, some of them negative.
LONG_NUMBERS: Final = [
    (name, year, factor * (987_654_321_098 + 1_234_567_891 * (year - 2000)))
    for name, factor in (
        ("United States", 3),
        ("Germany", 1),
        ("Japan", 2),
        ("Saint Vincent and the Grenadines and other islands of the Windward group", 1),
        ("Balance of payments, adjusted", -2),
        ("Errors and omissions", -1),
    )
    for year in range(2000, 2025)
]
#: City, day, visitors.
ALPHABETS: Final = [
    (city, day, 1_000 * (40 - place) + 7 * day)
    for place, city in enumerate(
        (
            "\u041c\u043e\u0441\u043a\u0432\u0430",  # Moscow
            "\u5317\u4eac\u5e02 (Beijing)",
            "\u0421\u0430\u043d\u043a\u0442-\u041f\u0435\u0442\u0435\u0440\u0431\u0443\u0440\u0433",  # Saint Petersburg
            "\u4e0a\u6d77\u5e02",  # Shanghai
            "\u041d\u043e\u0432\u043e\u0441\u0438\u0431\u0438\u0440\u0441\u043a",  # Novosibirsk
            "\u5e7f\u5dde\u5e02",  # Guangzhou
            "\u041a\u0438\u0457\u0432",  # Kyiv
            "\u6771\u4eac\u90fd",  # Tokyo
            "\uc11c\uc6b8\ud2b9\ubcc4\uc2dc",  # Seoul
            "\u0391\u03b8\u03ae\u03bd\u03b1",  # Athens
            "\u0141\u00f3d\u017a",
            "\u05ea\u05dc \u05d0\u05d1\u05d9\u05d1",  # Tel Aviv, from the right
            "\u0627\u0644\u0642\u0627\u0647\u0631\u0629",  # Cairo, from the right and joined
            "\u10d7\u10d1\u10d8\u10da\u10d8\u10e1\u10d8",  # Tbilisi
        )
    )
    for day in range(1, 31)
]


def main() -> None:
    """Draw both."""
    draw("report-long-numbers", ("country", "year", "cents"), LONG_NUMBERS, "Cents by country")
    title = "\u041f\u043e\u0441\u0435\u0442\u0438\u0442\u0435\u043b\u0438 \u00b7 \u8bbf\u5ba2"  # visitors, twice
    draw("report-alphabets", ("\u0433\u043e\u0440\u043e\u0434 \u57ce\u5e02", "day", "visitors"), ALPHABETS, title)


def draw(name: str, columns: tuple[str, str, str], rows: list[tuple[str, int, int]], title: str) -> None:
    """Write a table, report on its first and last columns, and draw the first page as NAME.png."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, f"{name}.csv")
        with source.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *rows])
        job = {"source": str(source), "target": folder, "group_by": columns[0], "value": columns[2], "title": title}
        with TaskRunner(f"sqlite:///{folder}/tasks.db", number_of_processes=1) as runner:
            runner.add("generate_report", input=job).result(timeout_seconds=60)
        with PdfDocument(f"{folder}/report.pdf") as document:
            document[0].render(scale=80 / 72).to_pil().save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
