"""What a runner tells people of itself with its heartbeats: what it serves, what troubles it, or why it has failed."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from lilota import __version__
from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import described
from lilota.tasks.limits import MEGABYTE, MESSAGE_LIMIT

#: How many characters the names that a runner tells have together: each heartbeat carries them, and a store keeps them.
_NAMES_LIMIT: Final = 10_000
_TROUBLES_LIMIT: Final = 10


def with_service(
    runner: RunnerInfo,
    serves: ClaimRequest,
    takes: ClaimRequest,
    *,
    places: int,
    troubles: Sequence[str] = (),
    problem: str = "",
    is_stopping: bool = False,
    control: str = "",
    nodes: Mapping[str, int] | None = None,
    memory_bytes: int | None = None,
) -> RunnerInfo:
    """Return a runner that tells which tasks it takes, in how many places, and what somebody has to look at.

    Args:
        serves: what it was started for; what it does not take of that, it has given up.
        problem: what keeps it from running any task just now, as a sentence; "" if nothing does.
        control: the address of its control socket, "" if it has none.
        nodes: how many of the places are on which node, None if all are on the machine of the runner.
        memory_bytes: what its process has in memory, with those of its workers; None where nothing tells.
    """
    names, queues = _within_limit(takes.names), _within_limit(takes.queues or ())
    about: dict[str, object] = {
        "names": names,
        "more_names": len(takes.names) - len(names),
        "queues": None if takes.queues is None else queues,
        "more_queues": len(takes.queues or ()) - len(queues),
        "places": places,
        "lilota": __version__,
        "python": platform.python_version(),
    }
    if nodes is not None:
        told = {node: nodes[node] for node in _within_limit(nodes)}
        about |= {"nodes": told, "more_nodes": len(nodes) - len(told)}
    if memory_bytes is not None:
        about["memory_mb"] = round(memory_bytes / MEGABYTE, 1)
    if control:
        about["control"] = control
    if troubles:
        about["troubles"] = troubles[:_TROUBLES_LIMIT]
    if problem:
        about["problem"] = problem[:MESSAGE_LIMIT]
    if takes is not serves:
        taken = frozenset(takes.names)
        about["given_up"] = _within_limit(name for name in serves.names if name not in taken)
    if is_stopping:
        about["stopping"] = True
    return _telling(runner, about)


def with_failure(runner: RunnerInfo, error: BaseException) -> RunnerInfo:
    """Return a runner that holds no lease any more, and tells why."""
    failed = msgspec.structs.replace(runner, lease_seconds=0)
    return _telling(failed, {"failure": described(error)[:MESSAGE_LIMIT]})


def _within_limit(names: Iterable[str]) -> list[str]:
    """Return the first of the names, as many as there is room for."""
    told, room = [], _NAMES_LIMIT
    for name in names:
        room -= len(name)
        if room < 0:
            break
        told.append(name)
    return told


def _telling(runner: RunnerInfo, about: dict[str, object]) -> RunnerInfo:
    return msgspec.structs.replace(runner, about_json=msgspec.json.encode(about).decode())
