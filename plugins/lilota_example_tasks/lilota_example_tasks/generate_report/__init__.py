"""The task `generate_report`: a CSV file of any size becomes a grouped summary, as CSV and as a PDF with a chart."""

from lilota_example_tasks.generate_report.reading import MISSING
from lilota_example_tasks.generate_report.task import GenerateReport

__all__ = ["MISSING", "GenerateReport"]
