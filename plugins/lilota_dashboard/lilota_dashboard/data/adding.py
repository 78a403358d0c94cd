"""Add a task by a form, or once more with the input of another one that can be changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from lilota.client import TaskClient
from lilota.describing import TaskDetails
from lilota.errors import ConfigurationError, InvalidInputError, InvalidTaskError, TaskRefusedError
from lilota.models import JSONObject, TaskInfo
from lilota.texts.secrets import mask_secrets
from lilota_dashboard.data.descriptions import Describe, describe
from lilota_dashboard.data.form import field_text, fields_of
from lilota_dashboard.data.records.forms import Added, Form, FormField
from lilota_dashboard.data.submissions import RAW, given_texts, submitted
from lilota_dashboard.data.texts import line, masked_json_text

DESCRIPTION: Final = "description"
QUEUE: Final = "queue"
_KEY: Final = re.compile(r"`\$\.(\w+)|the parameter '(\w+)'")
_SECRET: Final = "It held a secret, which is not shown. Fill it in again."  # noqa: S105 - a sentence
_REMOVED: Final = "What held secrets was left out of the input. Add it again."


def empty_form(name: str, details: TaskDetails) -> Form:
    """Return the form of a task with its defaults."""
    return _form(name, details, None, {})


def form_to_change(client: TaskClient, info: TaskInfo, describe: Describe = describe) -> Form:
    """Return the form of a task with the input of one that was added before; what is secret in it is left empty.

    Raises:
        UnknownTaskError: the task can't be added here.
        LilotaError: it can't be imported here.
    """
    details = describe(client, info.name)
    open_keys = {key: value for key, value in info.input.items() if info.masked_input[key] == value}
    hidden = dict.fromkeys(info.input.keys() - open_keys.keys(), _SECRET)
    fields = fields_of(details.input_schema)
    given = {field.key: field_text(field.kind, open_keys.get(field.key)) for field in fields}
    form = _form(info.name, details, given, hidden)
    rest = {key: value for key, value in open_keys.items() if key not in given}
    is_cut = hidden.keys() - given.keys()
    return replace(
        form,
        raw=masked_json_text(rest).text if rest else form.raw,
        description=line(info.description),
        queue=line(info.queue),
        error=_REMOVED if is_cut else "",
    )


def add(client: TaskClient, name: str, form: Sequence[tuple[str, str]], describe: Describe = describe) -> Added:
    """Add a task by what somebody filled in: `input.KEY` for each field, `input`, `description` and `queue`.

    The module of the task is imported here, as by a program that adds it: its types check the input.

    Raises:
        UnknownTaskError: the task can't be added here.
        LilotaError: it can't be imported here, or the store can't be written.
    """
    details = describe(client, name)
    found = submitted(details.input_schema, form)
    if found.input is None:
        return Added(task_id=None, form=_again(name, details, form, found.errors))
    try:
        client.registry.resolve(name)
        task_id = _add(client, name, found.input, dict(form))
    except (InvalidInputError, ConfigurationError, TaskRefusedError, InvalidTaskError) as error:
        return Added(task_id=None, form=_again(name, details, form, _by_key(error, details)))
    return Added(task_id=task_id, form=empty_form(name, details))


def _add(client: TaskClient, name: str, given: JSONObject, form: Mapping[str, str]) -> int:
    description, queue = form.get(DESCRIPTION, "").strip(), form.get(QUEUE, "").strip()
    if queue:
        return client.add(name, description, given, queue=queue).id
    return client.add(name, description, given).id


def _by_key(error: Exception, details: TaskDetails) -> dict[str, str]:
    """Return what is wrong under the key that the sentence names, or under "" for all of it."""
    said = line(str(error), 2000)
    keys = {each.name for each in details.parameters or ()}
    named = _KEY.search(str(error))
    key = (named[1] or named[2]) if named else ""
    if key not in keys or isinstance(error, ConfigurationError):
        return {"": said}
    return {key: said.partition(": ")[2] or said}


def _again(name: str, details: TaskDetails, form: Iterable[tuple[str, str]], errors: Mapping[str, str]) -> Form:
    """Return the form as it was filled in, but for secrets."""
    pairs = list(form)
    others = dict(pairs)
    return replace(
        _form(name, details, given_texts(pairs), errors),
        raw=str(mask_secrets(others.get(RAW, ""))),
        description=others.get(DESCRIPTION, ""),
        queue=others.get(QUEUE, ""),
        error=errors.get("", ""),
    )


def _form(name: str, details: TaskDetails, given: Mapping[str, str] | None, errors: Mapping[str, str]) -> Form:
    fields: tuple[FormField, ...] = fields_of(details.input_schema, given, errors)
    return Form(name=line(name), fields=fields, takes_more=details.takes_more)
