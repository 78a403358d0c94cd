"""The JSON that machines read; what it says of a record, the record itself knows (`to_dict()`)."""

from __future__ import annotations

import json

from lilota.cli.output import echo


def print_json(value: object, *, indent: int | None = None) -> None:
    """Print one JSON document. ASCII only: nothing in it can reach a terminal as an escape."""
    echo(json.dumps(value, ensure_ascii=True, indent=indent))
