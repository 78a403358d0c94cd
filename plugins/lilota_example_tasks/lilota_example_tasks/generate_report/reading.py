"""The input of `generate_report`: what to report on, and how."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from lilota.errors import InvalidInputError
from lilota.models import TaskInfo

MISSING: Final = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL"})


class GenerateReportInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to report on, and how.

    Attributes:
        source: the CSV file, plain or compressed by gzip; its first line names the columns.
        target: the folder for the results, made if it is missing.
        group_by: the column that says to which group a row belongs: its name, or its number from 1.
        value: the column with the numbers, likewise.
        measure: what orders the groups and is drawn: "sum", "mean", "count", "min" or "max".
        title: of the PDF; made from the columns when left out.
        name: of the results, `NAME.csv` and `NAME.pdf`.
        top: how many groups the PDF shows; the CSV has all of them.
        missing: the texts that stand for "no value".
        groups_limit: more groups are an error; they are what takes memory.
        encoding: of the file; guessed when left out. A byte order mark in the file decides before this.
        delimiter: what separates the fields; guessed when left out.
        decimal: the decimal mark of the numbers; guessed when left out. The other mark may separate thousands.
        header: whether the first line names the columns; without it, columns are named by numbers.
        font: TrueType files for the PDF, one or several; what the first does not have is taken from the next.
    """

    source: str
    target: str
    group_by: str | Annotated[int, msgspec.Meta(ge=1)]
    value: str | Annotated[int, msgspec.Meta(ge=1)]
    measure: Literal["sum", "mean", "count", "min", "max"] = "sum"
    title: str | None = None
    name: Annotated[str, msgspec.Meta(pattern=r"\A\w[\w .-]*\Z", max_length=100)] = "report"
    top: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50
    missing: frozenset[str] = MISSING
    groups_limit: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000
    encoding: str | None = None
    delimiter: Annotated[str, msgspec.Meta(pattern=r'\A[^"\r\n]\Z')] | None = None
    decimal: Literal[".", ","] | None = None
    header: bool = True
    font: str | list[str] | None = None


def parse_input(task_info: TaskInfo) -> GenerateReportInput:
    """Return the input of a task, checked.

    It is one object, and no parameters of `run`, because all of it goes on to the modules that read, sum and draw.

    Raises:
        InvalidInputError: a key is missing, unknown, or has a value of the wrong type; the message names it.
    """
    try:
        return msgspec.convert(task_info.input, GenerateReportInput)
    except msgspec.ValidationError as error:
        keys = ", ".join(f"'{name}'" for name in GenerateReportInput.__struct_encode_fields__)
        message = f"The input of '{task_info.name}' can't be used: {error}. Its keys are {keys}."
        raise InvalidInputError(message) from error
