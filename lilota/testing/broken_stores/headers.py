"""Faults in what travels with a task."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from lilota.contract import Claimed, ClaimRequest, StoredTask
from lilota.models import Claim, NewTask
from lilota.testing.broken_stores.wrapper import StoreWrapper


class HeadersAreLost(StoreWrapper):
    """Keeps the fields that it knows."""

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        return super().add([replace(task, headers_json=None) for task in tasks], connection=connection)


class HeadersAreWrittenAnew(StoreWrapper):
    """Decodes the headers and encodes them again, as a column of a JSON type does."""

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        return super().add([self._anew(task) for task in tasks], connection=connection)

    def _anew(self, task: NewTask) -> NewTask:
        return replace(task, headers_json=task.headers_json and json.dumps(json.loads(task.headers_json)))


class HeadersOfTheFirstAreThoseOfAll(StoreWrapper):
    """Takes tasks of one call for alike, whatever travels with them."""

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        alike = [replace(task, headers_json=tasks[0].headers_json) for task in tasks]
        return super().add(alike, connection=connection)


class RestoreForgetsTheHeaders(StoreWrapper):
    """Brings the tasks without what travels with them."""

    def restore(self, tasks: Sequence[StoredTask]) -> int:
        return super().restore([replace(task, info=replace(task.info, headers_json=None)) for task in tasks])


class _ChangesClaims(StoreWrapper):
    change: Callable[[Claim], Claim]

    def claim(self, request: ClaimRequest) -> Claimed:
        claimed = super().claim(request)
        return replace(claimed, claims=tuple(map(type(self).change, claimed.claims)))


class ClaimForgetsTheHeaders(_ChangesClaims):
    """Shows the headers to everybody but the runner."""

    @staticmethod
    def change(claim: Claim) -> Claim:
        return replace(claim, headers_json=None)


class ClaimInventsItsInstants(_ChangesClaims):
    """Says that a task was added and due when it was claimed."""

    @staticmethod
    def change(claim: Claim) -> Claim:
        return replace(claim, created_at=time.time(), run_at=time.time())
