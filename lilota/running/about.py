"""What a runner tells people of itself with its heartbeats: what it serves, what troubles it, or why it has failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import described
from lilota.tasks.limits import MESSAGE_LIMIT

#: Nobody reads more names or troubles than that, and each heartbeat carries them.
_NAMES_LIMIT: Final = 200
_TROUBLES_LIMIT: Final = 10


def with_service(runner: RunnerInfo, takes: ClaimRequest, places: int, troubles: Sequence[str] = ()) -> RunnerInfo:
    """Return a runner that tells which tasks it takes, in how many places, and what somebody has to look at."""
    about: dict[str, object] = {"names": takes.names[:_NAMES_LIMIT], "queues": takes.queues, "places": places}
    if troubles:
        about["troubles"] = troubles[:_TROUBLES_LIMIT]
    return _telling(runner, about)


def with_failure(runner: RunnerInfo, error: BaseException) -> RunnerInfo:
    """Return a runner that holds no lease any more, and tells why."""
    failed = msgspec.structs.replace(runner, lease_seconds=0)
    return _telling(failed, {"failure": described(error)[:MESSAGE_LIMIT]})


def _telling(runner: RunnerInfo, about: dict[str, object]) -> RunnerInfo:
    return msgspec.structs.replace(runner, about_json=msgspec.json.encode(about).decode())
