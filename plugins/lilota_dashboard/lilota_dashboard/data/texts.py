"""Texts of strangers as a page shows them: secrets masked, control characters visible, and never endless."""

from __future__ import annotations

import json
from typing import Final

from lilota.errors import StoreError
from lilota.models import TaskError, TaskInfo, TaskState
from lilota.texts.safe import escape, safe, safe_lines
from lilota.texts.secrets import mask_secrets
from lilota_dashboard.data.records.task import ErrorText, JSONText

#: How many characters of a line are shown, of a value as JSON, and how many lines of a traceback.
LINE_LIMIT: Final = 500
_JSON_LIMIT: Final = 100_000
_TRACEBACK_LINES: Final = 500
#: A task that may start is what people call waiting; one that waits for something else is not.
_STATES: Final[dict[str, str]] = {TaskState.PENDING: "waiting", TaskState.WAITING: "on hold"}


def state_word(state: str) -> str:
    """Return what pages call a state."""
    return _STATES.get(state, state)


def line(text: str, limit: int = LINE_LIMIT) -> str:
    """Return a text as one harmless line; what is longer than the limit is cut."""
    # Masked as a whole: the half of a secret that is left by a cut is not recognised as one.
    shown = safe(text)
    return shown if len(shown) <= limit else f"{shown[:limit]}..."


def error_line(info: TaskInfo) -> str:
    """Return why the newest attempt did not succeed, as "Type: message", or ""."""
    return "" if info.error is None else line(f"{info.error.type}: {info.error.message}")


def error_text(error: TaskError | None) -> ErrorText | None:
    """Return an error with the lines of its traceback, the last ones where there are very many."""
    if error is None:
        return None
    lines = safe_lines(error.traceback) if error.traceback else []
    cut = [f"({len(lines) - _TRACEBACK_LINES:,} lines before)"] if len(lines) > _TRACEBACK_LINES else []
    return ErrorText(
        type=line(error.type),
        message=line(error.message, 4000),
        traceback=(*cut, *lines[-_TRACEBACK_LINES:]),
    )


def json_text(value: object) -> JSONText:
    """Return a decoded JSON value as indented text, secrets masked; the beginning of what is very long."""
    return masked_json_text(mask_secrets(value))


def masked_json_text(value: object) -> JSONText:
    """Do the same for a value whose secrets are masked already."""
    lines = json.dumps(value, indent=2, ensure_ascii=False).split("\n")
    whole = "\n".join(map(escape, lines))
    return JSONText(text=whole[:_JSON_LIMIT], length=len(whole), is_cut=len(whole) > _JSON_LIMIT)


def masked_input_text(info: TaskInfo) -> JSONText:
    """Return the input of a task, which may have been damaged in the store: then why it can't be read."""
    try:
        return masked_json_text(info.masked_input)
    except StoreError as error:
        return damaged(error)


def damaged(error: StoreError) -> JSONText:
    """Return what stands in the place of a value that can't be read."""
    said = line(str(error))
    return JSONText(text=said, length=len(said))
