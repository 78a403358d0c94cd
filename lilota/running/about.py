"""What a runner tells people of itself with its heartbeats: what it serves, or why it has failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from lilota.contract import RunnerInfo
from lilota.errors import described
from lilota.tasks.limits import MESSAGE_LIMIT

#: Nobody reads more names than that, and each heartbeat carries them.
_NAMES_LIMIT: Final = 200


def with_service(runner: RunnerInfo, names: Sequence[str], queues: Sequence[str] | None, places: int) -> RunnerInfo:
    """Return a runner that tells which task names and queues it serves, and in how many places."""
    return _telling(runner, {"names": names[:_NAMES_LIMIT], "queues": queues, "places": places})


def with_failure(runner: RunnerInfo, error: BaseException) -> RunnerInfo:
    """Return a runner that holds no lease any more, and tells why."""
    failed = msgspec.structs.replace(runner, lease_seconds=0)
    return _telling(failed, {"failure": described(error)[:MESSAGE_LIMIT]})


def _telling(runner: RunnerInfo, about: dict[str, object]) -> RunnerInfo:
    return msgspec.structs.replace(runner, about_json=msgspec.json.encode(about).decode())
