"""What is told of the end of a task: an event, as JSON has it, in which secrets are masked."""

from __future__ import annotations

import json
from typing import Final, TypedDict

from lilota.contract import to_microseconds
from lilota.models import JSONObject, TaskInfo

#: An output that is longer is left out: who wants it asks for it.
_LONGEST_OUTPUT_BYTES: Final = 64 * 1024
_LONGEST_MESSAGE: Final = 500
#: What a mail can tell.
MAIL_FIELDS: Final = ("id", "ref", "name", "state", "error", "finished_at", "page")


class Event(TypedDict):
    """What is told; its form is that of Standard Webhooks.

    Attributes:
        id: names this end of this task, whoever tells it, and however often.
        type: "task.succeeded", "task.failed" or "task.cancelled".
        timestamp: when it ended, as ISO 8601 in UTC.
        data: `id`, `name`, `state`, `finished_at`, `error`; `ref`, `page`, `output` where there is one to tell.
    """

    id: str
    type: str
    timestamp: str
    data: JSONObject


def event_id(info: TaskInfo) -> str:
    """Return what names this end of this task: the same whoever tells it, and another one after a retry."""
    if info.finished_at is None:
        raise ValueError(f"the task {info.id} has not ended")
    return f"lilota-{info.id}-{to_microseconds(info.finished_at)}"


def event_of(info: TaskInfo, *, output: bool, ref: str | None, page: str | None) -> Event:
    """Return what is told of the end of a task.

    Args:
        output: tell the output, too.
        ref: the reference of the task, or None.
        page: the address of its page, with places for `{ref}` and `{id}`, or None.
    """
    shown = info.summary()
    data = {name: shown[name] for name in ("id", "name", "state", "finished_at")}
    data["error"] = _short_error(shown["error"])
    if ref is not None:
        data["ref"] = ref
    if page is not None and (ref is not None or "{ref}" not in page):
        data["page"] = page.replace("{ref}", ref or "").replace("{id}", str(info.id))
    if output:
        data |= _output(info)
    return Event(id=event_id(info), type=f"task.{info.state}", timestamp=shown["finished_at"], data=data)


def _short_error(error: JSONObject | None) -> JSONObject | None:
    """Return an error without its traceback, which is for those who look after the program."""
    if error is None:
        return None
    return {"type": error["type"][:_LONGEST_MESSAGE], "message": error["message"][:_LONGEST_MESSAGE]}


def _output(info: TaskInfo) -> JSONObject:
    output = info.to_dict()["output"]
    if len(json.dumps(output).encode()) > _LONGEST_OUTPUT_BYTES:
        return {"output_left_out": True}
    return {"output": output}
