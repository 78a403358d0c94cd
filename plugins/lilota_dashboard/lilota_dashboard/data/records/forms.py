"""The form by which a task is added, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from lilota.models import JSONObject, Record

FieldKind = Literal["text", "password", "integer", "number", "boolean", "choice", "date", "time", "datetime", "json"]


class Choice(Record, frozen=True, kw_only=True):
    """A value that can be chosen: `value` is submitted, `text` is shown."""

    value: str
    text: str


class FormField(Record, frozen=True, kw_only=True):
    """One field of a form.

    Attributes:
        key: of the input; the name of the form field is "input." and the key.
        kind: which control: "text", "password", "integer", "number", "boolean", "choice", "date", "time", "datetime" or
            "json" (an array, an object, or any value, as JSON text).
        value: what stands in it: as submitted, or the default. A password is never given back.
        is_nullable: it may be left empty, which is null.
        hint: its type and limits in words.
        minimum, maximum, pattern, longest: for the control, "" or None where there is none.
        error: what is wrong with what was submitted, or "".
    """

    key: str
    kind: FieldKind
    label: str
    description: str = ""
    hint: str = ""
    value: str = ""
    is_required: bool = False
    is_nullable: bool = False
    choices: tuple[Choice, ...] = ()
    minimum: str = ""
    maximum: str = ""
    longest: int | None = None
    error: str = ""


class Form(Record, frozen=True, kw_only=True):
    """A form to add a task: the fields `input.KEY`, `input` (JSON text), `description` and `queue`.

    Attributes:
        fields: none where the task takes any object.
        takes_more: there is a field `input` for other keys, or for all of them: JSON text, an object.
        raw: what stands in that.
        error: what is wrong with all of it, or "".
    """

    name: str
    fields: tuple[FormField, ...]
    takes_more: bool
    raw: str = ""
    description: str = ""
    queue: str = ""
    error: str = ""


class Submitted(Record, frozen=True, kw_only=True):
    """What somebody filled in: an input, or errors by key ("" for all of it)."""

    input: JSONObject | None
    errors: Mapping[str, str]


class Added(Record, frozen=True, kw_only=True):
    """What came of a form: the id of a new task, or the form with its errors."""

    task_id: int | None
    form: Form
