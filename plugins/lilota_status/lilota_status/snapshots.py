"""A task as a page sees it: nothing that the server knows besides is in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from lilota.client import TaskClient
from lilota.files.reading import TaskFile
from lilota.foresight import Estimate
from lilota.models import TaskInfo, TaskState
from lilota_status.texts import STATES, iso, shown, title_of

#: What `allow` is asked about besides "view".
ACTIONS = ("logs", "result", "files", "cancel")


class Seen(NamedTuple):
    """A task that somebody may see.

    Attributes:
        ref: the reference by which it was asked for.
        key: what tells it from others, however it is asked for; see `Visitors.key`.
        granted: which of `ACTIONS` this visitor may do.
    """

    ref: str
    key: str
    info: TaskInfo
    granted: Collection[str]


def snapshot(seen: Seen, base: str, files: Collection[TaskFile], estimate: Estimate | None) -> dict[str, Any]:
    """Return what a page gets of a task.

    Args:
        estimate: what is foreseen of it, None where nobody was asked.
    """
    info, progress, own = seen.info, seen.info.progress, f"{base}/{seen.ref}"
    foreseen = estimate or Estimate(finishes_at=progress.finish_at)
    return {
        "ref": seen.ref,
        "key": seen.key,
        "name": shown(info.name),
        "title": title_of(info),
        "state": STATES[info.state],
        "cancel_requested": info.cancel_requested,
        "percentage": percentage_of(info),
        "message": None if progress.message is None else shown(progress.message),
        "step": progress.step,
        "of": progress.of,
        "created_at": iso(info.created_at),
        "run_at": iso(info.run_at),
        "started_at": iso(info.started_at),
        "finished_at": iso(info.finished_at),
        "finish_at": iso(foreseen.finishes_at),
        "starts_at": iso(foreseen.starts_at),
        "before": foreseen.before,
        "attempt": info.attempt,
        "error": error_of(info),
        "has_result": "result" in seen.granted and has_result(info),
        "files": [_file(file, own) for file in files] if "files" in seen.granted else [],
        "actions": [action for action in ACTIONS if action in seen.granted and _makes_sense(action, info)],
        "now": iso(datetime.now(UTC)),
        "links": {"self": own, "logs": f"{own}/logs", "result": f"{own}/result", "cancel": f"{own}/cancel"},
    }


def is_estimated(info: TaskInfo) -> bool:
    """Tell whether the store has to be asked when a task will start and end: it waits, or tells of no pace."""
    return not info.state.is_terminal and info.progress.finish_at is None


def estimates_of(client: TaskClient, infos: Iterable[TaskInfo]) -> Mapping[int, Estimate]:
    """Return by id what is foreseen of those tasks that do not tell of it themselves. Raises StoreError."""
    return client.estimates(filter(is_estimated, infos))


def percentage_of(info: TaskInfo) -> float | None:
    """Return how far a task is, None where nobody knows: before it has begun, or where it has told nothing."""
    if info.state is TaskState.SUCCEEDED:
        return 100
    return info.reported_progress or None


def error_of(info: TaskInfo) -> str | None:
    """Return why a task that has ended did not succeed, in a sentence; the traceback is for those who run it."""
    return shown(info.error.message) if info.error is not None and info.state.is_terminal else None


def has_result(info: TaskInfo) -> bool:
    """Tell whether there is a result."""
    return info.state is TaskState.SUCCEEDED and info.output_json is not None


def _makes_sense(action: str, info: TaskInfo) -> bool:
    if action == "cancel":
        return not info.state.is_terminal and not info.cancel_requested
    return action != "result" or has_result(info)


def _file(file: TaskFile, own: str) -> dict[str, object]:
    url = f"{own}/files/{quote(file.name, safe='')}"
    return {"name": file.name, "size": file.size, "media_type": file.media_type, "url": url}
