"""What a reader must know besides the numbers: sentences for the output, the log and the first page."""

from __future__ import annotations

from lilota_example_tasks.generate_report.layout import Layout
from lilota_example_tasks.generate_report.totals import Summary

LINES_NAMED = 5


def notes_on(layout: Layout, summary: Summary) -> list[str]:
    """Return the sentences, the gravest first."""
    notes = [] if summary.rows else ["The table has no rows."]
    left_out = summary.bad_rows.total()
    if left_out:
        reasons = ", ".join(f"{count:,} for {kind}" for kind, count in summary.bad_rows.most_common())
        lines = ", ".join(str(row.line) for row in summary.first_bad_rows[:LINES_NAMED])
        more = " and others" if left_out > LINES_NAMED else ""
        first = summary.first_bad_rows[0]
        notes.append(
            f"{left_out:,} of {summary.rows:,} rows were left out: {reasons}. They begin on the lines {lines}{more}; "
            f"line {first.line}: {first.reason}."
        )
    return [*notes, *layout.notes]
