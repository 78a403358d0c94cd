"""The JSON that machines read; what it says of a record, the record itself knows (`to_dict()`)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lilota.cli.output import echo

if TYPE_CHECKING:
    from lilota.foresight import Estimate
    from lilota.models import JSONObject, TaskInfo


def print_json(value: object, *, indent: int | None = None) -> None:
    """Print one JSON document. ASCII only: nothing in it can reach a terminal as an escape."""
    echo(json.dumps(value, ensure_ascii=True, indent=indent))


def foreseen_summary(task: TaskInfo, estimate: Estimate | None) -> JSONObject:
    """Return a task without what may be long, and what is foreseen of it: null once it has ended."""
    return {**task.summary(), "estimate": estimate and estimate.to_dict()}
