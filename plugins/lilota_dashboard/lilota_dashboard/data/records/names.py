"""The names of tasks, with what is known of each."""

from __future__ import annotations

from lilota.models import Record
from lilota.statistics import NameStats
from lilota_dashboard.data.records.forms import Form
from lilota_dashboard.data.records.overview import Numbers
from lilota_dashboard.data.records.task import JSONText
from lilota_dashboard.data.records.tasks import TaskRow


class NameRow(Record, frozen=True, kw_only=True):
    """One task name.

    Attributes:
        numbers: of all its tasks.
        stats: of the newest tasks that ended, None if none of these is of the name.
        is_known: it can be added here; `is_served`: a living runner takes it, None if nobody knows.
        distribution: which package brings it, "" if none does, or that is not known here.
    """

    name: str
    queues: tuple[str, ...]
    numbers: Numbers
    stats: NameStats | None
    is_known: bool
    is_served: bool | None
    distribution: str


class NamesPage(Record, frozen=True, kw_only=True):
    """All names: those in the store, those that can be added here, and those that runners tell of."""

    rows: tuple[NameRow, ...]
    looked_at: int


class NamePage(Record, frozen=True, kw_only=True):
    """All about one name.

    Attributes:
        docstring: lines.
        problem: why it can't be imported or described here; "" if it can. Without details, there is no form.
        options: (option, value) that differ from the usual ones, and those that are always told.
        schema: of the input, as JSON text.
        recent: its newest tasks.
    """

    row: NameRow
    docstring: tuple[str, ...]
    problem: str
    reference: str
    file: str
    returns: str
    options: tuple[tuple[str, str], ...]
    input_schema: JSONText | None
    output_schema: JSONText | None
    form: Form | None
    recent: tuple[TaskRow, ...]
