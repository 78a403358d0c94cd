"""Faults in what travels with a task."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from msgspec.structs import replace

from broken_stores.wrapper import StoreWrapper
from lilota.contract import StoredTask
from lilota.models import Claim, NewTask


class HeadersAreLost(StoreWrapper):
    """Keeps the fields that it knows."""

    def alter_new(self, task: NewTask) -> NewTask:
        return replace(task, headers_json=None)


class HeadersAreWrittenAnew(StoreWrapper):
    """Decodes the headers and encodes them again, as a column of a JSON type does."""

    def alter_new(self, task: NewTask) -> NewTask:
        return replace(task, headers_json=task.headers_json and json.dumps(json.loads(task.headers_json)))


class HeadersOfTheFirstAreThoseOfAll(StoreWrapper):
    """Takes tasks of one call for alike, whatever travels with them."""

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        alike = [replace(task, headers_json=tasks[0].headers_json) for task in tasks]
        return super().add(alike, connection=connection)


class RestoreForgetsTheHeaders(StoreWrapper):
    """Brings the tasks without what travels with them."""

    def alter_restored(self, task: StoredTask) -> StoredTask:
        return replace(task, info=replace(task.info, headers_json=None))


class ClaimForgetsTheHeaders(StoreWrapper):
    """Shows the headers to everybody but the runner."""

    def alter_claim(self, claim: Claim) -> Claim:
        return replace(claim, headers_json=None)


class ClaimInventsItsInstants(StoreWrapper):
    """Says that a task was added and due when it was claimed."""

    def alter_claim(self, claim: Claim) -> Claim:
        return replace(claim, created_at=time.time(), run_at=time.time())
